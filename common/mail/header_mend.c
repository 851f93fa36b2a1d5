/*
 * header_mend - adds what a header lacks and takes out what is private, as its bytes come; pure
 *
 * Runs in:  listener, pickup
 * Owns:     the table of fields
 * Promise:  bytes that stay are handed on in long runs, not copied; in whatever pieces they come, the result
 *           is the same
 * Fails by: never
 */
#include "common/mail/header_mend.h"

#include <bsd/string.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"

static const struct { const char *name; unsigned what; } fields[] = {
	{ "Date", HEADER_MEND_DATE }, { "Message-ID", HEADER_MEND_ID }, { "Bcc", HEADER_MEND_BCC },
	{ "Resent-Bcc", HEADER_MEND_BCC }, { "Return-Path", HEADER_MEND_RETURN_PATH },
};

unsigned
header_mend_find(const struct header_field *f)
{
	for (size_t i = 0; i < nitems_of(fields); i++)
		if (header_is(f, fields[i].name))
			return fields[i].what;
	return 0;
}

size_t
header_mend_missing(char *dst, unsigned found, const char *date, const char *id, const char *fqdn)
{
	size_t len = 0;

	if (!(found & HEADER_MEND_DATE))
		len += (size_t)snprintf(dst, HEADER_MEND_SIZE, "Date: %.100s\r\n", date);
	if (!(found & HEADER_MEND_ID))
		len += (size_t)snprintf(dst + len, HEADER_MEND_SIZE - len, "Message-ID: <%.40s@%.255s>\r\n",
		    id, fqdn);
	return len;
}

enum kind { KIND_UNKNOWN, KIND_FIELD, KIND_FOLDED, KIND_END };

/* What the line at `at` is, of which `len` bytes are here; of a field *what. */
static enum kind
judge_line(const char *at, size_t len, unsigned *what)
{
	struct header_field f = { .name = at };
	size_t most = len < HEADER_MEND_NAME ? len : HEADER_MEND_NAME, n = 0, colon;

	*what = 0;
	if (len > 0 && (*at == ' ' || *at == '\t'))
		return KIND_FOLDED;
	while (n < most && at[n] > 32 && at[n] < 127 && at[n] != ':')
		n++;
	for (colon = n; colon < most && (at[colon] == ' ' || at[colon] == '\t');)
		colon++;
	if (colon == HEADER_MEND_NAME)
		return KIND_FIELD;
	if (colon == len)
		return KIND_UNKNOWN;
	if (n == 0 || at[colon] != ':')
		return KIND_END;
	f.name_len = n;
	*what = header_mend_find(&f);
	return KIND_FIELD;
}

/* At the start of a line. False: undecided, or the header is over. */
static bool
begin_line(struct header_mend *m, const char *at, size_t len)
{
	unsigned what;
	enum kind kind = judge_line(at, len, &what);

	m->over = kind == KIND_END;
	if (m->over && at[0] != '\r' && at[0] != '\n')
		m->found |= HEADER_MEND_END;
	m->in_line = kind == KIND_FIELD || kind == KIND_FOLDED;
	if (kind == KIND_FIELD)
		m->dropped = what & HEADER_MEND_PRIVATE;
	m->found |= what;
	return m->in_line;
}

/* Goes on with a line whose first bytes came before: bytes used. */
static size_t
add_to_name(struct header_mend *m, const char *in, size_t len, data_sink *sink, void *arg)
{
	size_t used = 0;

	while (used < len && m->len > 0 && !m->over) {
		m->name[m->len++] = in[used++];
		if (!begin_line(m, m->name, m->len))
			continue;
		if (!m->dropped)
			sink(arg, m->name, m->len);
		m->len = 0;
	}
	return used;
}

size_t
header_mend_take(struct header_mend *m, const char *in, size_t len, data_sink *sink, void *arg)
{
	size_t at = add_to_name(m, in, len, sink, arg), run = at; /* in[run..at) stays, to be handed on */
	size_t gathered = 0;

	while (at < len && !m->over) {
		const char *lf;
		size_t end;

		if (!m->in_line && !begin_line(m, in + at, len - at)) {
			if (m->over)
				break;
			m->len = gathered = len - at;
			memcpy(m->name, in + at, m->len);
			break;
		}
		lf = memchr(in + at, '\n', len - at);
		end = lf != NULL ? (size_t)(lf - in) + 1 : len;
		m->in_line = lf == NULL;
		if (m->dropped) {
			if (at > run)
				sink(arg, in + run, at - run);
			run = end;
		}
		at = end;
	}
	if (at > run)
		sink(arg, in + run, at - run);
	return at + gathered;
}

void
header_mend_end(struct header_mend *m, data_sink *sink, void *arg)
{
	if (m->in_line && !m->dropped)
		sink(arg, "\r\n", 2);
	if (m->len > 0 && !m->over)
		m->found |= HEADER_MEND_END;
	m->over = true;
}

const char *
header_mend_format(char *dst, unsigned found, unsigned lines)
{
	static const struct { const char *word; unsigned line, there, lacking; } words[] = {
		{ ",lf", DATA_MENDED_LF, 0, 0 }, { ",cr", DATA_MENDED_CR, 0, 0 },
		{ ",date", 0, 0, HEADER_MEND_DATE }, { ",message-id", 0, 0, HEADER_MEND_ID },
		{ ",bcc", 0, HEADER_MEND_BCC, 0 }, { ",return-path", 0, HEADER_MEND_RETURN_PATH, 0 },
		{ ",header-end", 0, HEADER_MEND_END, 0 },
	};

	dst[0] = '\0';
	for (size_t i = 0; i < nitems_of(words); i++)
		if ((lines & words[i].line) || (found & words[i].there) || (~found & words[i].lacking))
			strlcat(dst, words[i].word + (dst[0] == '\0'), HEADER_MEND_SIZE);
	return dst;
}
