/*
 * dkim_fields - which header fields a signature is about, and whose domain it speaks for; pure
 *
 * Runs in:  deliver
 * Owns:     the two texts of struct dkim_fields
 * Promise:  all fields of a name are signed, the last one first (RFC 6376 5.4.2). Those that change what a
 *           reader sees are named once more than there are, so that none can be added under the signature
 *           (RFC 6376 8.15). Only a header that every verifier reads alike is signed
 * Fails by: -1 and a reason
 */
#include "common/dkim/dkim_fields.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/dkim/dkim_canon.h"
#include "common/mail/address.h"
#include "common/mail/header.h"

enum addition {
	ADDED_FREELY,		/* other hosts may add such a field: lists, forwarders */
	ADDED_WHEN_MISSING,	/* hosts on the way add it to mail that lacks it (RFC 6409 8) */
	ADDED_NEVER,
};

static const struct { const char *name; enum addition more; } rows[] = {
	{ "From", ADDED_NEVER }, { "Reply-To", ADDED_NEVER }, { "To", ADDED_NEVER }, { "Cc", ADDED_NEVER },
	{ "Subject", ADDED_NEVER }, { "Date", ADDED_WHEN_MISSING }, { "Message-ID", ADDED_WHEN_MISSING },
	{ "MIME-Version", ADDED_NEVER }, { "Content-Type", ADDED_NEVER },
	{ "Content-Transfer-Encoding", ADDED_NEVER }, { "Content-Disposition", ADDED_NEVER },
	{ "Content-ID", ADDED_FREELY }, { "Content-Description", ADDED_FREELY },
	{ "In-Reply-To", ADDED_NEVER }, { "References", ADDED_NEVER }, { "Sender", ADDED_FREELY },
	{ "Auto-Submitted", ADDED_FREELY }, { "List-Id", ADDED_FREELY }, { "List-Help", ADDED_FREELY },
	{ "List-Unsubscribe", ADDED_FREELY }, { "List-Unsubscribe-Post", ADDED_FREELY },
	{ "List-Subscribe", ADDED_FREELY }, { "List-Post", ADDED_FREELY }, { "List-Owner", ADDED_FREELY },
	{ "List-Archive", ADDED_FREELY }, { "Resent-From", ADDED_FREELY }, { "Resent-To", ADDED_FREELY },
	{ "Resent-Cc", ADDED_FREELY }, { "Resent-Date", ADDED_FREELY }, { "Resent-Message-ID", ADDED_FREELY },
};

struct header_list { struct header_field *field; size_t count; };

/* Verifiers disagree about lines that end in a bare LF or CR. */
static bool
has_bare_end(const char *header, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (header[i] == '\0')
			return true;
		if (header[i] == '\n' && (i == 0 || header[i - 1] != '\r'))
			return true;
		if (header[i] == '\r' && (i + 1 == len || header[i + 1] != '\n'))
			return true;
	}
	return false;
}

static int
list_fields(struct header_list *list, const char *header, size_t len, bool whole, const char **why)
{
	struct header_field f;
	size_t pos = 0;

	if (has_bare_end(header, len)) {
		*why = "its header has a line that ends in a bare CR or LF, or a NUL";
		return -1;
	}
	while (header_next(header, len, &pos, &f) == 1) {
		if (list->count == DKIM_FIELDS_MAX) {
			*why = "its header has too many fields";
			return -1;
		}
		list->field = mem_grow(list->field, list->count, sizeof(*list->field));
		list->field[list->count++] = f;
	}
	if (len - pos == 2 || (len == pos && whole))
		return 0;
	*why = "its header has a line that is no field";
	return -1;
}

static int
take_domain(struct dkim_fields *f, const char *text, const char **why)
{
	char domain[IDN_SIZE];

	if (*text == '\0' || *text == '[' || !idn_to_ascii(domain, text)) {
		*why = "its From has no domain";
		return -1;
	}
	if (f->domain[0] != '\0' && strcmp(f->domain, domain) != 0) {
		*why = "its From names several domains";
		return -1;
	}
	strcpy(f->domain, domain);
	return 0;
}

/* Who is shown as the author: all mailboxes of all From fields have one domain, or it is not clear which. */
static int
find_domain(struct dkim_fields *f, const struct header_list *list, const char **why)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct header_field *h = &list->field[i];
		struct address a;
		size_t pos = 0;
		int rc;

		if (!header_is(h, "From"))
			continue;
		while ((rc = address_list_next(&a, h->value, h->value_len, &pos,
		    ADDRESS_UTF8 | ADDRESS_BARE)) == 1)
			if (take_domain(f, address_domain(&a), why) == -1)
				return -1;
		if (rc == -1) {
			*why = "its From cannot be read";
			return -1;
		}
	}
	if (f->domain[0] != '\0')
		return 0;
	*why = "it has no From";
	return -1;
}

static void
add_name(struct dkim_fields *f, const char *name)
{
	buf_printf(&f->names, "%s%s", f->names.len > 0 ? ":" : "", name);
}

static void
add_row(struct dkim_fields *f, const struct header_list *list, size_t row)
{
	bool any = false;

	for (size_t i = list->count; i-- > 0;) {
		const struct header_field *h = &list->field[i];

		if (!header_is(h, rows[row].name))
			continue;
		add_name(f, rows[row].name);
		dkim_canon_field(&f->signed_text, h->start, h->size, true);
		any = true;
	}
	if (rows[row].more == ADDED_NEVER || (any && rows[row].more == ADDED_WHEN_MISSING))
		add_name(f, rows[row].name);
}

int
dkim_fields_take(struct dkim_fields *f, const char *header, size_t len, bool whole, const char **why)
{
	struct header_list list = { 0 };
	int rc = -1;

	*f = (struct dkim_fields){ .names = BUF_INIT(DKIM_FIELDS_HEADER_MAX),
	    .signed_text = BUF_INIT(DKIM_FIELDS_HEADER_MAX) };
	if (list_fields(&list, header, len, whole, why) == 0 && find_domain(f, &list, why) == 0) {
		for (size_t i = 0; i < nitems_of(rows); i++)
			add_row(f, &list, i);
		rc = buf_ok(&f->names) && buf_ok(&f->signed_text) ? 0 : -1;
		*why = rc == -1 ? "its header is too large" : NULL;
	}
	free(list.field);
	return rc;
}

void
dkim_fields_done(struct dkim_fields *f)
{
	buf_done(&f->names);
	buf_done(&f->signed_text);
}
