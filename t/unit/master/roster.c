/*
 * roster - how many processes of each role should run; listening
 * addresses that collide; wanted states over a restart
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/host/wanted_state.h"
#include "master/master.h"
#include "master/processes/processes.h"
#include "master/servers/servers.h"
#include "t/unit/check_main.h"

START_TEST(copies)
{
	for (enum state state = STATE_STARTING; state < STATE_COUNT; state++) {
		bool runs = state != STATE_STOPPED && state != STATE_STOPPING;

		ck_assert_uint_eq(roster_copies(ROLE_LISTENER, 3, state), runs ? 3U : 0U);
		ck_assert_uint_eq(roster_copies(ROLE_PICKUP, 3, state), runs ? 1U : 0U);
		ck_assert_uint_eq(roster_copies(ROLE_DELIVER, 3, state), runs ? 1U : 0U);
		ck_assert_uint_eq(roster_copies(ROLE_RESOLVER, 3, state), 0);	/* only by need */
		ck_assert_uint_eq(roster_copies(ROLE_AUTH, 3, state), 0);
		ck_assert_uint_eq(roster_copies(ROLE_MAINTENANCE, 3, state), 0);
	}
}
END_TEST

START_TEST(roles)
{
	ck_assert(roster_roles[ROLE_LISTENER].overlaps && roster_roles[ROLE_LISTENER].sockets);
	ck_assert(!roster_roles[ROLE_DELIVER].overlaps);	/* one owner a queue */
	ck_assert_int_eq(roster_roles[ROLE_DELIVER].hint, ROSTER_HINT_READ);
	ck_assert_int_eq(roster_roles[ROLE_PICKUP].hint, ROSTER_HINT_WRITE);
	for (enum role r = 0; r < ROLE_COUNT; r++)
		ck_assert_ptr_nonnull(roster_roles[r].name);
}
END_TEST

static struct net_address
address(const char *text)
{
	struct net_address a;
	const char *why = NULL;

	ck_assert_msg(net_address_parse(&a, text, 25, &why) == 0, "%s: %s", text, why);
	return a;
}

START_TEST(overlap)
{
	static const struct {
		const char *a, *b;
		bool covers;
	} rows[] = {
		{ "127.0.0.1:25", "127.0.0.1:25", false },	{ "127.0.0.1:25", "127.0.0.1:26", false },
		{ "127.0.0.1:25", "127.0.0.2:25", false },	{ "*:25", "127.0.0.1:25", true },
		{ "127.0.0.1:25", "*:25", false },		{ "*:25", "*:25", false },
		{ "*:25", "127.0.0.1:26", false },		{ "*:25", "[::1]:25", false },
		{ "[::]:25", "[::1]:25", true },		{ "[::]:25", "127.0.0.1:25", false },
	};
	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct net_address a = address(rows[i].a), b = address(rows[i].b);

		ck_assert_msg(listen_covers((const struct sockaddr *)&a.sa,
		    (const struct sockaddr *)&b.sa) == rows[i].covers, "%s %s", rows[i].a, rows[i].b);
	}
}
END_TEST

START_TEST(wanted)
{
	char folder[] = "/tmp/postern-unit-XXXXXX", path[256], why[WANTED_STATE_WHY_SIZE], words[2000] = "";
	FILE *f;

	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert(wanted_state_wanted(folder, "one"));
	ck_assert_int_eq(wanted_state_write(folder, "one", false), 0);
	ck_assert(!wanted_state_wanted(folder, "one"));
	ck_assert(wanted_state_wanted(folder, "two"));
	ck_assert_int_eq(wanted_state_write(folder, "one", true), 0);
	ck_assert(wanted_state_wanted(folder, "one"));
	/* a file of another program there is no reason to stop */
	snprintf(path, sizeof(path), "%s/one.state", folder);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs("stop", f);
	fclose(f);
	ck_assert(wanted_state_wanted(folder, "one"));
	ck_assert_int_eq(wanted_state_write("/nonexistent", "one", false), -1);
	/* lost: known until an operator says something */
	ck_assert(!wanted_state_lost(folder, "one", why) && why[0] == '\0');
	ck_assert_int_eq(wanted_state_write_lost(folder, "one", "taken over by\nb.example"), 0);
	ck_assert(!wanted_state_wanted(folder, "one") && wanted_state_lost(folder, "one", why));
	ck_assert_str_eq(why, "taken over by?b.example");
	memset(words, 'x', sizeof(words) - 1);
	ck_assert_int_eq(wanted_state_write_lost(folder, "one", words), 0);
	ck_assert(wanted_state_lost(folder, "one", why) && strlen(why) == sizeof(why) - 1);
	ck_assert_int_eq(wanted_state_write(folder, "one", false), 0);
	ck_assert(!wanted_state_wanted(folder, "one") && !wanted_state_lost(folder, "one", why));
	unlink(path);
	ck_assert_int_eq(rmdir(folder), 0);	/* nothing else was left behind */
}
END_TEST

START_TEST(folders)
{
	char top[] = "/tmp/postern-unit-XXXXXX", path[256];
	struct stat st;
	FILE *f;

	ck_assert_ptr_nonnull(mkdtemp(top));
	snprintf(path, sizeof(path), "%s/a/b", top);
	ck_assert_int_eq(make_folder_make(path, 0750, (uid_t)-1, (gid_t)-1), 0);
	ck_assert(stat(path, &st) == 0 && S_ISDIR(st.st_mode) && (st.st_mode & 07777) == 0750);
	/* there: left as it is */
	ck_assert_int_eq(make_folder_make(path, 0700, (uid_t)-1, (gid_t)-1), 0);
	ck_assert(stat(path, &st) == 0 && (st.st_mode & 07777) == 0750);
	snprintf(path, sizeof(path), "%s/a/f", top);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fclose(f);
	ck_assert_int_eq(make_folder_make(path, 0700, (uid_t)-1, (gid_t)-1), -1);	/* no folder */
	unlink(path);
	snprintf(path, sizeof(path), "%s/a/b", top);
	rmdir(path);
	snprintf(path, sizeof(path), "%s/a", top);
	rmdir(path);
	ck_assert_int_eq(rmdir(top), 0);
}
END_TEST

UNIT_MAIN("roster", copies, roles, overlap, wanted, folders)
