/*
 * change - one change of one INI file: made in its text, judged with the whole set
 *
 * Runs in:  master, posternctl
 * Owns:     texts and keys until change_done
 * Promise:  a set that would have a new error is refused, with file, line and key of it
 * Fails by: an exit status and words
 */
#include "common/change/change.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/config/config.h"

#define CHANGE_FILE_MAX (1U << 20)	/* what is read of an INI file */
#define CHANGE_WHY_MAX 65536U

char *
change_path(const char *config_path, const char *server)
{
	const char *slash = strrchr(config_path, '/');
	int folder = slash != NULL ? (int)(slash - config_path) + 1 : 0;

	return server != NULL ? mem_printf("%.*sservers/%s.ini", folder, config_path, server) :
	    mem_strdup(config_path);
}

static void
begin(struct change *c, const char *config_path, const char *server)
{
	*c = (struct change){ .config_path = config_path, .server = mem_strdup(server),
	    .path = change_path(config_path, server), .text = BUF_INIT(CHANGE_FILE_MAX),
	    .why = BUF_INIT(CHANGE_WHY_MAX), .diff = BUF_INIT(2 * CHANGE_FILE_MAX),
	    .passes = BUF_INIT(400), .passes_why = BUF_INIT(400) };
}

static int
read_text(struct change *c)
{
	int fd = open(c->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	ssize_t len = -1;

	if (fd == -1)
		return -1;
	errno = EFBIG;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= CHANGE_FILE_MAX) {
		c->old = mem_zalloc((size_t)st.st_size + 1);
		len = disk_pread(fd, c->old, (size_t)st.st_size, 0);
	}
	disk_close(fd);
	c->old_len = len > 0 ? (size_t)len : 0;
	return len == -1 ? -1 : 0;
}

int
change_open(struct change *c, const char *config_path, const char *server)
{
	begin(c, config_path, server);
	if (read_text(c) == -1) {
		int status = errno == EACCES || errno == EPERM ? EX_NOPERM : EX_NOINPUT;

		buf_printf(&c->why, "%s: %s\n", c->path, strerror(errno));
		return status;
	}
	if (memchr(c->old, '\0', c->old_len) != NULL) {
		buf_printf(&c->why, "%s: has a NUL byte; it must be mended by hand\n", c->path);
		return EX_CONFIG;
	}
	c->edit = config_edit_new(c->old, c->old_len, server != NULL);
	return EX_OK;
}

int
change_open_new(struct change *c, const char *config_path, const char *server, const char *text)
{
	begin(c, config_path, server);
	c->edit = config_edit_new(text, strlen(text), true);
	if (access(c->path, F_OK) == -1)
		return EX_OK;
	buf_printf(&c->why, "%s exists already\n", server);
	return 1;
}

void
change_done(struct change *c)
{
	for (size_t i = 0; i < c->keys; i++) {
		change_place_done(&c->key[i].place);
		free(c->key[i].before);
		free(c->key[i].after);
	}
	for (size_t i = 0; i < c->steps; i++) {
		free(c->step[i].from);
		free(c->step[i].to);
	}
	free(c->key);
	free(c->step);
	free(c->gone);
	free(c->kept);
	free(c->queue);
	free(c->server);
	free(c->path);
	free(c->old);
	config_edit_free(c->edit);
	buf_done(&c->text);
	buf_done(&c->why);
	buf_done(&c->diff);
	buf_done(&c->passes);
	buf_done(&c->passes_why);
	*c = (struct change){ 0 };
}

int
change_compare(struct change *c, const char *loaded, size_t len)
{
	unsigned line = 1;
	size_t at = 0;

	if (loaded != NULL && len == c->old_len && memcmp(loaded, c->old, len) == 0)
		return EX_OK;
	for (; loaded != NULL && at < len && at < c->old_len && loaded[at] == c->old[at]; at++)
		line += loaded[at] == '\n';
	buf_printf(&c->why,
	    "%s:%u: was changed by hand since the service has read it; look at it, take it over with "
	    "posternctl reload, and say this again\n",
	    c->steps > 0 ? c->step[c->steps - 1].from : c->path, line);
	return 1;
}

/* --- what is changed --- */

static char *
value_of(const struct change *c, const struct change_place *place)
{
	const struct config_place p = change_place_config(place);
	struct buf value = BUF_INIT(CHANGE_FILE_MAX);

	if (config_edit_get(c->edit, &p, &value))
		buf_add(&value, "", 1);
	return value.data;
}

