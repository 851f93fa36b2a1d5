/*
 * named_file - opens a file that the configuration names, as the service would. A file is named by its kind
 * and the key's index, never by a path (struct ctl_file).
 */
#ifndef COMMON_BOOT_NAMED_FILE_H
#define COMMON_BOOT_NAMED_FILE_H

#include <stdbool.h>

#include "common/ipc/ctl.h"

struct config_oauth;
struct config_server;
struct config_service;

/* Whether a file of that kind belongs to a profile of [oauth], or to [service]; else to a virtual server. */
bool named_file_is_of_profile(enum ctl_file_kind kind);
bool named_file_is_of_service(enum ctl_file_kind kind);
/* Whether a [domain] may have such a file, too: one in each place, told apart by the name of the domain. */
bool named_file_is_of_domain(enum ctl_file_kind kind);
/* Of a virtual server (NULL: none) or of [service]; NULL: the configuration names no such file. */
const char *named_file_path(const struct config_server *s, const struct config_service *service,
    const struct ctl_file *file);
/* Words to be added when a file of a default is not there: which package brings it. "" of other files. */
const char *named_file_package(const char *path);
/*
 * Open answer->file, whose kind (< CTL_FILE_KINDS) belongs to a virtual server, or to a profile; NULL: there
 * is none of that name. The descriptor, which the caller owns; or -1, and answer->error and ->why say why.
 */
int named_file_open(const struct config_server *s, struct ctl_opened *answer);
int named_file_open_service(const struct config_service *s, struct ctl_opened *answer);
int named_file_open_profile(const struct config_oauth *o, struct ctl_opened *answer);

#endif
