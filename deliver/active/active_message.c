/*
 * active_message - why a recipient of a loaded message has not got it: the reasons, each kept once
 *
 * Runs in:  deliver, on the loop
 * Owns:     nothing; the reasons belong to their message
 * Promise:  as long as the message is loaded, a reason stays where it is
 * Fails by: nothing
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "deliver/active/active.h"

struct active_reason *
active_message_reason(struct active_message *m, int code, const char *status, const char *host,
    const char *text)
{
	struct active_reason *r = m->reasons;
	size_t text_size = strlen(text) + 1, host_size = strlen(host) + 1;

	if (r != NULL && r->code == code && strcmp(r->status, status) == 0 && strcmp(r->host, host) == 0 &&
	    strcmp(r->text, text) == 0)
		return r;
	r = mem_zalloc(sizeof(*r) + text_size + host_size);
	r->code = code;
	memcpy(r->status, status, strnlen(status, sizeof(r->status) - 1));
	memcpy(r->text, text, text_size);
	memcpy(r->text + text_size, host, host_size);
	r->host = r->text + text_size;
	r->next = m->reasons;
	m->reasons = r;
	return r;
}

void
active_message_free_reasons(struct active_message *m)
{
	while (m->reasons != NULL) {
		struct active_reason *next = m->reasons->next;

		free(m->reasons);
		m->reasons = next;
	}
}
