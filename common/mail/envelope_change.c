/*
 * envelope_change - what a mail filter wants changed in an envelope; pure
 *
 * Runs in:  listener, pickup, filter
 * Owns:     nothing
 * Promise:  an address that comes into an envelope was parsed; a recipient is in it once; a message that is
 *           held has recipients
 * Fails by: -1
 */
#include "common/mail/envelope_change.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "common/mail/address.h"
#include "common/mail/notify_words.h"

/* The local part as it is, the domain without regard to case. */
static bool
is_same(const char *a, const char *b)
{
	const char *at = strrchr(a, '@');
	size_t local = at != NULL ? (size_t)(at - a) : strlen(a);

	return strncmp(a, b, local) == 0 && strcasecmp(a + local, b + local) == 0;
}

static size_t
find_recipient(const struct message_envelope *e, const char *address)
{
	size_t i = 0;

	while (i < e->nrcpt && !is_same(e->rcpt[i].address, address))
		i++;
	return i;
}

static void
remove_recipient(struct message_envelope *e, const char *address)
{
	size_t i = find_recipient(e, address);

	if (i == e->nrcpt)
		return;		/* or it was refused, or another filter has removed it */
	free(e->rcpt[i].address);
	free(e->rcpt[i].orcpt);
	free(e->rcpt[i].member);
	free(e->rcpt[i].refused);
	memmove(&e->rcpt[i], &e->rcpt[i + 1], (--e->nrcpt - i) * sizeof(e->rcpt[0]));
}

/* NOTIFY=, as in RCPT; 0: not given, or not so. */
static unsigned
notify_of(const char *parameters)
{
	static const char word[] = "NOTIFY=";
	unsigned notify;

	for (const char *p = parameters; *p != '\0'; p += strcspn(p, " ")) {
		p += strspn(p, " ");
		if (strncasecmp(p, word, sizeof(word) - 1) != 0)
			continue;
		p += sizeof(word) - 1;
		return notify_words_parse(&notify, p, strcspn(p, " ")) == 0 ? notify : 0;
	}
	return 0;
}

static void
add_recipient(struct message_envelope *e, const struct address *a, const char *parameters)
{
	if (find_recipient(e, a->text) == e->nrcpt)
		message_envelope_add(e, a->text)->notify = notify_of(parameters);
}

static void
set_sender(struct message_envelope *e, const struct address *a)
{
	free(e->sender);
	e->sender = mem_strdup(a->text);
}

int
envelope_change_parse(struct address *a, const char *record, const char *domain, size_t *used)
{
	unsigned flags = ADDRESS_UTF8 | ADDRESS_BARE | (*record == '=' ? ADDRESS_NULL : 0U);

	if (*record == '\0' || strchr("+-=", *record) == NULL || record[1] == '\0' ||
	    address_parse_path(a, record + 1, strlen(record + 1), flags, used) == -1)
		return -1;
	return address_complete(a, domain);
}

static int
apply_record(struct message_envelope *e, const char *record, const char *domain)
{
	struct address a;
	size_t used;

	if (envelope_change_parse(&a, record, domain, &used) == -1)
		return -1;
	/* It would keep the message from all hosts without SMTPUTF8 (RFC 6531 3.2), also for the others. */
	if (*record != '-' && address_is_utf8(&a) && !(e->flags & MESSAGE_UTF8))
		return -1;
	if (*record == '+')
		add_recipient(e, &a, record + 1 + used);
	else if (*record == '-')
		remove_recipient(e, a.text);
	else
		set_sender(e, &a);
	return 0;
}

static int
apply_records(struct message_envelope *e, const char *text, size_t len, const char *domain)
{
	unsigned count = 0;

	for (size_t at = 0; at < len; at += strlen(text + at) + 1)
		if (memchr(text + at, '\0', len - at) == NULL || ++count > ENVELOPE_CHANGES_MAX ||
		    apply_record(e, text + at, domain) == -1)
			return -1;
	return 0;
}

int
envelope_change_apply(struct message_envelope *e, const char *text, size_t len, const char *domain, bool held)
{
	struct message_envelope before = { 0 };
	int rc;

	if (held)
		message_envelope_copy(&before, e);
	rc = apply_records(e, text, len, domain);
	if (held && rc == 0 && e->nrcpt == 0) {
		struct message_recipient *none = e->rcpt;

		e->rcpt = before.rcpt;
		e->nrcpt = before.nrcpt;
		before.rcpt = none;
		before.nrcpt = 0;
	}
	message_envelope_done(&before);
	return rc;
}
