/*
 * answers_value - one value of an answer as JSON; pure
 *
 * Runs in:  posternctl, web
 * Owns:     nothing
 * Promise:  the bytes are those that the service had before it escaped them; what is no UTF-8 is marked and
 *           kept in "raw"
 * Fails by: not at all; a number that is none counts as 0, a time past the year 9999 is its end
 */
#include <stdlib.h>
#include <string.h>

#include "common/answers/answers.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/escape.h"
#include "common/base/mem.h"
#include "common/base/utf8.h"

#define TIME_LAST 253402300799	/* 9999-12-31T23:59:59Z */

void
answers_value_time(char *dst, const char *seconds)
{
	int64_t s = strtoll(seconds, NULL, 10);

	clock_format_utc(dst, (s < 0 ? 0 : s > TIME_LAST ? TIME_LAST : s) * 1000000);
	strcpy(dst + strlen("2026-11-21T19:04:57"), "Z");
}

/* *raw: the bytes in hexadecimal when they are no UTF-8, else NULL. */
static json_t *
string_of(const char *bytes, size_t len, json_t **raw)
{
	struct buf text = BUF_INIT(3 * len), hex = BUF_INIT(2 * len);
	json_t *string = json_stringn(bytes, len);	/* NULL: they are no UTF-8 */

	*raw = NULL;
	if (string != NULL)
		return string;
	for (size_t at = 0, n; at < len; at += n > 0 ? n : 1) {
		n = utf8_take((const unsigned char *)bytes + at, len - at, NULL);
		buf_add(&text, n > 0 ? bytes + at : "\xef\xbf\xbd", n > 0 ? n : 3);
	}
	for (size_t at = 0; at < len; at++)
		buf_printf(&hex, "%02x", (unsigned)(unsigned char)bytes[at]);
	string = json_stringn(buf_text(&text), text.len);
	*raw = json_string(buf_text(&hex));
	buf_done(&text);
	buf_done(&hex);
	return string;
}

/* The object "raw" of an object. */
static json_t *
raw_of(json_t *object)
{
	json_t *raw = json_object_get(object, "raw");

	if (!json_is_object(raw)) {
		raw = json_object();
		json_object_set_new(object, "raw", raw);
	}
	return raw;
}

void
answers_value_put_bytes(json_t *object, const char *name, const char *bytes, size_t len)
{
	json_t *raw;

	json_object_set_new(object, name, string_of(bytes, len, &raw));
	if (raw != NULL)
		json_object_set_new(raw_of(object), name, raw);
}

void
answers_value_append_bytes(json_t *object, const char *name, const char *bytes, size_t len)
{
	json_t *list = json_object_get(object, name), *raws, *raw;

	if (list == NULL) {
		list = json_array();
		json_object_set_new(object, name, list);
	}
	json_array_append_new(list, string_of(bytes, len, &raw));
	raws = json_object_get(json_object_get(object, "raw"), name);
	if (raw == NULL && raws == NULL)
		return;
	if (raws == NULL) {
		raws = json_array();
		json_object_set_new(raw_of(object), name, raws);
	}
	while (json_array_size(raws) + 1 < json_array_size(list))
		json_array_append_new(raws, json_null());
	json_array_append_new(raws, raw != NULL ? raw : json_null());
}

void
answers_value_append(json_t *object, const char *name, const char *text)
{
	char *copy = mem_strdup(text);

	answers_value_append_bytes(object, name, copy, escape_undo(copy));
	free(copy);
}

static void
put_text(json_t *object, const char *name, const char *text)
{
	char *copy = mem_strdup(text);

	answers_value_put_bytes(object, name, copy, escape_undo(copy));
	free(copy);
}

static void
put_lower(json_t *object, const char *name, const char *text)
{
	char *copy = mem_strdup(text);

	for (char *c = copy; *c != '\0'; c++)
		*c = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
	put_text(object, name, copy);
	free(copy);
}

static void
put_list(json_t *object, const char *name, enum answers_type type, const char *text)
{
	char *copy = mem_strdup(text != NULL ? text : ""), *rest = copy;
	json_t *list = json_array();

	json_object_set_new(object, name, list);
	for (char *one; *copy != '\0' && (one = strsep(&rest, type == ANSWERS_BLANKS ? " " : ",")) != NULL;)
		if (type == ANSWERS_PIDS)
			json_array_append_new(list, json_integer(strtoll(one, NULL, 10)));
		else
			answers_value_append(object, name, one);
	free(copy);
}

void
answers_value_put(json_t *object, const char *name, enum answers_type type, const char *text)
{
	bool may_miss = type == ANSWERS_WORD || type == ANSWERS_NUMBER || type == ANSWERS_TIME;
	bool missing = text == NULL || (may_miss && strcmp(text, "-") == 0) ||
	    (type == ANSWERS_WORD && *text == '\0');
	char time[CLOCK_DATE_SIZE];

	if (type == ANSWERS_BLANKS || type == ANSWERS_COMMAS || type == ANSWERS_PIDS) {
		put_list(object, name, type, text);
	} else if (missing) {
		json_object_set_new(object, name, json_null());
	} else if (type == ANSWERS_NUMBER) {
		json_object_set_new(object, name, json_integer(strtoll(text, NULL, 10)));
	} else if (type == ANSWERS_MILLISECONDS) {
		json_object_set_new(object, name, json_real((double)strtoull(text, NULL, 10) / 1000));
	} else if (type == ANSWERS_LOWER) {
		put_lower(object, name, text);
	} else if (type == ANSWERS_TIME) {
		answers_value_time(time, text);
		put_text(object, name, time);
	} else {
		put_text(object, name, text);
	}
}
