/*
 * pace_word - what a refusal speaks about: the message, the connection, or how much we send; pure
 *
 * Runs in:  deliver
 * Owns:     nothing
 * Promise:  a 421 is never about one message (RFC 5321 3.8); a refusal of an address, a mailbox or a content
 *           (RFC 3463 X.1, X.2, X.6) always is, and so is greylisting, whatever else the words say
 * Fails by: PACE_MAIL: the message is tried again by its own table
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "deliver/pace/pace.h"

/*
 * The first row that fits counts. `status`: how it begins; NULL any. `words`: somewhere in the text, in any
 * case; NULL any. `later`: for a 4yz only.
 */
static const struct row { int code; const char *status, *words; bool later; enum pace_word means; } rows[] = {
	{ 0, NULL, "greylist", true, PACE_MAIL }, { 0, NULL, "graylist", true, PACE_MAIL },
	{ 0, NULL, "grey-list", true, PACE_MAIL }, { 0, NULL, "grey list", true, PACE_MAIL },
	{ 0, NULL, "gray-list", true, PACE_MAIL }, { 0, NULL, "gray list", true, PACE_MAIL },
	{ 0, NULL, "postgrey", true, PACE_MAIL },
	/* Google's relay service, though it is no matter of a mailbox */
	{ 450, "4.2.1", "relay limit exceeded", true, PACE_SLOWER },
	{ 421, "4.7.", NULL, true, PACE_SLOWER },
	{ 0, NULL, "too many connections", false, PACE_CONNECTION },
	{ 0, NULL, "too many concurrent", false, PACE_CONNECTION },
	{ 0, NULL, "too many simultaneous", false, PACE_CONNECTION },
	{ 0, NULL, "too many sessions", false, PACE_CONNECTION },
	{ 0, NULL, "too many open", false, PACE_CONNECTION },
	{ 0, NULL, "concurrent connections", false, PACE_CONNECTION },
	{ 0, NULL, "concurrent sessions", false, PACE_CONNECTION },
	{ 0, NULL, "simultaneous connections", false, PACE_CONNECTION },
	{ 0, NULL, "connection limit", false, PACE_CONNECTION },
	{ 0, NULL, "connections limit", false, PACE_CONNECTION },
	{ 0, NULL, "connection rate", true, PACE_SLOWER },
	{ 0, NULL, "thread limit", true, PACE_CONNECTION },
	/* Gmail; Microsoft 365: 4.7.500 to 4.7.699 are about the address that sends */
	{ 0, "4.7.28", NULL, true, PACE_SLOWER }, { 0, "4.7.5??", NULL, true, PACE_SLOWER },
	{ 0, "4.7.6??", NULL, true, PACE_SLOWER },
	{ 0, NULL, "rate limit", true, PACE_SLOWER }, { 0, NULL, "rate-limit", true, PACE_SLOWER },
	{ 0, NULL, "ratelimit", true, PACE_SLOWER }, { 0, NULL, "limit rate", true, PACE_SLOWER },
	{ 0, NULL, "throttl", true, PACE_SLOWER }, { 0, NULL, "slow down", true, PACE_SLOWER },
	{ 0, NULL, "too fast", true, PACE_SLOWER }, { 0, NULL, "too quickly", true, PACE_SLOWER },
	{ 0, NULL, "too much mail", true, PACE_SLOWER }, { 0, NULL, "too many messages", true, PACE_SLOWER },
	{ 0, NULL, "too many emails", true, PACE_SLOWER }, { 0, NULL, "too many mails", true, PACE_SLOWER },
	{ 0, NULL, "too many recipients from", true, PACE_SLOWER },
	{ 0, NULL, "unusual rate", true, PACE_SLOWER }, { 0, NULL, "unexpected volume", true, PACE_SLOWER },
	{ 0, NULL, "high volume", true, PACE_SLOWER }, { 0, NULL, "sending rate", true, PACE_SLOWER },
	{ 0, NULL, "rate exceeded", true, PACE_SLOWER }, { 0, NULL, "quota of messages", true, PACE_SLOWER },
	{ 0, NULL, "ip reputation", true, PACE_SLOWER }, { 0, NULL, "reputation of", true, PACE_SLOWER },
	{ 0, NULL, "reputation is", true, PACE_SLOWER }, { 0, NULL, "poor reputation", true, PACE_SLOWER },
	{ 0, NULL, "server busy", true, PACE_SLOWER }, { 0, NULL, "temporarily deferred", true, PACE_SLOWER },
	{ 0, NULL, "submission rate", true, PACE_SLOWER },
	/* Microsoft 365: a mailbox that sends more than its share */
	{ 432, "4.3.2", NULL, true, PACE_SLOWER }, { 0, "4.5.127", NULL, true, PACE_SLOWER },
	{ 421, NULL, NULL, true, PACE_CONNECTION },
};

/* '?' stands for a digit. */
static bool
begins_with(const char *status, const char *pattern)
{
	for (; *pattern != '\0'; pattern++, status++)
		if (*pattern == '?' ? !isdigit((unsigned char)*status) : *pattern != *status)
			return false;
	return !isdigit((unsigned char)*status) || pattern[-1] == '.';
}

/* The middle number of "4.7.1". */
static char
subject_of(const struct verdict *v)
{
	return v->status[0] != '\0' && v->status[1] == '.' ? v->status[2] : '0';
}

static bool
is_about_mail(const struct verdict *v)
{
	return v->code != 421 && strchr("126", subject_of(v)) != NULL && subject_of(v) != '\0';
}

/* What any 421 may mean, whatever its words are. */
static bool
is_general(const struct row *row)
{
	return row->code == 421 && row->words == NULL;
}

/* NULL: it is about mail. `named`: by its words, or by a status of its own. */
static const struct row *
row_of(const struct verdict *v, bool named)
{
	if (v->code < 400)
		return NULL;
	for (size_t i = 0; i < nitems_of(rows); i++)
		if (!(named && is_general(&rows[i])) && (!is_about_mail(v) || rows[i].status != NULL) &&
		    (rows[i].code == 0 || rows[i].code == v->code) &&
		    (rows[i].status == NULL || begins_with(v->status, rows[i].status)) &&
		    (rows[i].words == NULL || strcasestr(v->text, rows[i].words) != NULL) &&
		    (!rows[i].later || v->code < 500))
			return &rows[i];
	return NULL;
}

enum pace_word
pace_word_of(const struct verdict *v)
{
	const struct row *row = row_of(v, false);

	return row == NULL ? PACE_MAIL : row->means;
}

bool
pace_word_counts_us(const struct verdict *v)
{
	const struct row *row = row_of(v, false);

	return row != NULL && row->means == PACE_CONNECTION && row->words != NULL;
}

bool
pace_word_names_rate(const struct verdict *v)
{
	const struct row *row = row_of(v, true);

	return row != NULL && row->means == PACE_SLOWER;
}

/* X.3 the mail system, X.4 the network, X.7 policy. */
bool
pace_word_may_be_about_us(const struct verdict *v)
{
	return v->code >= 400 && v->code < 500 && subject_of(v) != '\0' &&
	    strchr("347", subject_of(v)) != NULL;
}
