/*
 * change_history - the last changes of INI files, each in a file of its own
 *
 * Runs in:  master, posternctl
 * Owns:     the files of that folder, which has the mode 0700
 * Promise:  at most CHANGE_HISTORY_MAX records of an INI file; a record is whole or not there
 * Fails by: 0 or false; a record that cannot be read is none
 */
#include "common/change/change_history.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/change/change_file.h"
#include "common/config/config.h"
#include "common/config/config_get.h"

#define MAGIC "postern-change 1"
#define RECORD_MAX (4U << 20)

/* --- the files --- */

/* NUMBER.SERVER, or NUMBER of postern.ini. */
struct history_file {
	unsigned number;
	char server[CONFIG_NAME_MAX + 1];
};

static int
compare_files(const void *a, const void *b)
{
	const struct history_file *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

static bool
parse_name(struct history_file *f, const char *name)
{
	size_t digits = strspn(name, "0123456789"), len = strlen(name);
	const char *server = name[digits] == '.' ? name + digits + 1 : "";

	if (digits == 0 || digits > 9 || (name[digits] != '.' && name[digits] != '\0') ||
	    len - digits > sizeof(f->server))
		return false;
	*f = (struct history_file){ .number = (unsigned)strtoul(name, NULL, 10) };
	snprintf(f->server, sizeof(f->server), "%s", server);
	return true;
}

/* By their numbers; owned by the caller. */
static struct history_file *
list_files(const char *state, size_t *count)
{
	char *folder = mem_printf("%s/changes", state);
	DIR *dir = opendir(folder);
	struct dirent *entry;
	struct history_file *list = NULL, f;

	*count = 0;
	free(folder);
	while (dir != NULL && (entry = readdir(dir)) != NULL)
		if (parse_name(&f, entry->d_name)) {
			list = mem_grow(list, *count, sizeof(*list));
			list[(*count)++] = f;
		}
	if (dir != NULL)
		closedir(dir);
	if (*count > 0)
		qsort(list, *count, sizeof(*list), compare_files);
	return list;
}

static char *
path_of(const char *state, const struct history_file *f)
{
	return mem_printf("%s/changes/%u%s%s", state, f->number, f->server[0] != '\0' ? "." : "", f->server);
}

/* The path of that number; owned by the caller. NULL: there is none. */
static char *
find_path(const char *state, unsigned number)
{
	size_t count;
	struct history_file *list = list_files(state, &count);
	char *path = NULL;

	for (size_t i = 0; i < count && path == NULL; i++)
		if (list[i].number == number)
			path = path_of(state, &list[i]);
	free(list);
	return path;
}

unsigned *
change_history_numbers(const char *state, size_t *count)
{
	struct history_file *list = list_files(state, count);
	unsigned *number = mem_array(NULL, *count + 1, sizeof(*number));

	for (size_t i = 0; i < *count; i++)
		number[i] = list[i].number;
	free(list);
	return number;
}

/* --- written --- */

/* "TAB=value", or "TAB-": it was not there. */
static void
put_value(struct buf *out, const char *value)
{
	buf_puts(out, value != NULL ? "\t=" : "\t-");
	if (value != NULL && *value != '\0')
		config_get_cell(out, value);
}

/* What moves, and what it was like: "step TAB=FROM TAB=TO TAB=INODE", "was ID running|stopped". */
static void
put_steps(struct buf *out, const struct change *c)
{
	bool goes = strcmp(c->gone, c->server) == 0;

	buf_puts(out, "key " CHANGE_HISTORY_NAME);
	put_value(out, c->gone);
	put_value(out, goes ? NULL : c->server);
	buf_printf(out, "\nwas %u %s\n", c->id, c->stopped ? "stopped" : "running");
	for (size_t i = 0; i < c->steps; i++) {
		struct stat st;

		buf_puts(out, "step ");
		put_value(out, c->step[i].from);
		put_value(out, c->step[i].to);
		if (lstat(c->step[i].from, &st) == 0)
			buf_printf(out, "\t=%llu", (unsigned long long)st.st_ino);
		buf_puts(out, "\n");
	}
}

static void
format_record(struct buf *out, const struct change *c, const char *author, const char *command)
{
	buf_printf(out, MAGIC "\ntime %lld\nauthor %s\nserver %s\ncommand %s\n", (long long)clock_wall_us(),
	    author, c->server != NULL ? c->server : "-", command);
	for (size_t i = 0; i < c->keys; i++) {
		buf_puts(out, "key ");
		change_place_format(out, &c->key[i].place);
		put_value(out, c->key[i].before);
		put_value(out, c->key[i].after);
		buf_puts(out, "\n");
	}
	if (c->gone != NULL)
		put_steps(out, c);
	buf_puts(out, "lines\n");
	if (c->gone != NULL && strcmp(c->gone, c->server) == 0)
		buf_add(out, c->old, c->old_len);
	else if (c->old != NULL)
		config_edit_undo_format(c->edit, out);
}

/* --- the note of what is under way --- */

static char *
note_path(const char *state)
{
	return mem_printf("%s/changes/.noted", state);
}

int
change_history_note(const char *state, const struct change *c, const char *author, const char *command)
{
	struct buf text = BUF_INIT(RECORD_MAX);
	char *path = note_path(state), *part = mem_printf("%s/changes/.part", state),
	    *folder = mem_printf("%s/changes", state);
	int result, saved;

	format_record(&text, c, author, command);
	errno = EFBIG;
	result = buf_ok(&text) ? disk_replace(part, path, 0600, buf_text(&text), text.len) : -1;
	if (result == 0)
		result = disk_sync_folder_at(folder);
	saved = errno;
	if (result == -1)
		unlink(path);
	buf_done(&text);
	free(path);
	free(part);
	free(folder);
	errno = saved;
	return result;
}

void
change_history_forget(const char *state)
{
	char *path = note_path(state);

	unlink(path);
	free(path);
}

void
change_history_remove(const char *state, unsigned number)
{
	char *path = find_path(state, number);

	if (path != NULL)
		unlink(path);
	free(path);
}

/* Each file has its own bound: who may change one cannot make the changes of others forgotten. */
static void
forget_old(const char *state, const struct history_file *list, size_t count, const char *server)
{
	size_t same = 0;

	for (size_t i = count; i-- > 0;) {
		char *path;

		if (strcmp(list[i].server, server) != 0 || ++same < CHANGE_HISTORY_MAX)
			continue;
		path = path_of(state, &list[i]);
		unlink(path);
		free(path);
	}
}

unsigned
change_history_keep(const char *state, const char *server)
{
	size_t count;
	struct history_file *list = list_files(state, &count), f = { .number = 1 };
	char *path, *note = note_path(state);

	f.number = count > 0 ? list[count - 1].number + 1 : 1;
	snprintf(f.server, sizeof(f.server), "%s", server);
	path = path_of(state, &f);
	if (rename(note, path) == -1)
		f.number = 0;
	change_file_own(path, state);
	if (f.number != 0)
		forget_old(state, list, count, f.server);
	free(list);
	free(path);
	free(note);
	return f.number;
}

unsigned
change_history_add(const char *state, const struct change *c, const char *author, const char *command)
{
	struct buf text = BUF_INIT(RECORD_MAX);
	size_t count;
	struct history_file *list = list_files(state, &count), f = { .number = 1 };
	char *path, *part = mem_printf("%s/changes/.part", state);

	f.number = count > 0 ? list[count - 1].number + 1 : 1;
	snprintf(f.server, sizeof(f.server), "%s", c->server != NULL ? c->server : "");
	path = path_of(state, &f);
	format_record(&text, c, author, command);
	if (disk_replace(part, path, 0600, buf_text(&text), text.len) == -1)
		f.number = 0;
	change_file_own(path, state);
	if (f.number != 0)
		forget_old(state, list, count, f.server);
	free(list);
	free(path);
	free(part);
	buf_done(&text);
	return f.number;
}

/* --- read --- */

void
change_history_done(struct change_record *r)
{
	for (size_t i = 0; i < r->keys; i++) {
		free(r->key[i].place);
		free(r->key[i].before);
		free(r->key[i].after);
	}
	for (size_t i = 0; i < r->steps; i++) {
		free(r->step[i].from);
		free(r->step[i].to);
	}
	free(r->key);
	free(r->step);
	free(r->author);
	free(r->command);
	free(r->server);
	free(r->lines);
	*r = (struct change_record){ 0 };
}

static char *
read_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	char *text = NULL;

	if (fd == -1)
		return NULL;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= RECORD_MAX) {
		text = mem_zalloc((size_t)st.st_size + 1);
		if (disk_pread(fd, text, (size_t)st.st_size, 0) != st.st_size)
			text[0] = '\0';
	}
	close(fd);
	return text;
}

