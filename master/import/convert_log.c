/*
 * convert_log - handlers: the protocol log; pure
 *
 * Runs in:  import
 * Owns:     nothing
 * Promise:  the fields that were chosen are those of the new log
 * Fails by: lines of the report
 */
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "common/config/key.h"
#include "master/import/import.h"

void
convert_log_type(struct convert *c, const struct property *p, const char *text)
{
	uint64_t n;

	if (strcmp(c->from, "default") == 0)
		return;		/* a log of ninety days harms nobody */
	if (convert_number(text, &n))
		convert_carried(c, p, text, n != 0 ? "yes" : "no");
	else
		convert_changed(c, p, text, NULL, "it is no number");
}

void
convert_log_period(struct convert *c, const struct property *p, const char *text)
{
	static const char *const rolls[] = { "size", "daily", "weekly", "monthly", "hourly" };
	uint64_t n;

	if (convert_number(text, &n) && n < nitems_of(rolls))
		convert_carried(c, p, text, rolls[n]);
	else
		convert_changed(c, p, text, "daily", "it is none of the periods 0 to 4");
}

void
convert_log_size(struct convert *c, const struct property *p, const char *text)
{
	uint64_t n;

	if (convert_number(text, &n) && n >= 2000000000)
		convert_changed(c, p, text, NULL, "a log file without an end: a new one begins at 20M");
	else
		convert_simple_size(c, p, text);
}

/* Bits and names as MetaBase.xml has them, and the field of the W3C log. */
static const struct { unsigned bit; const char *name, *field; } fields[] = {
	{ 0x1, "Date", "date" }, { 0x2, "Time", "time" }, { 0x4, "ClientIp", "c-ip" },
	{ 0x8, "UserName", "cs-username" }, { 0x10, "SiteName", "s-sitename" },
	{ 0x20, "ComputerName", "s-computername" }, { 0x40, "ServerIp", "s-ip" },
	{ 0x80, "Method", "cs-method" }, { 0x100, "UriStem", "cs-uri-stem" },
	{ 0x200, "UriQuery", "cs-uri-query" }, { 0x400, "HttpStatus", "sc-status" },
	{ 0x800, "Win32Status", "sc-win32-status" }, { 0x1000, "BytesSent", "sc-bytes" },
	{ 0x2000, "BytesRecv", "cs-bytes" }, { 0x4000, "TimeTaken", "time-taken" },
	{ 0x8000, "ServerPort", "s-port" }, { 0x10000, "UserAgent", "cs(User-Agent)" },
	{ 0x20000, "Cookie", "cs(Cookie)" }, { 0x40000, "Referer", "cs(Referer)" },
	{ 0x80000, "ProtocolVersion", "cs-version" }, { 0x100000, "Host", "cs-host" },
};

static bool
has_word(const char *text, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = text; (at = strcasestr(at, "LogExtFile")) != NULL; at += 10)
		if (strncasecmp(at + 10, name, len) == 0 && strchr(" |,\t\n", at[10 + len]) != NULL)
			return true;
	return false;
}

void
convert_log_fields(struct convert *c, const struct property *p, const char *text)
{
	struct buf value = BUF_INIT(600);
	uint64_t n = 0;
	bool number = convert_number(text, &n);

	for (size_t i = 0; i < nitems_of(fields); i++)
		if (number ? n & fields[i].bit : has_word(text, fields[i].name))
			buf_printf(&value, "%s%s", value.len > 0 ? ", " : "", fields[i].field);
	if (value.len > 0)
		convert_carried(c, p, text, buf_text(&value));
	else
		convert_changed(c, p, text, NULL, "it names no field: all fields are written");
	buf_done(&value);
}

void
convert_log_format(struct convert *c, const struct property *p, const char *text)
{
	if (strcasestr(text, "FF160663-") != NULL)
		convert_carried(c, p, text, "w3c");
	else if (text[0] != '\0')
		convert_changed(c, p, text, "w3c", "of the formats of IIS there is W3C extended alone");
}
