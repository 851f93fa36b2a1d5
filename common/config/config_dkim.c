/*
 * config_dkim - the keys that sign mail: items of dkim-key, and which of them sign for a domain; pure
 *
 * Runs in:  every process
 * Owns:     nothing
 * Promise:  a domain has a selector once. Days are whole days of UTC, the last one counts
 * Fails by: -1 and a static text
 */
#include "common/config/config_dkim.h"

#include <ctype.h>
#include <string.h>
#include <time.h>

#include "common/base/net.h"
#include "common/config/config.h"

#define FORM "a domain, a selector, perhaps the days on which it signs, and the file of the key, like " \
    "example.com s2026 2026-01-01..2026-12-31 /etc/postern/s2026.example.com.key"
#define NAME_MAX_OCTETS 253

/* The next word, in lower case; -1: it is none, or too long. */
static int
take_word(char dst[CONFIG_DKIM_NAME_SIZE], const char **at)
{
	size_t n = strcspn(*at, " \t");

	if (n == 0 || n >= CONFIG_DKIM_NAME_SIZE)
		return -1;
	for (size_t i = 0; i < n; i++)
		dst[i] = (char)tolower((unsigned char)(*at)[i]);
	dst[n] = '\0';
	*at += n;
	*at += strspn(*at, " \t");
	return 0;
}

static int
digits(const char *text, int n)
{
	int value = 0;

	for (int i = 0; i < n; i++)
		value = value * 10 + text[i] - '0';
	return value;
}

/* "2026-01-31" is a day that there is. */
static int
parse_day(int64_t *seconds, const char *text, size_t len)
{
	struct tm day = { 0 }, same;
	time_t at;

	if (len != 10 || text[4] != '-' || text[7] != '-' || strspn(text, "0123456789-") < len)
		return -1;
	for (size_t i = 0; i < len; i++)
		if (i != 4 && i != 7 && !isdigit((unsigned char)text[i]))
			return -1;
	day.tm_year = digits(text, 4) - 1900;
	day.tm_mon = digits(text + 5, 2) - 1;
	day.tm_mday = digits(text + 8, 2);
	same = day;
	at = timegm(&same);
	*seconds = (int64_t)at;
	return same.tm_mon == day.tm_mon && same.tm_mday == day.tm_mday ? 0 : -1;
}

/* "2026-01-01..2026-12-31", "2026-01-01..", "..2026-12-31" */
static int
parse_days(struct config_dkim *k, const char *text)
{
	const char *dots = strstr(text, "..");

	if (dots == NULL || (dots == text && dots[2] == '\0') ||
	    (dots != text && parse_day(&k->from, text, (size_t)(dots - text)) == -1))
		return -1;
	if (dots[2] == '\0')
		return 0;
	if (parse_day(&k->until, dots + 2, strlen(dots + 2)) == -1)
		return -1;
	k->until += CONFIG_DKIM_DAY;
	return k->from < k->until ? 0 : -1;
}

int
config_dkim_parse(struct config_dkim *k, const char *item, const char **why)
{
	char days[CONFIG_DKIM_NAME_SIZE];

	*k = (struct config_dkim){ .from = INT64_MIN, .until = INT64_MAX };
	*why = FORM;
	if (take_word(k->domain, &item) == -1 || take_word(k->selector, &item) == -1)
		return -1;
	if (*item != '/' && (take_word(days, &item) == -1 || parse_days(k, days) == -1))
		return -1;
	k->file = item;
	if (!net_is_hostname(k->domain) || strchr(k->domain, '.') == NULL || !net_is_hostname(k->selector) ||
	    strlen(k->selector) + strlen("._domainkey.") + strlen(k->domain) > NAME_MAX_OCTETS)
		return -1;
	return *item == '/' ? 0 : -1;
}

bool
config_dkim_at(struct config_dkim *k, const struct config_server *s, size_t index)
{
	const char *why;

	return index < s->dkim_key.count && config_dkim_parse(k, s->dkim_key.text[index], &why) == 0;
}

bool
config_dkim_is_valid(const struct config_dkim *k, int64_t now)
{
	return k->from <= now && now < k->until;
}

bool
config_dkim_serves(const struct config_dkim *k, const char *domain)
{
	size_t len = strlen(domain), own = strlen(k->domain);

	return len >= own && strcmp(domain + len - own, k->domain) == 0 &&
	    (len == own || domain[len - own - 1] == '.');
}

const char *
config_dkim_report_domain(const struct config_server *s)
{
	return s->masquerade != NULL ? s->masquerade : s->default_domain->name;
}