/* "=value" unescaped, NULL for "-"; owned by the caller. */
static char *
take_value(const char *cell)
{
	char *value = cell != NULL && *cell == '=' ? mem_strdup(cell + 1) : NULL, *to = value;

	for (const char *at = value; at != NULL && *at != '\0'; to++)
		if (at[0] == '\\' && at[1] == 'x' && at[2] != '\0' && at[3] != '\0') {
			const char hex[] = { at[2], at[3], '\0' };

			*to = (char)strtoul(hex, NULL, 16);
			at += 4;
		} else {
			*to = *at++;
		}
	if (to != NULL)
		*to = '\0';
	return value;
}

static void
take_key(struct change_record *r, char *line)
{
	struct change_record_key *k;
	char *rest = line, *place = strsep(&rest, "\t"), *before = strsep(&rest, "\t");

	r->key = mem_grow(r->key, r->keys, sizeof(*r->key));
	k = &r->key[r->keys++];
	*k = (struct change_record_key){ mem_strdup(place), take_value(before), take_value(rest) };
}

static void
take_step(struct change_record *r, char *line)
{
	char *rest = line, *from, *to;

	(void)strsep(&rest, "\t");
	from = take_value(strsep(&rest, "\t"));
	to = take_value(strsep(&rest, "\t"));
	if (from == NULL || to == NULL) {
		free(from);
		free(to);
		return;
	}
	r->step = mem_grow(r->step, r->steps, sizeof(*r->step));
	r->step[r->steps++] = (struct change_step){ from, to,
	    rest != NULL && rest[0] == '=' ? strtoull(rest + 1, NULL, 10) : 0 };
}

