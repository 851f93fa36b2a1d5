/* change_create - the file of a new virtual server */
#ifndef COMMON_CHANGE_CHANGE_CREATE_H
#define COMMON_CHANGE_CHANGE_CREATE_H

#include "common/change/change.h"

struct config;

/*
 * words: NAME [dry-run] [from=NAME] [listen=ADDRESS ...] [domain=NAME] [description=TEXT]
 * [SECTION.KEY=VALUE ...]. `config`: the configuration so far. With "from" it begins as the file of another
 * one, without its number, description and folders. Opens `c`, in each case to be freed; an exit status.
 */
int change_create_make(struct change *c, const char *config_path, const struct config *config,
    const char *const *words, size_t count);
/* After change_judge: whether another virtual server has one of its addresses. An exit status; c->why. */
int change_create_judge(struct change *c);

#endif
