/*
 * temp_spool - a temporary home folder below /tmp with pickup, queue, drop and badmail, and its open spool
 * temp_spool_begin() makes both, temp_spool_end() closes the spool and removes the folder. One a program. A
 * failure fails the test.
 */
#ifndef TEMP_SPOOL_H
#define TEMP_SPOOL_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/spool/spool.h"
#include "t/unit/check_main.h"

static char home[64];
static struct spool *spool;

/* Runs a shell command that must succeed; $H is the home folder. */
static inline void
shell(const char *line)
{
	setenv("H", home, 1);
	ck_assert_msg(system(line) == 0, "%s", line);
}

/* Opens one more spool over the same folders; the caller closes it. */
static inline struct spool *
temp_spool_open(void)
{
	static char path[4][128];
	static const char *const name[] = { "pickup", "queue", "drop", "badmail" };
	const char *where = "";

	for (size_t i = 0; i < nitems_of(name); i++)
		snprintf(path[i], sizeof(path[i]), "%s/%s", home, name[i]);
	struct spool *s = spool_open(&(struct spool_paths){ path[0], path[1], path[2], path[3] }, &where);
	ck_assert_ptr_nonnull(s);
	return s;
}

static inline void
temp_spool_begin(void)
{
	snprintf(home, sizeof(home), "/tmp/postern-unit-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(home));
	spool = temp_spool_open();
}

static inline void
temp_spool_end(void)
{
	spool_close(spool);
	shell("chmod -R u+w $H; rm -rf $H");
}

#endif