static void
take_line(struct change_record *r, char *line)
{
	char *value = strchr(line, ' ');

	if (value == NULL)
		return;
	*value++ = '\0';
	if (strcmp(line, "time") == 0)
		r->when_us = strtoll(value, NULL, 10);
	else if (strcmp(line, "author") == 0 && r->author == NULL)
		r->author = mem_strdup(value);
	else if (strcmp(line, "command") == 0 && r->command == NULL)
		r->command = mem_strdup(value);
	else if (strcmp(line, "server") == 0 && r->server == NULL && strcmp(value, "-") != 0)
		r->server = mem_strdup(value);
	else if (strcmp(line, "key") == 0)
		take_key(r, value);
	else if (strcmp(line, "step") == 0)
		take_step(r, value);
	else if (strcmp(line, "was") == 0) {
		r->id = (uint32_t)strtoul(value, NULL, 10);
		r->stopped = strstr(value, " stopped") != NULL;
	}
}

static bool
parse_record(struct change_record *r, char *text)
{
	char *rest = text, *line = strsep(&rest, "\n");

	if (line == NULL || strcmp(line, MAGIC) != 0)
		return false;
	while ((line = strsep(&rest, "\n")) != NULL && strcmp(line, "lines") != 0)
		take_line(r, line);
	if (rest != NULL && *rest != '\0')
		r->lines = mem_strdup(rest);
	return line != NULL && r->author != NULL && r->command != NULL;
}

bool
change_history_noted(struct change_record *r, const char *state)
{
	char *path = note_path(state), *text = read_file(path);
	bool good;

	*r = (struct change_record){ 0 };
	good = text != NULL && parse_record(r, text) && r->server != NULL && r->keys == 1 &&
	    r->key[0].before != NULL;
	if (!good)
		change_history_done(r);
	free(path);
	free(text);
	return good;
}

bool
change_history_read(struct change_record *r, const char *state, unsigned number)
{
	char *path, *text;
	bool good;

	*r = (struct change_record){ 0 };
	if (number == 0) {
		size_t count;
		unsigned *known = change_history_numbers(state, &count);

		number = count > 0 ? known[count - 1] : 0;
		free(known);
	}
	path = number != 0 ? find_path(state, number) : NULL;
	text = path != NULL ? read_file(path) : NULL;
	good = text != NULL && parse_record(r, text);
	r->number = number;
	free(path);
	free(text);
	if (!good)
		change_history_done(r);
	return good;
}

/* --- shown --- */

void
change_history_put(struct buf *out, const struct change_record *r)
{
	static const struct change_record_key none = { 0 };

	for (size_t i = 0; i < r->keys || i == 0; i++) {
		const struct change_record_key *k = r->keys > 0 ? &r->key[i] : &none;
		const char *const cells[] = { r->author, r->server, r->command, k->place, k->before,
		    k->after };

		buf_printf(out, "%u\t%lld", r->number, (long long)(r->when_us / 1000000));
		for (size_t n = 0; n < nitems_of(cells); n++) {
			buf_puts(out, "\t");
			config_get_cell(out, cells[n]);
		}
		buf_puts(out, "\n");
	}
}
