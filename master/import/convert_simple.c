/*
 * convert_simple - handlers of properties that are a number, a size, a time or a text; pure
 *
 * Runs in:  import
 * Owns:     nothing
 * Promise:  a number has the bounds of its key: what lies outside becomes the bound, and a line says so
 * Fails by: a line of the report
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/config/key.h"
#include "master/import/import.h"

#define NO_LIMIT 2000000000U	/* IIS writes this, 0 or 4294967295 */

static const struct key *
key_of(const struct property *p)
{
	char section[16];
	const char *dot = strchr(p->key, '.');

	snprintf(section, sizeof(section), "%.*s", (int)(dot - p->key), p->key);
	return key_find(key_section_find(section), dot + 1);
}

/* What the row of the table says for one that is empty or damaged. */
static const char *
standard_of(const struct property *p, const char *text, uint64_t *n)
{
	if (convert_number(text, n))
		return NULL;
	if (p->installed != NULL && convert_number(p->installed, n))
		return text[0] == '\0' ? "it is empty: the value of a new IIS counts" :
		    "it is no number: the value of a new IIS counts";
	return "it is no number";
}

/* In the units of the key; `mended` NULL: the value is good. */
static void
put_number(struct convert *c, const struct property *p, const char *text, uint64_t n, const char *mended,
    void (*format)(char *, size_t, uint64_t))
{
	const struct key *k = key_of(p);
	uint64_t value = n;
	char word[40];

	if (k->max != 0 && value > k->max)
		value = k->max;
	if (value < k->min)
		value = k->min;
	format(word, sizeof(word), value);
	if (mended == NULL && value == n)
		convert_carried(c, p, text, word);
	else
		convert_changed(c, p, text, word, mended != NULL ? mended :
		    "it is outside of what the key takes");
}

void
convert_simple_number(struct convert *c, const struct property *p, const char *text)
{
	uint64_t n = 0;
	const char *mended = standard_of(p, text, &n);

	put_number(c, p, text, n, mended, key_format_number);
}

void
convert_simple_unlimited(struct convert *c, const struct property *p, const char *text)
{
	uint64_t n = 0;
	const char *mended = standard_of(p, text, &n);

	if (n == 0 || n >= NO_LIMIT)
		convert_carried(c, p, text, "unlimited");
	else
		put_number(c, p, text, n, mended, key_format_number);
}

/* Without a limit: memory is one. */
void
convert_simple_limit(struct convert *c, const struct property *p, const char *text)
{
	uint64_t n = 0;
	const char *mended = standard_of(p, text, &n);

	if (n == 0 || n > key_of(p)->max)
		convert_changed(c, p, text, NULL,
		    "no limit: what the memory of this host holds is the limit");
	else
		put_number(c, p, text, n, mended, key_format_number);
}

void
convert_simple_size(struct convert *c, const struct property *p, const char *text)
{
	uint64_t n = 0;
	const char *mended = standard_of(p, text, &n);

	if (n == 0 || n == UINT32_MAX)
		convert_carried(c, p, text, "unlimited");
	else
		put_number(c, p, text, n, mended, key_format_size);
}

static void
put_time(struct convert *c, const struct property *p, const char *text, uint64_t unit)
{
	uint64_t n = 0, standard = 0;
	const char *mended = standard_of(p, text, &n);

	if (n == 0 && p->installed != NULL && convert_number(p->installed, &standard)) {
		n = standard;
		mended = "0: the value of a new IIS counts";
	}
	put_number(c, p, text, n * unit, mended, key_format_time);
}

void
convert_simple_seconds(struct convert *c, const struct property *p, const char *text)
{
	put_time(c, p, text, 1000);
}

void
convert_simple_minutes(struct convert *c, const struct property *p, const char *text)
{
	put_time(c, p, text, 60000);
}

