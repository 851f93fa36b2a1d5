/*
 * config_edit - changes to the text of any INI file: a key that was set has its value when the text is read anew, and
 * nothing else is another; every line of other keys stays as it was. The input is the text, then, behind NULs,
 * changes: two bytes that choose the key, and the value; none: it is unset.
 */
#include "t/fuzz/fuzz.h"

#include "common/edit/config_edit_private.h"

#define CHANGES_MAX 4

static char *
text_of(const struct config_edit *e, size_t *len)
{
	struct buf text = BUF_INIT(4U << 20);

	config_edit_text(e, &text);
	fuzz_check(buf_ok(&text));
	*len = text.len;
	buf_add(&text, "", 1);
	return text.data;
}

static bool
is_of(const struct edit_view *v, const struct config_entry *entry, const struct config_place *p)
{
	const struct config_heading *h = &v->ini.heading[entry->heading];

	return h->section == p->section && strcmp(entry->name, p->key) == 0 &&
	    (p->name == NULL || (h->domain != NULL && strcmp(h->domain, p->name) == 0));
}

/* The lines of other keys, and what is no key, stand in the new text in their order. */
static void
check_lines(const struct edit_view *v, const struct config_place *p, const char *after)
{
	for (size_t n = 1; n <= v->lines; n++) {
		const char *line = config_edit_view_line(v, (unsigned)n)->text, *eol;
		bool own = false;

		for (size_t i = 0; i < v->ini.nentry; i++)
			own |= v->ini.entry[i].line == n && is_of(v, &v->ini.entry[i], p);
		while (!own) {
			fuzz_check(*after != '\0' || *line == '\0');
			eol = strchrnul(after, '\n');
			size_t len = (size_t)(eol - after);
			bool same = strncmp(after, line, strlen(line)) == 0 && (len == strlen(line) ||
			    (len == strlen(line) + 1 && eol[-1] == '\r'));

			after = eol + (*eol != '\0');
			if (same || (*after == '\0' && *line == '\0'))
				break;
		}
	}
}

static bool
same_value(const struct key *k, const char *a, const char *b)
{
	struct edit_items x, y;
	bool same = true;

	if (!config_value_is_list(k))
		return strcmp(a, b) == 0;
	config_edit_list_split(&x, k, a);
	config_edit_list_split(&y, k, b);
	for (size_t i = 0; i < x.count && i < y.count; i++)
		same = same && strcmp(x.text[i], y.text[i]) == 0;
	same = same && x.count == y.count;
	config_edit_list_done(&x);
	config_edit_list_done(&y);
	return same;
}

/* value NULL: it is unset. False: it was refused, and `e` is of no more use. */
static bool
change(struct config_edit *e, const struct key *k, const char *value)
{
	struct config_place p = { .section = k->section, .key = k->name,
	    .name = k->section == KEY_DOMAIN ? "x.example" : key_section_is_named(k->section) ? "profile" : NULL };
	struct buf why = BUF_INIT(4096), now = BUF_INIT(4U << 20);
	struct edit_view before, after;
	size_t old_len, len;
	char *old = text_of(e, &old_len), *text;
	struct config_edit *was = config_edit_new(old, old_len, e->server), *again;
	int rc = value != NULL ? config_edit_set(e, &p, value, &why) : config_edit_unset(e, &p, &why);

	fuzz_check(rc != -1 || why.len > 0);
	text = text_of(e, &len);
	again = config_edit_new(text, len, e->server);
	config_edit_view(&before, was);
	config_edit_view(&after, again);
	if (rc != -1) {
		bool given = config_edit_get(again, &p, &now);

		fuzz_check(given == (value != NULL));
		fuzz_check(value == NULL || same_value(k, buf_text(&now), value));
		fuzz_check(config_edit_view_same(&before, &after, &p, 1));
		if (value != NULL)
			check_lines(&before, &p, text);
	}
	config_edit_view_done(&before);
	config_edit_view_done(&after);
	config_edit_free(was);
	config_edit_free(again);
	free(old);
	free(text);
	buf_done(&why);
	buf_done(&now);
	return rc != -1;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *text = (const char *)data, *end = text + len, *next = memchr(text, '\0', len);
	size_t size = next != NULL ? (size_t)(next - text) : len;
	struct config_edit *e = config_edit_new(text, size, memmem(text, size, "[service]", 9) == NULL);
	struct buf diff = BUF_INIT(4U << 20);
	bool good = true;

	for (unsigned i = 0; i < CHANGES_MAX && good && next != NULL && end - next > 3; i++) {
		const char *at = next + 1;
		size_t row = ((unsigned char)at[0] * 256U + (unsigned char)at[1]) % key_rows_count;

		next = memchr(at + 2, '\0', (size_t)(end - at - 2));
		char *value = strndup(at + 2, (size_t)((next != NULL ? next : end) - at - 2));
		good = change(e, &key_rows[row], *value != '\0' ? value : NULL);
		free(value);
	}
	if (good) {
		config_edit_diff(e, &diff);
		fuzz_check(buf_ok(&diff));
	}
	buf_done(&diff);
	config_edit_free(e);
	return 0;
}
