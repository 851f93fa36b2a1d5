/*
 * change - a change on files: the lock, the owner and mode, the text before, a crash before the file is
 * replaced, the history and its bound
 */
#include "common/change/change_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/change/change_history.h"
#include "common/change/change_records.h"
#include "common/change/change_undo.h"
#include "common/change/change_words.h"
#include "common/config/config.h"
#include "t/unit/check_main.h"

static char folder[64], config[80], file[100];

static void
put(const char *path, const char *text)
{
	FILE *out = fopen(path, "w");

	ck_assert_ptr_nonnull(out);
	fputs(text, out);
	fclose(out);
}

static void
expect(const char *path, const char *text)
{
	char got[2000] = "";
	FILE *in = fopen(path, "r");

	ck_assert_msg(in != NULL, "%s", path);
	got[fread(got, 1, sizeof(got) - 1, in)] = '\0';
	fclose(in);
	ck_assert_str_eq(got, text);
}

#define START_TEXT "[general]\nlisten = 127.0.0.1:2525\n"

static void
begin(void)
{
	char text[400];

	strcpy(folder, "/tmp/postern-change-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(config, sizeof(config), "%s/postern.ini", folder);
	snprintf(text, sizeof(text), "%s/servers", folder);
	ck_assert_int_eq(mkdir(text, 0755), 0);
	snprintf(file, sizeof(file), "%s/servers/default.ini", folder);
	snprintf(text, sizeof(text), "[service]\nhostname = host.example\nspool = %s\nstate = %s\nlogs = %s/logs\nrun = %s\n",
	    folder, folder, folder, folder);
	put(config, text);
	put(file, START_TEXT);
}

static void
end(void)
{
	char line[200];

	snprintf(line, sizeof(line), "rm -rf %s", folder);
	ck_assert_int_eq(system(line), 0);
}

/* A change that may be written. */
static void
prepare(struct change *c, const char *word)
{
	ck_assert_int_eq(change_open(c, config, "default"), EX_OK);
	ck_assert_int_eq(change_words_make(c, "set", &word, 1), EX_OK);
	ck_assert_msg(change_judge(c, NULL) == EX_OK, "%s", buf_text(&c->why));
}

static const char *
beside(const char *name)
{
	static char path[160];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

START_TEST(written)
{
	struct change c;
	struct stat st, was;

	begin();
	ck_assert_int_eq(chmod(file, 0640), 0);
	if (geteuid() == 0)
		ck_assert_int_eq(chown(file, 65534, 65534), 0);
	ck_assert_int_eq(rename(file, beside("real.ini")), 0);	/* a link leads to it */
	ck_assert_int_eq(stat(beside("real.ini"), &was), 0);
	ck_assert_int_eq(symlink("../real.ini", file), 0);
	prepare(&c, "general.banner=x");
	ck_assert_int_eq(change_file_write(&c), EX_OK);
	expect(file, START_TEXT "banner = x\n");
	expect(beside("real.ini"), START_TEXT "banner = x\n");
	expect(beside("real.ini.previous"), START_TEXT);
	/* the very file: nothing is written for it */
	ck_assert(stat(beside("real.ini.previous"), &st) == 0 && st.st_ino == was.st_ino && st.st_nlink == 1);
	ck_assert_int_eq(stat(beside("real.ini"), &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0640);
	ck_assert(geteuid() != 0 || (st.st_uid == 65534 && st.st_gid == 65534));
	ck_assert(lstat(file, &st) == 0 && S_ISLNK(st.st_mode));
	ck_assert_int_eq(change_file_take_back(&c), EX_OK);
	expect(file, START_TEXT);
	ck_assert_int_eq(change_file_take_back(&c), 1);		/* it is not that text any more */
	change_done(&c);
	end();
}
END_TEST

/* As in the unit of systemd: root that may change owners, and not what belongs to others. */
START_TEST(without_fowner)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	struct change c;
	int status;
	pid_t pid;

	begin();
	if (geteuid() == 0) {
		ck_assert_int_eq(chmod(file, 0640), 0);
		ck_assert_int_eq(chown(file, 65534, 65534), 0);
		pid = fork();
		if (pid == 0) {
			if (syscall(SYS_capget, &head, data) == -1)
				_exit(1);
			data[0].effective &= ~(1U << CAP_FOWNER);
			if (syscall(SYS_capset, &head, data) == -1)
				_exit(2);
			prepare(&c, "general.banner=x");
			_exit(change_file_write(&c) == EX_OK ? 0 : 3);
		}
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_int_eq(status, 0);
		expect(file, START_TEXT "banner = x\n");
	}
	end();
}
END_TEST

START_TEST(somebody_else)
{
	struct change c;

	begin();
	prepare(&c, "general.banner=x");
	put(file, START_TEXT "; another editor\n");
	ck_assert_int_eq(change_file_write(&c), 1);
	expect(file, START_TEXT "; another editor\n");
	ck_assert_int_eq(change_compare(&c, START_TEXT, strlen(START_TEXT)), EX_OK);	/* as it was read */
	ck_assert_int_eq(change_compare(&c, START_TEXT "x", strlen(START_TEXT) + 1), 1);
	ck_assert_int_eq(change_compare(&c, NULL, 0), 1);
	change_done(&c);
	end();
}
END_TEST

START_TEST(crash)
{
	struct change c;
	pid_t pid;
	int status;

	begin();
	for (int hit = 1; hit <= 2; hit++) {	/* when the text before has its name, before the file itself */
		char point[32];

		snprintf(point, sizeof(point), "change-written:%d", hit);
		pid = fork();
		if (pid == 0) {
			setenv("POSTERN_CRASH", point, 1);
			prepare(&c, "general.banner=x");
			(void)change_file_write(&c);
			_exit(0);
		}
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		expect(file, START_TEXT);
		struct config_faults faults;
		struct config *read = config_read(config, &faults);

		ck_assert(read != NULL && read->nserver == 1 && faults.errors == 0);
		config_free(read);
		config_faults_done(&faults);
	}
	prepare(&c, "general.banner=x");
	ck_assert_int_eq(change_file_write(&c), EX_OK);
	expect(file, START_TEXT "banner = x\n");
	ck_assert_int_eq(access(beside("servers/.default.ini.part"), F_OK), -1);
	change_done(&c);
	end();
}
END_TEST

static const char *not_to;	/* what gets no new name */

/* Of libc, and of a disk that fails. */
int
rename(const char *from, const char *to)
{
	if (not_to != NULL && strcmp(to, not_to) == 0) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

/* A disk that is full, one that fails at the last step: the text before is never one file with that of now. */
START_TEST(not_replaced)
{
	const struct rlimit small = { 20, RLIM_INFINITY };
	struct rlimit before;
	struct stat st, kept;
	struct change c;

	begin();
	prepare(&c, "general.banner=x");
	put(beside("servers/default.ini.previous"), "older\n");
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	ck_assert_int_ne(change_file_write(&c), EX_OK);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
	expect(file, START_TEXT);
	expect(beside("servers/default.ini.previous"), "older\n");
	not_to = file;
	ck_assert_int_eq(change_file_write(&c), EX_IOERR);
	not_to = NULL;
	expect(file, START_TEXT);
	expect(beside("servers/default.ini.previous"), START_TEXT);
	ck_assert(stat(file, &st) == 0 && stat(beside("servers/default.ini.previous"), &kept) == 0);
	ck_assert(st.st_ino != kept.st_ino && st.st_nlink == 1);
	ck_assert_int_eq(access(beside("servers/.default.ini.part"), F_OK), -1);
	ck_assert_int_eq(change_file_write(&c), EX_OK);
	change_done(&c);
	end();
}
END_TEST

START_TEST(locked)
{
	struct buf why = BUF_INIT(1000);
	struct stat st;
	int lock;

	begin();
	lock = change_file_lock(folder, &why);
	ck_assert(lock != -1 && why.len == 0);
	ck_assert_int_eq(change_file_lock(folder, &why), -1);
	ck_assert_ptr_nonnull(strstr(buf_text(&why), "another change is under way"));
	close(lock);
	lock = change_file_lock(folder, &why);
	ck_assert_int_ne(lock, -1);
	close(lock);
	ck_assert(stat(beside("changes"), &st) == 0 && (st.st_mode & 0777) == 0700);
	ck_assert_int_eq(change_file_lock("/nonexistent", &why), -1);
	buf_done(&why);
	end();
}
END_TEST

static unsigned looks;		/* at a folder */

/* Of libc, counted. */
DIR *
opendir(const char *name)
{
	int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	looks++;
	return fd != -1 ? fdopendir(fd) : NULL;
}

struct seen { unsigned next, left; };

static bool
see(void *arg, struct change_record *r)
{
	struct seen *seen = arg;

	ck_assert(r->number == seen->next || (r->number == 1 && r->server == NULL));
	seen->next = r->number - 1;
	return --seen->left > 0;
}

START_TEST(history)
{
	struct buf why = BUF_INIT(1000);
	struct change_record r;
	struct change c;
	size_t count;
	struct change_record_file *list;

	begin();
	close(change_file_lock(folder, &why));
	ck_assert(!change_history_read(&r, folder, 0));
	prepare(&c, "general.description=a\\b \xc3\xa4, c");
	struct change other;
	ck_assert_int_eq(change_open(&other, config, NULL), EX_OK);
	ck_assert_uint_eq(change_history_add(folder, &other, "uid=0", "set"), 1);	/* is not pushed out by those of another */
	change_done(&other);
	for (unsigned i = 2; i <= CHANGE_HISTORY_MAX + 5; i++)
		ck_assert_uint_eq(change_history_add(folder, &c, "uid=5", "set"), i);
	list = change_records_list(folder, NULL, &count);
	ck_assert(count == CHANGE_HISTORY_MAX + 1 && list[0].number == 1 && list[1].number == 6 &&
	    list[count - 1].number == CHANGE_HISTORY_MAX + 5);
	free(list);
	for (unsigned round = 0; round < 2; round++) {		/* all of all, some of one: one look at the folder each */
		struct seen seen = { .next = CHANGE_HISTORY_MAX + 5, .left = round == 0 ? 1000 : 3 };

		looks = 0;
		change_history_each(folder, round == 0 ? NULL : "default", see, &seen);
		ck_assert_uint_eq(looks, 1);
		ck_assert_uint_eq(seen.left, round == 0 ? 1000 - CHANGE_HISTORY_MAX - 1 : 0);
	}
	ck_assert(change_history_read(&r, folder, 1) && r.server == NULL);
	change_history_done(&r);
	ck_assert(change_history_read(&r, folder, 0));
	ck_assert(r.number == CHANGE_HISTORY_MAX + 5 && r.keys == 1 && r.key[0].before == NULL && r.lines != NULL);
	ck_assert_str_eq(r.key[0].place, "general.description");
	ck_assert_str_eq(r.key[0].after, "a\\b \xc3\xa4, c");
	ck_assert_str_eq(r.author, "uid=5");
	ck_assert_str_eq(r.server, "default");
	ck_assert_int_eq(change_file_write(&c), EX_OK);
	change_done(&c);
	ck_assert_int_eq(change_open(&c, config, "default"), EX_OK);
	ck_assert_int_eq(change_undo_make(&c, &r), EX_OK);
	ck_assert_int_eq(change_judge(&c, NULL), EX_OK);
	ck_assert_str_eq(buf_text(&c.text), START_TEXT);
	ck_assert(c.keys == 1 && c.key[0].after == NULL && strcmp(c.key[0].before, "a\\b \xc3\xa4, c") == 0);
	change_done(&c);
	change_history_done(&r);
	put(beside("changes/500"), "something else\n");
	ck_assert(!change_history_read(&r, folder, 500) && r.author == NULL);
	put(beside("changes/501"), "postern-change 1\nkey \nkey x\t=\nlines\n@");
	ck_assert(!change_history_read(&r, folder, 501));
	buf_done(&why);
	end();
}
END_TEST

/* "1 2- 7": the changes of all, those of one that has gone with a sign; of `server` alone, NULL: all. */
static const char *
owned(const char *server)
{
	static char text[200];
	size_t count, at = 0;
	struct change_record_file *list = change_records_list(folder, server, &count);

	text[0] = '\0';
	for (size_t i = 0; i < count; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%u%s", at > 0 ? " " : "", list[i].number,
		    list[i].gone ? "-" : "");
	free(list);
	return text;
}

/* A virtual server takes its changes along to its next name, and into its grave; one of the same name has none of them. */
START_TEST(owners)
{
	static const char *const names[] = { "1", "2.a", "3.b", "4.a", "5.b.3", "6.a.0", "x.a", "7.", "8.a.", "9.a.x", "0.a",
	    "1234567890.a", "10.a.1.2", ".noted" };

	begin();
	close(change_file_lock(folder, &(struct buf)BUF_INIT(100)));
	for (size_t i = 0; i < nitems_of(names); i++) {
		char *path = mem_printf("changes/%s", names[i]);

		put(beside(path), "x");
		free(path);
	}
	ck_assert_str_eq(owned(NULL), "1 2 3 4 5- 6-");
	ck_assert_str_eq(owned("a"), "2 4");
	change_records_bury(folder, "a", 7);
	ck_assert_str_eq(owned(NULL), "1 2- 3 4- 5- 6-");
	change_records_bury(folder, "a", 7);
	put(beside("changes/8.a"), "x");
	change_records_revive(folder, "a", 7);
	ck_assert_str_eq(owned("a"), "2 4");
	ck_assert_str_eq(owned(NULL), "1 2 3 4 5- 6- 8-");
	for (int twice = 0; twice < 2; twice++) {
		change_records_move(folder, "a", "c");
		ck_assert_str_eq(owned("c"), "2 4");
		ck_assert_str_eq(owned("a"), "");
	}
	ck_assert_uint_eq(change_records_next(folder), 9);
	change_records_remove(folder, 4);
	ck_assert_str_eq(owned("c"), "2");
	end();
}
END_TEST

/* Each key of the table is named, and refused in the file where it cannot be. */
START_TEST(places)
{
	for (size_t i = 0; i < key_rows_count; i++) {
		const struct key *k = &key_rows[i];
		bool named = key_section_is_named(k->section);
		enum key_owner owner = key_owner_of(k->section);
		struct buf text = BUF_INIT(200), why = BUF_INIT(400);
		struct change_place p;
		char word[100];

		snprintf(word, sizeof(word), "%s%s.%s", key_section_name(k->section),
		    k->section == KEY_DOMAIN ? ":a.example" : named ? ":a" : "", k->name);
		for (int server = 0; server < 2; server++) {
			bool fits = owner == KEY_OWNER_SERVER || (server == 1) == !key_section_is_global(k->section);
			int result = change_place_parse(&p, word, strlen(word), server == 1, false, &why);

			ck_assert_msg((result == 0) == fits, "%s: %s", word, buf_text(&why));
			if (result == -1)
				continue;
			buf_clear(&text);
			change_place_format(&text, &p);
			ck_assert_str_eq(buf_text(&text), word);
			change_place_done(&p);
		}
		buf_done(&text);
		buf_done(&why);
	}
}
END_TEST

/* What operators of a virtual server may not: also by a list of networks with the path of a file. */
START_TEST(guarded)
{
	static const struct { const char *word; bool guarded; } rows[] = {
		{ "general.banner=x", false }, { "general.home=/x", true }, { "access.relay-list=10.0.0.1", false },
		{ "access.relay-list=10.0.0.1,/etc/shadow", true }, { "access.relay-list=/known/x, 10.0.0.1", false },
		{ "access.relay-list=/known", true }, { "access.relay-list=/x", true }, { "access.relay-list=10.0.0.1,/x", true },
		{ "access.relay-list=/other /known/x", false }, { "access.relay-list=/known/x/other", true },
		{ "delivery.smart-host=a.example", false },
	};
	static const struct config nothing;
	struct buf why = BUF_INIT(500);

	begin();
	put(file, START_TEXT "[access]\nrelay-list = /known/x, /other\n");
	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct change c;

		ck_assert_int_eq(change_open(&c, config, "default"), EX_OK);
		ck_assert_int_eq(change_set(&c, rows[i].word), EX_OK);
		ck_assert_msg((change_guarded(&c, &nothing, &why) != NULL) == rows[i].guarded, "%s", rows[i].word);
		ck_assert_uint_eq(why.len, 0);
		change_done(&c);
	}
	buf_done(&why);
	end();
}
END_TEST

/* Addresses to listen at: within operator-listen, and of no one else. */
START_TEST(guarded_listen)
{
	static const struct { const char *word; const char *said; } rows[] = {
		{ "general.listen=127.0.0.1:2526", NULL }, { "general.listen=127.0.0.1:2525, 127.0.0.1:2530", NULL },
		{ "general.tls-listen=127.0.0.1:2530", NULL }, { "general.listen=127.0.0.1:nothing", NULL },
		{ "general.listen=127.0.0.1:2531", "127.0.0.1:2531 is outside of operator-listen" },
		{ "general.listen=127.0.0.1:2526 127.0.0.2:2526", "127.0.0.2:2526 is outside" },
		{ "general.listen+=*:2526", "*:2526 is outside" },
		{ "general.tls-listen=127.0.0.1:2525", "127.0.0.1:2525 is outside" },	/* it has it, but not so */
		{ "general.tls-listen=127.0.0.1", "127.0.0.1 is outside" },
		{ "general.listen=127.0.0.1:2528", "another virtual server" },
		{ "general.listen=[::ffff:127.0.0.1]:2528", "another virtual server" },
		{ "general.listen=127.0.0.1:2529", "the manager" }, { "general.listen=127.0.0.1:2527", "metrics" },
	};
	char *ranges[] = { mem_strdup("127.0.0.1:2526-2530"), mem_strdup("[2001:db8::1]:*") }, *taken[] = { mem_strdup("/a"),
	    mem_strdup("127.0.0.1:2529"), mem_strdup("127.0.0.1:2527") };
	struct config_listen other = { .text = ranges[0] };
	struct config_server servers[] = { { .name = mem_strdup("default") }, { .name = mem_strdup("other"), .listen = &other, .nlisten = 1 } };
	struct config running = { .server = servers, .nserver = 2, .service = { .operator_listen = { ranges, 2 },
	    .manager.listen = { taken, 2 }, .metrics = { taken + 2, 1 } } };
	const char *unused;

	ck_assert_int_eq(net_address_parse(&other.address, "127.0.0.1:2528", 0, &unused), 0);
	begin();
	put(file, START_TEXT);
	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct buf why = BUF_INIT(500);
		const struct change_key *k;
		struct change c;

		ck_assert_int_eq(change_open(&c, config, "default"), EX_OK);
		ck_assert_int_eq(change_set(&c, rows[i].word), EX_OK);
		k = change_guarded(&c, &running, &why);
		ck_assert_msg((k != NULL) == (rows[i].said != NULL) && (why.len > 0) == (k != NULL), "%s: %s", rows[i].word,
		    buf_text(&why));
		ck_assert_msg(k == NULL || strstr(buf_text(&why), rows[i].said) != NULL, "%s: %s", rows[i].word,
		    buf_text(&why));
		change_done(&c);
		buf_done(&why);
	}
	for (unsigned i = 0; i < 2; i++) {	/* the default: all addresses */
		struct buf why = BUF_INIT(500);
		struct change c;

		ck_assert_int_eq(change_open(&c, config, "default"), EX_OK);
		ck_assert_int_eq(change_unset(&c, "general.listen"), EX_OK);
		ck_assert_msg((change_guarded(&c, &running, &why) != NULL) == (i == 0), "%s", buf_text(&why));
		change_done(&c);
		buf_done(&why);
		free(ranges[1]);
		ranges[1] = mem_strdup("*:25");
	}
	for (size_t i = 0; i < 3; i++)
		free(taken[i]);
	for (size_t i = 0; i < 2; i++) {
		free(ranges[i]);
		free(servers[i].name);
	}
	end();
}
END_TEST

/* Whether there is an account is said by the file, as it is and as it would be, and by what runs. */
START_TEST(guarded_account)
{
	static const char *const files[] = { "", "[delivery]\noutbound-auth = basic\nuser = bob\nsecret-file = /secret\n"
	    "smart-host = a.example\noutbound-tls = verify\n" };
	const struct config_server none = { .outbound_auth = CONFIG_OUT_ANONYMOUS },
	    account = { .outbound_auth = CONFIG_OUT_BASIC };
	static const struct config nothing;
	struct buf why = BUF_INIT(500);

	begin();
	for (unsigned i = 0; i < 6; i++) {
		bool is_given = i % 2 == 1, broken = i / 2 == 1, fits = i / 2 == 2;
		char *text = mem_printf(START_TEXT "[messages]\nmax-recipients = %s\n[domain x.example]\ntype = default\n%s",
		    broken ? "1OO" : "100", files[is_given]);
		const char *words[] = { "delivery.port=2525", "messages.max-recipients=7" };
		struct change c;

		put(file, text);
		ck_assert_int_eq(change_open(&c, config, "default"), EX_OK);
		ck_assert_int_eq(change_words_make(&c, "set", words, fits ? 1 : 2), EX_OK);
		ck_assert_msg(change_judge(&c, NULL) == EX_OK, "%s", buf_text(&c.why));
		ck_assert_ptr_null(change_guarded(&c, &nothing, &why));
		ck_assert_msg((change_guarded_account(&c, &none) != NULL) == (is_given || broken), "row %u", i);
		ck_assert_ptr_nonnull(change_guarded_account(&c, &account));
		ck_assert_ptr_nonnull(change_guarded_account(&c, NULL));
		change_done(&c);
		free(text);
	}
	buf_done(&why);
	end();
}
END_TEST

UNIT_MAIN("change", written, without_fowner, somebody_else, crash, not_replaced, locked, history, owners, places, guarded,
    guarded_listen, guarded_account)
