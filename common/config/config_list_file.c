/*
 * config_list_file - lists whose entries stand in a file of their own: one an entry a line, with comments
 *
 * Runs in:  every process; master and posternctl read the files, children find the texts in the snapshot
 * Owns:     the texts, in the sources of the configuration
 * Promise:  a file is read once for all keys that name it. A fault names the file and its line, and counts
 *           for the INI file that names it
 * Fails by: faults
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/config/config_private.h"

#define FAULTS_A_FILE 20	/* then the file is something else */

bool
config_list_file_is_named(const char *value)
{
	for (const char *at = value; *at != '\0'; at += strcspn(at, ", \t")) {
		at += strspn(at, ", \t");
		if (*at == '/')
			return true;
	}
	return false;
}

/* The text of the file; NULL: the fault is told. */
static struct config_source *
find_text(struct config_work *w, struct config_faults *faults, struct config_source *at, const char *path)
{
	struct config_sources *all = &w->sources;

	for (size_t i = 0; i < all->lists; i++)
		if (strcmp(all->list[i].path, path) == 0) {
			all->list[i].used = true;
			return all->list[i].text != NULL ? &all->list[i] : NULL;
		}
	all->list = mem_array(all->list, all->lists + 1, sizeof(*all->list));
	all->list[all->lists] = (struct config_source){ .path = mem_strdup(path), .used = true };
	if (w->folders)
		config_file_read(&all->list[all->lists], at, faults);
	return all->list[all->lists++].text != NULL ? &all->list[all->lists - 1] : NULL;
}

/* One line without its end; false: there is a fault. */
static bool
take_line(const struct key *k, void *base, const char *line, size_t len, struct buf *why)
{
	char text[CONFIG_LIST_LINE_MAX + 1];

	if (len > CONFIG_LIST_LINE_MAX || memchr(line, '\0', len) != NULL) {
		buf_printf(why, "is no line of text of at most %d bytes", CONFIG_LIST_LINE_MAX);
		return false;
	}
	memcpy(text, line, len);
	text[len] = '\0';
	text[strcspn(text, "#;\r")] = '\0';
	return config_value_set(k, base, text, why) == 0;
}

static void
take_text(const struct config_source *list, struct config_faults *faults, struct config_source *at,
    const struct key *k, void *base)
{
	const char *line = list->text, *end = list->text + list->len;
	unsigned bad = 0;

	for (unsigned number = 1; line < end && bad < FAULTS_A_FILE; number++) {
		const char *eol = memchr(line, '\n', (size_t)(end - line));
		size_t len = (size_t)((eol != NULL ? eol : end) - line);
		struct buf why = BUF_INIT(1000);

		if (!take_line(k, base, line, len, &why)) {
			config_faults_add(faults, at, number, false, "%s %s", k->name, buf_text(&why));
			bad++;
		}
		buf_done(&why);
		line = eol != NULL ? eol + 1 : end;
	}
}

static int
add_file(struct config_work *w, struct config_faults *faults, const struct config_source *named_by,
    const struct key *k, void *base, const char *path)
{
	/* What is wrong stands in that file. */
	struct config_source at = { .path = mem_unconst(path), .server = named_by->server };
	const struct config_source *list;
	const char *why = NULL;

	if (key_check_path(path, &why) == -1) {
		config_faults_add(faults, &at, 0, false, "must be %s", why);
		return -1;
	}
	list = find_text(w, faults, &at, path);
	if (list == NULL && at.errors == 0)
		config_faults_add(faults, &at, 0, false, "cannot be read");
	if (list != NULL)
		take_text(list, faults, &at, k, base);
	return at.errors == 0 ? 0 : -1;
}

int
config_list_file_set(struct config_work *w, struct config_faults *faults,
    const struct config_source *named_by, const struct key *k, void *base, const char *value, struct buf *why)
{
	char *copy = mem_strdup(value), *rest = copy, *item;
	int result = 0;

	while (result == 0 && (item = strsep(&rest, ", \t")) != NULL) {
		if (*item != '/') {
			result = config_value_set(k, base, item, why);
		} else if (add_file(w, faults, named_by, k, base, item) == -1) {
			buf_printf(why, "%s has errors", item);
			result = -1;
		}
	}
	free(copy);
	return result;
}
