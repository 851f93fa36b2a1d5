/*
 * dns_ask - one question to the resolver of the service
 *
 * Runs in:  posternctl
 * Owns:     the answer
 * Promise:  asked as mail would ask: the same servers, cache and DNSSEC
 * Fails by: a result, with the reason in words
 */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/mem.h"
#include "common/config/config.h"
#include "master/posternctl/dns/dns.h"
#include "master/posternctl/posternctl.h"

#define ANSWER_MAX (2U << 20)

static void
fail(struct dns_answer *a, enum dns_ask result, const char *why)
{
	char *copy = mem_strndup(why, strcspn(why, "\n"));

	a->result = result;
	buf_clear(&a->text);
	buf_puts(&a->text, copy);
	free(copy);
}

/* "found TAB secure TAB words", then the records. */
static void
take_lines(struct dns_answer *a)
{
	char *rest = a->text.data, *line = strsep(&rest, "\n"), *result = strsep(&line, "\t"),
	    *security = strsep(&line, "\t");

	a->secure = security != NULL && strcmp(security, "secure") == 0;
	if (strcmp(result, "trouble") == 0) {
		char *why = mem_strdup(line != NULL ? line : "the DNS does not answer");

		fail(a, DNS_ASK_TROUBLE, why);
		free(why);
		return;
	}
	a->result = strcmp(result, "found") == 0 ? DNS_ASK_FOUND : DNS_ASK_NONE;
	while (a->result == DNS_ASK_FOUND && (line = strsep(&rest, "\n")) != NULL && rest != NULL) {
		a->record = mem_grow(a->record, a->count, sizeof(*a->record));
		a->record[a->count++] = line;
	}
}

void
dns_ask(struct dns_answer *a, const struct config *c, const char *type, const char *name)
{
	char *path = control_words_socket(c->service.run);
	int status;

	*a = (struct dns_answer){ .text = BUF_INIT(ANSWER_MAX) };
	status = control_client_service(path, (const char *const[]){ "dns-test", "-", type, name }, 4,
	    &a->text);
	free(path);
	if (status == EX_OK && a->text.len > 0)
		take_lines(a);
	else if (status == EX_TEMPFAIL)
		fail(a, DNS_ASK_TROUBLE, buf_text(&a->text));
	else if (status == CONTROL_CLIENT_NO_SERVICE || a->text.len == 0)
		fail(a, DNS_ASK_NO_SERVICE, "the service does not run: its resolver is asked");
	else {
		char *why = mem_strdup(buf_text(&a->text));

		fail(a, DNS_ASK_NO_SERVICE, why);
		free(why);
	}
}

void
dns_ask_done(struct dns_answer *a)
{
	free(a->record);
	buf_done(&a->text);
}