/* Takes over `place`. */
static struct change_key *
add_key(struct change *c, struct change_place *place, bool unset)
{
	struct change_key *k;

	c->key = mem_grow(c->key, c->keys, sizeof(*c->key));
	k = &c->key[c->keys++];
	*k = (struct change_key){ .place = *place, .unset = unset, .before = value_of(c, place) };
	*place = (struct change_place){ 0 };
	return k;
}

static bool
is_there(const struct change *c, const struct change_place *place)
{
	for (size_t i = 0; i < c->keys; i++) {
		const struct change_place *p = &c->key[i].place;

		if (p->section == place->section && strcmp(p->key, place->key) == 0 &&
		    (p->name == NULL || strcmp(p->name, place->name) == 0))
			return true;
	}
	return false;
}

static int
parse_place(struct change *c, struct change_place *place, const char *word, size_t len, bool any)
{
	struct buf why = BUF_INIT(1000);
	int status = EX_OK;

	if (change_place_parse(place, word, len, c->server != NULL, any, &why) == -1) {
		buf_printf(&c->why, "%s\n", buf_text(&why));
		status = EX_USAGE;
	} else if (is_there(c, place)) {
		buf_printf(&c->why, "%.*s is said twice\n", (int)len, word);
		change_place_done(place);
		status = EX_USAGE;
	}
	buf_done(&why);
	return status;
}

/* What postern.ini says for all virtual servers: as it was read by the service, else as it is on disk. */
static char *
shared_value(const struct change *c, const struct change_place *place)
{
	const struct config_place p = change_place_config(place);
	struct buf value = BUF_INIT(CHANGE_FILE_MAX);
	struct change shared = { 0 };
	size_t len = 0;
	const char *text = c->base != NULL ? config_files_text(c->base, NULL, &len) : NULL;
	bool readable = true;

	if (text != NULL)
		shared.edit = config_edit_new(text, len, false);
	else
		readable = change_open(&shared, c->config_path, NULL) == EX_OK;
	if (readable && config_edit_get(shared.edit, &p, &value))
		buf_add(&value, "", 1);
	change_done(&shared);
	return value.data;
}

/*
 * The list that items are added to or taken from: as the file says it; else the one that counts for it, that
 * of postern.ini, or none. NULL: it is no list that a file says. Owned by the caller.
 */
static char *
list_so_far(const struct change *c, const struct change_key *k, const struct key *row)
{
	bool empty = row->standard == NULL && row->derived == NULL;
	char *list = NULL;

	if (k->before != NULL)
		return mem_strdup(k->before);
	if (c->server != NULL && !row->own && k->place.name == NULL)
		list = shared_value(c, &k->place);
	return list == NULL && empty ? mem_strdup("") : list;
}

/* KEY+=VALUE, KEY-=VALUE: the list with items more or less; owned by the caller. */
static char *
adjust_list(struct change *c, const struct change_key *k, bool add, const char *value, struct buf *why)
{
	struct buf list = BUF_INIT(CHANGE_FILE_MAX);
	const struct key *key = key_find(k->place.section, k->place.key);
	char *now = list_so_far(c, k, key);

	if (now == NULL)
		buf_printf(why, "is not in %s, so there is no list to change: say all of it", c->path);
	else if (config_edit_list_adjust(key, now, add, value, &list, why) == 0)
		buf_add(&list, "", 1);
	free(now);
	if (why->len > 0)
		buf_done(&list);
	return list.data;
}

static int
set_value(struct change *c, struct change_key *k, char sign, const char *value, struct buf *why)
{
	const struct config_place p = change_place_config(&k->place);
	char *list = NULL;
	int result = -1;

	if (sign != '\0')
		list = adjust_list(c, k, sign == '+', value, why);
	if (why->len == 0)
		result = config_edit_set(c->edit, &p, list != NULL ? list : value, why);
	free(list);
	return result;
}

int
change_set(struct change *c, const char *word)
{
	const char *value = strchr(word, '=');
	size_t len = value != NULL ? (size_t)(value - word) : strlen(word);
	char sign = value != NULL && len > 0 && strchr("+-", value[-1]) != NULL ? value[-1] : '\0';
	struct change_place place;
	struct buf why = BUF_INIT(1000);
	int status;

	if (value == NULL) {
		buf_printf(&c->why, "%.100s: say SECTION.KEY=VALUE\n", word);
		return EX_USAGE;
	}
	len -= sign != '\0';
	status = parse_place(c, &place, word, len, false);
	if (status == EX_OK) {
		struct change_key *k = add_key(c, &place, false);

		if (set_value(c, k, sign, value + 1, &why) == -1) {
			buf_printf(&c->why, "%.*s %s\n", (int)len, word, buf_text(&why));
			status = EX_CONFIG;
		} else {
			k->after = value_of(c, &k->place);
		}
	}
	buf_done(&why);
	return status;
}

