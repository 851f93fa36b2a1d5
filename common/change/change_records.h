/* change_records - the files of the history: one a change, whose name says whose change it was */
#ifndef COMMON_CHANGE_CHANGE_RECORDS_H
#define COMMON_CHANGE_CHANGE_RECORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/config/config.h"

/*
 * NUMBER.SERVER, or NUMBER of postern.ini; NUMBER.SERVER.END of a virtual server that was deleted by the
 * change END, or whose name another one took (0).
 */
struct change_record_file {
	unsigned number;
	char server[CONFIG_NAME_MAX + 1];
	bool gone;
	unsigned end;
};

struct change_owner {
	char server[CONFIG_NAME_MAX + 1];	/* its name now, or its last one; "": postern.ini */
	bool gone;				/* there is no such virtual server any more */
};

/* Their numbers rise; owned by the caller. server NULL: all; else of the one that has that name now. */
struct change_record_file *change_records_list(const char *state, const char *server, size_t *count);
char *change_records_file_path(const char *state, const struct change_record_file *f);	/* the caller's */
unsigned change_records_next(const char *state);
/* Of a new one; `ends`: the virtual server ends with that change. Owned by the caller. */
char *change_records_path(const char *state, unsigned number, const char *server, bool ends);
/* *number 0: the latest, which it becomes. Owned by the caller; NULL: there is none. */
char *change_records_find(const char *state, unsigned *number, struct change_owner *owner);
void change_records_remove(const char *state, unsigned number);
void change_records_forget_old(const char *state, const char *server);

/* The virtual server goes by that change; 0: it has gone, or its name belongs to another one from now on. */
void change_records_bury(const char *state, const char *server, unsigned end);
void change_records_revive(const char *state, const char *server, unsigned end);	/* and comes back */
/* It gets another name, which has no records. */
void change_records_move(const char *state, const char *from, const char *to);

#endif
