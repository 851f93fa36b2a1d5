/* config_get - keys with value, default and origin, as rows for operators */
#ifndef COMMON_EDIT_CONFIG_GET_H
#define COMMON_EDIT_CONFIG_GET_H

#include "common/config/config.h"
#include "common/edit/config_edit.h"

/*
 * A row a key: "SECTION.KEY TAB value TAB default TAB origin", in which origin is FILE:LINE or "default", and
 * an unset value or default is "-". Bytes that would part rows are \xHH. All of the virtual server with its
 * domains; s NULL: of the service, its profiles, and what its file says for all virtual servers.
 */
void config_get_all(struct buf *out, const struct config *c, const struct config_server *s);
/* One key. False: there is no such section. */
bool config_get_one(struct buf *out, const struct config *c, const struct config_server *s,
    const struct config_place *p);
/* A row a domain: "name TAB type TAB origin". */
void config_get_domains(struct buf *out, const struct config_server *s);
/* A row a key of the table: section, key, kind, default, range or choices, who may set it, meaning. */
void config_get_table(struct buf *out);
void config_get_cell(struct buf *out, const char *text);	/* one cell; NULL and "": "-" */

#endif