void
convert_simple_bool(struct convert *c, const struct property *p, const char *text)
{
	uint64_t n = 0;
	const char *mended = standard_of(p, text, &n);

	if (c->domain != NULL)
		convert_none(c, p, text, "it is a key of the virtual server alone");
	else if (mended != NULL)
		convert_changed(c, p, text, n != 0 ? "yes" : "no", mended);
	else
		convert_carried(c, p, text, n != 0 ? "yes" : "no");
}

/* --- texts --- */

void
convert_simple_text(struct convert *c, const struct property *p, const char *text)
{
	bool changed;
	char *clean = import_text_clean(text, 150, &changed);

	if (*clean == '\0')
		convert_none(c, p, text, "it is empty");
	else if (changed)
		convert_changed(c, p, text, clean, "it is too long, or has characters that cannot be shown");
	else
		convert_carried(c, p, text, clean);
	free(clean);
}

/* A text that has to please the check of its key. */
static void
put_checked(struct convert *c, const struct property *p, const char *text, key_check *check)
{
	const char *why = "";
	char *reason;

	if (*text == '\0') {
		convert_none(c, p, text, "it is empty");
	} else if (check(text, &why) == 0) {
		convert_carried(c, p, text, text);
	} else {
		reason = mem_printf("it must be %s; left out", why);
		convert_loud(c, p, text, NULL, reason);
		free(reason);
	}
}

void
convert_simple_host(struct convert *c, const struct property *p, const char *text)
{
	put_checked(c, p, text, key_check_host);
}

void
convert_simple_mailbox(struct convert *c, const struct property *p, const char *text)
{
	put_checked(c, p, text, key_check_mailbox);
}

void
convert_simple_word(struct convert *c, const struct property *p, const char *text)
{
	if (strcmp(p->name, "DefaultLogonDomain") == 0 && outcome_value(c->out, NULL, p->key) != NULL)
		convert_none(c, p, text, "SaslLogonDomain counts");
	else
		put_checked(c, p, text, key_check_word);
}

void
convert_simple_banner(struct convert *c, const struct property *p, const char *text)
{
	put_checked(c, p, text, key_check_line);
}

/* Minutes: "15,30,60,240". */
void
convert_simple_retry(struct convert *c, const struct property *p, const char *text)
{
	struct buf times = BUF_INIT(1000);
	const char *wrong = NULL;
	char *copy = mem_strdup(text), *save = NULL;

	for (char *word = strtok_r(copy, ", ;\n\t", &save); word != NULL && wrong == NULL;
	    word = strtok_r(NULL, ", ;\n\t", &save)) {
		char one[40];
		uint64_t n;

		if (!convert_number(word, &n) || n == 0 || n > 30 * 24 * 60)
			wrong = "it is no list of minutes: the value of a new IIS counts";
		else
			key_format_time(one, sizeof(one), n * 60000);
		if (wrong == NULL)
			buf_printf(&times, "%s%s", times.len > 0 ? " " : "", one);
	}
	if (wrong == NULL && (times.len == 0 || !buf_ok(&times) || times.len > 150))
		wrong = "it is empty or endless: the value of a new IIS counts";
	if (wrong == NULL)
		convert_carried(c, p, text, buf_text(&times));
	else
		convert_changed(c, p, text, "15m 30m 1h 4h", wrong);
	buf_done(&times);
	free(copy);
}

/* The number of a new IIS is small for mail of today: only one that an administrator chose is carried. */
void
convert_simple_hops(struct convert *c, const struct property *p, const char *text)
{
	uint64_t n = 0;

	if (!convert_number(text, &n) || n == 15 || n == 10 || n == 0)
		convert_changed(c, p, text, NULL,
		    "the value of a new IIS returns mail of today, which passes more hosts: 100 counts");
	else
		convert_simple_number(c, p, text);
}

void
convert_simple_folder(struct convert *c, const struct property *p, const char *text)
{
	convert_changed(c, p, text, NULL, p->why);
}

/* Decides with another property, whose line says what became of both. */
void
convert_simple_part(struct convert *c, const struct property *p, const char *text)
{
	if (text[0] != '\0')
		convert_with(c, p, text);
}
