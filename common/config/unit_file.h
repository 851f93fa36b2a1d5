/* unit_file - the unit of systemd: whether this host has it, and where it lets the service write */
#ifndef COMMON_CONFIG_UNIT_FILE_H
#define COMMON_CONFIG_UNIT_FILE_H

#include <stdbool.h>

bool unit_file_is_there(void);		/* this host runs systemd, and has our unit */
bool unit_file_reads(const char *config_path);	/* it is the file of the installed service */
bool unit_file_allows(const char *path);	/* to write there; also when there is no unit */

#endif
