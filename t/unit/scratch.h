/* scratch - a home for mail below /tmp, with its spool; for the programs of several folders */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/spool/spool.h"
#include "t/unit/unit.h"

static char home[64];
static struct spool *spool;

/* $H is the home. */
static inline void
shell(const char *line)
{
	setenv("H", home, 1);
	ck_assert_msg(system(line) == 0, "%s", line);
}

/* One more spool over the same folders; the caller closes it. */
static inline struct spool *
scratch_open(void)
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
scratch_begin(void)
{
	snprintf(home, sizeof(home), "/tmp/postern-unit-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(home));
	spool = scratch_open();
}

static inline void
scratch_end(void)
{
	spool_close(spool);
	shell("chmod -R u+w $H; rm -rf $H");
}

#endif
