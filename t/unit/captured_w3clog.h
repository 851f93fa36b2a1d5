/*
 * captured_w3clog - a protocol log in a temporary folder, whose lines the test reads back
 * It owns its loop, pool and folder until captured_w3clog_close().
 */
#ifndef CAPTURED_W3CLOG_H
#define CAPTURED_W3CLOG_H

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/process/loop.h"
#include "common/process/pool.h"
#include "common/w3clog/w3clog.h"
#include "t/unit/check_main.h"

#define CAPTURED_FIELDS 8

struct captured_w3clog {
	char folder[64];
	struct loop *loop;
	struct pool *pool;
	struct w3clog *log;
	struct config c;
	struct config_server s;
	char *field[CAPTURED_FIELDS];
};

/* `fields`: names for log-fields, ended by NULL, at most CAPTURED_FIELDS. */
static inline void
captured_w3clog_open(struct captured_w3clog *l, const char *const *fields)
{
	memset(l, 0, sizeof(*l));
	strcpy(l->folder, "/tmp/postern-unit-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(l->folder));
	l->c.service.hostname = (char *)(uintptr_t)"host.example";
	l->s = (struct config_server){ .name = (char *)(uintptr_t)"default", .id = 1, .log = true,
	    .log_directory = l->folder };
	l->s.log_fields.text = l->field;
	for (; *fields != NULL; fields++)
		l->field[l->s.log_fields.count++] = (char *)(uintptr_t)*fields;
	l->loop = loop_new();
	l->pool = pool_new(l->loop, 1);
	l->log = w3clog_new(l->loop, l->pool, &l->c, &l->s, NULL);
}

/* Ends the log and appends its lines to `out`, without header lines; removes the folder. */
static inline void
captured_w3clog_close(struct captured_w3clog *l, struct buf *out)
{
	char path[400], line[4096];
	struct dirent *entry;

	w3clog_end(l->log);
	pool_free(l->pool);
	w3clog_free(l->log);
	loop_free(l->loop);
	DIR *dir = opendir(l->folder);
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", l->folder, entry->d_name);
		FILE *f = fopen(path, "r");
		while (fgets(line, sizeof(line), f) != NULL)
			if (line[0] != '#')
				buf_puts(out, line);
		fclose(f);
		unlink(path);
	}
	closedir(dir);
	rmdir(l->folder);
}

#endif
