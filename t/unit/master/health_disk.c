/* health_disk - what is wrong with files on disk: found at once, and found a minute later by who has time */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "master/control/control.h"
#include "master/master.h"
#include "master/servers/servers.h"
#include "t/unit/check_main.h"

#define MOST_MS 60000U		/* a judgement is good for less, even one that took long */

static char folder[64], password[80];

static void
put(const char *name, const char *text)
{
	char *path = mem_printf("%s/%s", folder, name);
	FILE *out = fopen(path, "w");

	ck_assert_ptr_nonnull(out);
	fputs(text, out);
	fclose(out);
	free(path);
}

static bool
is_blamed(struct master *m, const struct server *s, uint64_t most_ms)
{
	struct buf why = BUF_INIT(MASTER_TEXT_MAX);
	bool blamed;

	health_disk_blame(health_disk_get(m, most_ms), s, &why);
	blamed = strstr(buf_text(&why), password) != NULL;
	buf_done(&why);
	return blamed;
}

START_TEST(ages)
{
	char text[500], *path;
	struct config_faults faults;
	struct snapshot snapshot = { 0 };
	struct server s = { .name = "default", .state = STATE_STARTED };
	struct master m = { .snapshot = &snapshot };
	uint64_t begin;

	strcpy(folder, "/tmp/postern-health-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	path = mem_printf("%s/servers", folder);
	ck_assert_int_eq(mkdir(path, 0755), 0);
	free(path);
	snprintf(password, sizeof(password), "%s/passwords", folder);
	snprintf(text, sizeof(text), "[service]\nhostname = host.example\nspool = %s\nstate = %s\nlogs = %s/logs\nrun = %s\n", folder, folder,
	    folder, folder);
	put("postern.ini", text);
	snprintf(text, sizeof(text), "[general]\nlisten = 127.0.0.1:2525\n[access]\nauthentication = basic\nmechanisms = scram-sha-256\npassword-file = %s\n"
	    "[domain x.example]\ntype = default\n", password);
	put("servers/default.ini", text);
	put("passwords", "");
	ck_assert_int_eq(chmod(password, 0600), 0);
	path = mem_printf("%s/postern.ini", folder);
	m.options.config_path = path;
	snapshot.config = config_read(path, &faults);
	for (size_t i = 0; i < faults.count; i++)
		ck_assert_msg(faults.fault[i].warning, "%s", faults.fault[i].text);
	ck_assert(snapshot.config != NULL && snapshot.config->nserver == 1);
	s.conf = &snapshot.config->server[0];
	s.m = &m;
	TAILQ_INIT(&m.servers);
	TAILQ_INSERT_TAIL(&m.servers, &s, link);
	ck_assert(!is_blamed(&m, &s, 0));
	ck_assert_int_eq(unlink(password), 0);
	begin = clock_mono_ms();
	ck_assert(!is_blamed(&m, &s, 0));		/* that was judged just now */
	do {
		poll(NULL, 0, 50);
		ck_assert_uint_lt(clock_mono_ms(), begin + MOST_MS);
		ck_assert(!is_blamed(&m, &s, 2 * MOST_MS));	/* nothing is opened */
	} while (!is_blamed(&m, &s, 0));
	put("passwords", "");
	ck_assert_int_eq(chmod(password, 0600), 0);
	m.readings++;					/* another configuration: at once */
	ck_assert(!is_blamed(&m, &s, 2 * MOST_MS));
	health_disk_free(m.health_disk);
	config_free(snapshot.config);
	config_faults_done(&faults);
	snprintf(text, sizeof(text), "rm -r %s", folder);
	ck_assert_int_eq(system(text), 0);
	free(path);
}
END_TEST

UNIT_MAIN("health_disk", ages)
