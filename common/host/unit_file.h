/* unit_file - the unit of systemd: whether this host has it, and where it lets the service write */
#ifndef COMMON_HOST_UNIT_FILE_H
#define COMMON_HOST_UNIT_FILE_H

#include <stdbool.h>

bool unit_file_is_there(void);		/* this host runs systemd, and has our unit */
bool unit_file_reads(const char *config_path);	/* it is the file of the installed service */
/* Our own drop-in, which need not be there: ".../postern.service.d/folders.conf"; owned by the caller. */
char *unit_file_drop_in(void);
#define UNIT_FILE_MAX 262144U		/* bytes of a unit file that is read */

/* What a folder needs, so that the service may write there and others see it. */
enum unit_file_need {
	UNIT_FILE_ALLOWED,		/* nothing; also when there is no unit */
	UNIT_FILE_WRITE,		/* ReadWritePaths= */
	UNIT_FILE_BIND,			/* BindPaths=: the unit hides what is there */
	UNIT_FILE_HOME			/* ... and ProtectHome=tmpfs: "yes" also hides what is bound */
};
/* `drop_in`: read instead of our drop-in; NULL: that. */
enum unit_file_need unit_file_judge(const char *path, const char *drop_in);

#endif
