/* config_files - the INI files of one reading, and as they would be with another text of one of them */
#ifndef COMMON_CONFIG_CONFIG_FILES_H
#define COMMON_CONFIG_CONFIG_FILES_H

#include "common/config/config.h"

/* One file as it would be, a new one perhaps. */
struct config_candidate {
	const char *server;		/* NULL: postern.ini */
	const char *text; size_t len;	/* NULL: there is no such file */
	const char *gone;		/* the file of a virtual server that goes with that; NULL: none */
};

/* The text of an INI file as of that reading; server NULL: of postern.ini. NULL: it could not be read. */
const char *config_files_text(const struct config_files *files, const char *server, size_t *len);
/* config_read with the candidate in place of its file. */
struct config *config_files_judge(const char *path, const struct config_candidate *candidate,
    struct config_faults *faults) __attribute__((warn_unused_result));
/*
 * The same from the texts of an earlier reading: what is on disk by now does not count. *changed is the
 * caller's, as that of config_read_files. Files with lists are read.
 */
struct config *config_files_change(const struct config_files *files, const struct config_candidate *candidate,
    struct config_files **changed, struct config_faults *faults) __attribute__((warn_unused_result));

/*
 * As config_read, from the snapshot of a configuration without errors, with the lists in it: what is on disk
 * by now does not count, nor is the file system looked at. NULL without a fault: it is none.
 */
struct config *config_files_handed(int fd, struct config_faults *faults) __attribute__((warn_unused_result));

#endif