int
change_unset(struct change *c, const char *word)
{
	struct change_place place;
	struct buf why = BUF_INIT(1000);
	int status = parse_place(c, &place, word, strlen(word), true), rc;

	if (status != EX_OK) {
		buf_done(&why);
		return status;
	}
	add_key(c, &place, true);
	rc = config_edit_unset(c->edit, &(struct config_place){ .section = c->key[c->keys - 1].place.section,
	    .name = c->key[c->keys - 1].place.name, .key = c->key[c->keys - 1].place.key }, &why);
	if (rc == 0) {
		buf_printf(&c->why, "%.200s is not in %s\n", word, c->path);
		status = 3;
	} else if (rc == -1) {
		buf_printf(&c->why, "%.200s %s\n", word, buf_text(&why));
		status = EX_CONFIG;
	}
	buf_done(&why);
	return status;
}

int
change_note(struct change *c, const char *place, const char *after)
{
	struct change_place p;
	int status = parse_place(c, &p, place, strlen(place), true);

	if (status == EX_OK)
		add_key(c, &p, after == NULL)->after = mem_strdup(after);
	return status;
}

void
change_note_again(struct change *c, struct change_key *k)
{
	free(k->after);
	k->after = value_of(c, &k->place);
	k->unset = k->after == NULL;
}

/* --- sections --- */

static int
end_section(struct change *c, enum key_section section, const char *name, int result, struct buf *why)
{
	if (result == -1)
		buf_printf(&c->why, "%s %.200s %s\n", key_section_name(section), name, buf_text(why));
	buf_done(why);
	return result == -1 ? 1 : EX_OK;
}

int
change_section_add(struct change *c, enum key_section section, const char *name)
{
	struct buf why = BUF_INIT(1000);

	return end_section(c, section, name, config_edit_section_add(c->edit, section, name, &why), &why);
}

/* All keys of the section are changed; `to` NULL: they go. */
static void
add_section_keys(struct change *c, enum key_section section, const char *name)
{
	char *key;

	for (size_t n = 0; (key = config_edit_section_key(c->edit, section, name, n)) != NULL; n++) {
		struct change_place place = { section, mem_strdup(name), key };

		if (is_there(c, &place))
			change_place_done(&place);
		else
			add_key(c, &place, true);
	}
}

int
change_section_remove(struct change *c, enum key_section section, const char *name)
{
	struct buf why = BUF_INIT(1000);
	char *known = config_edit_section_name(section, name);
	int result = -1;

	if (known == NULL)
		buf_puts(&why, "is no name of a domain");
	else {
		add_section_keys(c, section, known);
		result = config_edit_section_remove(c->edit, section, known, &why);
	}
	free(known);
	return end_section(c, section, name, result, &why) == EX_OK ? EX_OK : 3;
}

int
change_section_rename(struct change *c, enum key_section section, const char *from, const char *to)
{
	struct buf why = BUF_INIT(1000);
	char *known = config_edit_section_name(section, from), *new = config_edit_section_name(section, to);
	size_t first = c->keys;
	int result = -1;

	if (known == NULL)
		buf_printf(&why, "cannot be its name: %.100s is not there", from);
	else {
		add_section_keys(c, section, known);
		result = config_edit_section_rename(c->edit, section, known, to, &why);
	}
	for (size_t i = first, n = c->keys; i < n && result == 0; i++) {
		struct change_place place = { section, mem_strdup(new), mem_strdup(c->key[i].place.key) };
		struct change_key *k = add_key(c, &place, false);

		k->after = k->before;	/* under that name it is new */
		k->before = NULL;
	}
	free(known);
	free(new);
	return end_section(c, section, to, result, &why);
}

char *
change_default_domain(const struct change *c)
{
	char *name;

	for (size_t n = 0; (name = config_edit_section_at(c->edit, KEY_DOMAIN, n)) != NULL; n++) {
		const struct config_place p = { KEY_DOMAIN, name, "type" };
		struct buf type = BUF_INIT(100);
		bool found = config_edit_get(c->edit, &p, &type) && strcmp(buf_text(&type), "default") == 0;

		buf_done(&type);
		if (found)
			return name;
		free(name);
	}
	return NULL;
}

bool
change_is_none(const struct change *c)
{
	return c->gone == NULL && c->old != NULL && c->text.len == c->old_len &&
	    memcmp(buf_text(&c->text), c->old, c->old_len) == 0;
}
