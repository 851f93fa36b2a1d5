/*
 * retry_hint - how long a peer asks us to wait: "try again in 300 seconds", "retry after 5 minutes"; pure
 *
 * Runs in:  deliver, on the loop
 * Owns:     nothing
 * Promise:  a time counts only behind words that ask to wait; what may be no time is ignored; never above a
 *           week
 * Fails by: 0: there is no hint
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "deliver/result/result.h"

#define NEAR 8			/* words between the one that asks and the time, at most */
#define WORD_SIZE 24

struct word {
	char text[WORD_SIZE];	/* cut when it is longer */
	bool stop;		/* a sentence or clause ends after it */
};

/*
 * Words that ask to wait; `behind`: only when this word is next. `bare`: a number without a unit means
 * seconds.
 */
static const struct { const char *word, *behind; bool bare; } askers[] = {
	{ "retry-after", NULL, true }, { "retry", "after", true }, { "again", "in", true },
	{ "again", "after", true },
	{ "retry", "in", true }, { "back", "in", true }, { "retry", NULL, false }, { "again", NULL, false },
	{ "back", NULL, false },
	{ "wait", NULL, false }, { "greylisted", NULL, false }, { "graylisted", NULL, false },
	{ "greylisting", NULL, false },
	{ "graylisting", NULL, false }, { "greylist", NULL, false }, { "deferred", "for", false },
	{ "delayed", "for", false },
	{ "resend", NULL, false }, { "retrying", NULL, false },
};

/* Words that may stand between the one that asks and the time. Any other word ends the search. */
static const char *const fillers[] = {
	"a", "about", "accepted", "action", "after", "again", "and", "another", "approximately", "at", "back",
	"be", "come", "delivery", "for",
	"in", "later", "least", "mail", "message", "minimum", "more", "next", "of", "please", "retry",
	"sending", "the", "then", "this", "to", "try", "wait", "will", "your",
};

static const struct { const char *name; uint64_t ms; } units[] = {
	{ "s", 1000 }, { "sec", 1000 }, { "secs", 1000 }, { "second", 1000 }, { "seconds", 1000 },
	{ "m", 60000 }, { "min", 60000 }, { "mins", 60000 }, { "minute", 60000 }, { "minutes", 60000 },
	{ "h", 3600000 }, { "hr", 3600000 }, { "hrs", 3600000 }, { "hour", 3600000 }, { "hours", 3600000 },
	{ "d", 86400000 }, { "day", 86400000 }, { "days", 86400000 },
};

static bool
is_word(char c)
{
	return isalnum((unsigned char)c) || c == ':' || c == '-' || c == '\'' ||
	    ((unsigned char)c & 0x80) != 0;
}

/* The next word, in lower case. False at the end. */
static bool
next_word(const char **at, struct word *w)
{
	const char *p = *at;
	size_t n = 0;

	while (*p != '\0' && !is_word(*p))
		p++;
	if (*p == '\0')
		return false;
	for (; is_word(*p); p++)
		if (n < WORD_SIZE - 1)
			w->text[n++] = (char)tolower((unsigned char)*p);
	/* "retry-after: 60", "wait: 5 min" */
	while (n > 0 && (w->text[n - 1] == ':' || w->text[n - 1] == '-'))
		n--;
	w->text[n] = '\0';
	w->stop = *p != '\0' && strchr(".;!?", *p) != NULL && (p[1] == '\0' || p[1] == ' ');
	*at = p;
	return true;
}

/* The number at *p, of at most seven digits; -1: there is none, or a longer one. */
static int64_t
take_number(const char **p)
{
	size_t n = strspn(*p, "0123456789");
	int64_t value = 0;

	if (n == 0 || n > 7)
		return -1;
	for (size_t i = 0; i < n; i++)
		value = value * 10 + (*p)[i] - '0';
	*p += n;
	return value;
}

/* "00:05:00" in ms; 0 for "10:00", which may be a time of day. */
static uint64_t
clock_time(const char *p)
{
	int64_t total = 0;
	unsigned parts = 0;

	for (;;) {
		int64_t value = take_number(&p);

		if (value < 0 || (parts > 0 && value > 59))
			return 0;
		total = total * 60 + value;
		parts++;
		if (*p != ':')
			break;
		p++;
	}
	return *p == '\0' && parts == 3 ? (uint64_t)total * 1000 : 0;
}

static uint64_t
unit_of(const char *name)
{
	for (size_t i = 0; i < nitems_of(units); i++)
		if (strcmp(units[i].name, name) == 0)
			return units[i].ms;
	return 0;
}

/* "300s", "5min", "1h30m" in one word, in ms; 0: it is none. */
static uint64_t
joined_time(const char *p)
{
	uint64_t ms = 0;

	while (*p != '\0') {
		int64_t value = take_number(&p);
		char unit[WORD_SIZE];
		size_t n = strspn(p, "abcdefghijklmnopqrstuvwxyz");

		if (value < 0 || n == 0)
			return 0;
		memcpy(unit, p, n);
		unit[n] = '\0';
		p += n;
		if (unit_of(unit) == 0)
			return 0;
		ms += (uint64_t)value * unit_of(unit);
	}
	return ms;
}

/* A time in words, "5 minutes and 30 seconds", in ms: `w` is its first word, `at` behind it. 0: it is none */
static uint64_t
time_from(struct word w, const char *at, bool bare)
{
	uint64_t ms = 0;

	for (unsigned parts = 0; parts < 4; parts++) {
		const char *p = w.text;
		int64_t value = take_number(&p);
		struct word next;
		bool last;

		if (value < 0 || *p != '\0') {
			uint64_t more = joined_time(w.text);

			return ms == 0 && more == 0 ? clock_time(w.text) : ms + more;
		}
		last = w.stop || !next_word(&at, &next);
		if (last || unit_of(next.text) == 0)
			return ms > 0 || !last || !bare ? ms : (uint64_t)value * 1000;
		ms += (uint64_t)value * unit_of(next.text);
		if (next.stop || !next_word(&at, &w))
			return ms;
		if (strcmp(w.text, "and") == 0 && !next_word(&at, &w))
			return ms;
	}
	return ms;
}

static bool
is_filler(const char *word)
{
	for (size_t i = 0; i < nitems_of(fillers); i++)
		if (strcmp(fillers[i], word) == 0)
			return true;
	return false;
}

/* The time that follows a word that asks, in ms; 0: there is none. */
static uint64_t
find_time(const char *at, bool bare)
{
	struct word w;

	for (unsigned i = 0; i < NEAR && next_word(&at, &w); i++) {
		if (isdigit((unsigned char)w.text[0]))
			return time_from(w, at, bare);
		if (w.stop || !is_filler(w.text))
			break;
	}
	return 0;
}

uint64_t
retry_hint(const char *text)
{
	struct word w, next;

	while (next_word(&text, &w))
		for (size_t i = 0; i < nitems_of(askers); i++) {
			const char *after = text;
			uint64_t ms;

			if (strcmp(w.text, askers[i].word) != 0 || (w.stop && askers[i].behind != NULL))
				continue;
			if (askers[i].behind != NULL &&
			    (!next_word(&after, &next) || strcmp(next.text, askers[i].behind) != 0))
				continue;
			ms = find_time(after, askers[i].bare);
			if (ms > 0)
				return ms > RETRY_HINT_MAX ? RETRY_HINT_MAX : ms;
		}
	return 0;
}
