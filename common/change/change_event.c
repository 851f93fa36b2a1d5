/*
 * change_event - a change as events: one a key, with who, file, before and after
 *
 * Runs in:  master, posternctl
 * Owns:     nothing
 * Promise:  no key holds a secret, only the path of a file that has one; a word that is no key is not shown
 * Fails by: cannot
 */
#include "common/change/change_event.h"

#include <string.h>

#include "common/base/log.h"
#include "common/change/change_history.h"

void
change_event_log(const struct change *c, const char *author, const char *command, const char *result)
{
	for (size_t i = 0; i < c->keys; i++) {
		const struct change_key *k = &c->key[i];
		struct buf place = BUF_INIT(600);

		change_place_format(&place, &k->place);
		log_event(LOG_FACT, NULL, "change",
		    "server=%s %s command=%s result=%s file=%s key=%s before=%s after=%s",
		    c->server != NULL ? c->server : "-", author, command, result, log_safe(c->path),
		    log_safe(buf_text(&place)), log_safe(k->before), log_safe(k->after));
		buf_done(&place);
	}
	if (c->gone != NULL)
		log_event(LOG_FACT, NULL, "change",
		    "server=%s %s command=%s result=%s file=%s key=" CHANGE_HISTORY_NAME
		    " before=%s after=%s",
		    c->server, author, command, result, log_safe(c->path), c->gone,
		    strcmp(c->gone, c->server) != 0 ? c->server : "-");
	else if (c->keys == 0)
		log_event(LOG_FACT, NULL, "change", "server=%s %s command=%s result=%s file=%s",
		    c->server != NULL ? c->server : "-", author, command, result, log_safe(c->path));
}
