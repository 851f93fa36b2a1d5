/*
 * change_history - the last changes of INI files: what a record says
 *
 * Runs in:  master, posternctl
 * Owns:     the text of records, and the note of a change that is under way
 * Promise:  a record is whole or not there
 * Fails by: 0 or false; a record that cannot be read is none
 */
#include "common/change/change_history.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/change/change_file.h"
#include "common/change/change_records.h"
#include "common/config/config.h"
#include "common/edit/config_get.h"

#define MAGIC "postern-change 1"
#define RECORD_MAX (4U << 20)

/* --- written --- */

/* "TAB=value", or "TAB-": it was not there. */
static void
put_value(struct buf *out, const char *value)
{
	buf_puts(out, value != NULL ? "\t=" : "\t-");
	if (value != NULL && *value != '\0')
		config_get_cell(out, value);
}

/* What moves, and what it was like: "step TAB=FROM TAB=TO TAB=INODE", "was ID running|stopped". */
static void
put_steps(struct buf *out, const struct change *c)
{
	bool goes = strcmp(c->gone, c->server) == 0;

	buf_puts(out, "key " CHANGE_HISTORY_NAME);
	put_value(out, c->gone);
	put_value(out, goes ? NULL : c->server);
	buf_printf(out, "\nwas %u %s\n", c->id, c->stopped ? "stopped" : "running");
	for (size_t i = 0; i < c->steps; i++) {
		struct stat st;

		buf_puts(out, "step ");
		put_value(out, c->step[i].from);
		put_value(out, c->step[i].to);
		if (lstat(c->step[i].from, &st) == 0)
			buf_printf(out, "\t=%llu", (unsigned long long)st.st_ino);
		buf_puts(out, "\n");
	}
}

static void
format_record(struct buf *out, const struct change *c, const char *author, const char *command)
{
	buf_printf(out, MAGIC "\ntime %lld\nauthor %s\nserver %s\ncommand %s\n", (long long)clock_wall_us(),
	    author, c->server != NULL ? c->server : "-", command);
	for (size_t i = 0; i < c->keys; i++) {
		buf_puts(out, "key ");
		change_place_format(out, &c->key[i].place);
		put_value(out, c->key[i].before);
		put_value(out, c->key[i].after);
		buf_puts(out, "\n");
	}
	if (c->gone != NULL)
		put_steps(out, c);
	buf_puts(out, "lines\n");
	if (c->gone != NULL && strcmp(c->gone, c->server) == 0)
		buf_add(out, c->old, c->old_len);
	else if (c->old != NULL)
		config_edit_undo_format(c->edit, out);
}

/* --- the note of what is under way --- */

static char *
note_path(const char *state)
{
	return mem_printf("%s/changes/.noted", state);
}

int
change_history_note(const char *state, const struct change *c, const char *author, const char *command)
{
	struct buf text = BUF_INIT(RECORD_MAX);
	char *path = note_path(state), *part = mem_printf("%s/changes/.part", state),
	    *folder = mem_printf("%s/changes", state);
	int result, saved;

	/* here, as the steps behind the note may be done twice: the records of that name are its own then */
	if (strcmp(c->gone, c->server) != 0)
		change_records_bury(state, c->server, 0);
	format_record(&text, c, author, command);
	errno = EFBIG;
	result = buf_ok(&text) ? disk_replace(part, path, 0600, buf_text(&text), text.len) : -1;
	if (result == 0)
		result = disk_sync_folder_at(folder);
	saved = errno;
	if (result == -1)
		unlink(path);
	buf_done(&text);
	free(path);
	free(part);
	free(folder);
	errno = saved;
	return result;
}

void
change_history_forget(const char *state)
{
	char *path = note_path(state);

	unlink(path);
	free(path);
}

unsigned
change_history_keep(const char *state, const char *before, const char *after)
{
	unsigned number = change_records_next(state);
	char *path, *note = note_path(state);

	if (after != NULL)
		change_records_move(state, before, after);
	else
		change_records_bury(state, before, number);
	path = change_records_path(state, number, after != NULL ? after : before, after == NULL);
	if (rename(note, path) == -1)
		number = 0;
	change_file_own(path, state);
	if (number != 0)
		change_records_forget_old(state, after != NULL ? after : before);
	free(path);
	free(note);
	return number;
}

unsigned
change_history_add(const char *state, const struct change *c, const char *author, const char *command)
{
	struct buf text = BUF_INIT(RECORD_MAX);
	const char *server = c->server != NULL ? c->server : "";
	unsigned number = change_records_next(state);
	char *path = change_records_path(state, number, server, false),
	    *part = mem_printf("%s/changes/.part", state);

	if (c->back != 0)
		change_records_revive(state, server, c->back);
	else if (c->old == NULL)
		change_records_bury(state, server, 0);
	format_record(&text, c, author, command);
	/* a cut record would say something else */
	if (!buf_ok(&text) || disk_replace(part, path, 0600, buf_text(&text), text.len) == -1)
		number = 0;
	change_file_own(path, state);
	if (number != 0)
		change_records_forget_old(state, server);
	free(path);
	free(part);
	buf_done(&text);
	return number;
}

void
change_history_take_back(const char *state, const struct change *c, unsigned number)
{
	bool goes = c->gone != NULL && strcmp(c->gone, c->server) == 0;

	if (goes)
		change_records_revive(state, c->server, number);
	change_records_remove(state, number);
	if (c->back != 0)
		change_records_bury(state, c->server, c->back);
	else if (c->gone != NULL && !goes)
		change_records_move(state, c->server, c->gone);
}

/* --- read --- */

void
change_history_done(struct change_record *r)
{
	for (size_t i = 0; i < r->keys; i++) {
		free(r->key[i].place);
		free(r->key[i].before);
		free(r->key[i].after);
	}
	for (size_t i = 0; i < r->steps; i++) {
		free(r->step[i].from);
		free(r->step[i].to);
	}
	free(r->key);
	free(r->step);
	free(r->author);
	free(r->command);
	free(r->server);
	free(r->lines);
	*r = (struct change_record){ 0 };
}

static char *
read_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	char *text = NULL;

	if (fd == -1)
		return NULL;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= RECORD_MAX) {
		text = mem_zalloc((size_t)st.st_size + 1);
		if (disk_pread(fd, text, (size_t)st.st_size, 0) != st.st_size)
			text[0] = '\0';
	}
	close(fd);
	return text;
}

/* "=value" unescaped, NULL for "-"; owned by the caller. */
static char *
take_value(const char *cell)
{
	char *value = cell != NULL && *cell == '=' ? mem_strdup(cell + 1) : NULL, *to = value;

	for (const char *at = value; at != NULL && *at != '\0'; to++)
		if (at[0] == '\\' && at[1] == 'x' && at[2] != '\0' && at[3] != '\0') {
			const char hex[] = { at[2], at[3], '\0' };

			*to = (char)strtoul(hex, NULL, 16);
			at += 4;
		} else {
			*to = *at++;
		}
	if (to != NULL)
		*to = '\0';
	return value;
}

static void
take_key(struct change_record *r, char *line)
{
	struct change_record_key *k;
	char *rest = line, *place = strsep(&rest, "\t"), *before = strsep(&rest, "\t");

	r->key = mem_grow(r->key, r->keys, sizeof(*r->key));
	k = &r->key[r->keys++];
	*k = (struct change_record_key){ mem_strdup(place), take_value(before), take_value(rest) };
}

static void
take_step(struct change_record *r, char *line)
{
	char *rest = line, *from, *to;

	(void)strsep(&rest, "\t");
	from = take_value(strsep(&rest, "\t"));
	to = take_value(strsep(&rest, "\t"));
	if (from == NULL || to == NULL) {
		free(from);
		free(to);
		return;
	}
	r->step = mem_grow(r->step, r->steps, sizeof(*r->step));
	r->step[r->steps++] = (struct change_step){ from, to,
	    rest != NULL && rest[0] == '=' ? strtoull(rest + 1, NULL, 10) : 0 };
}

static void
take_line(struct change_record *r, char *line)
{
	char *value = strchr(line, ' ');

	if (value == NULL)
		return;
	*value++ = '\0';
	if (strcmp(line, "time") == 0)
		r->when_us = strtoll(value, NULL, 10);
	else if (strcmp(line, "author") == 0 && r->author == NULL)
		r->author = mem_strdup(value);
	else if (strcmp(line, "command") == 0 && r->command == NULL)
		r->command = mem_strdup(value);
	else if (strcmp(line, "server") == 0 && r->server == NULL && strcmp(value, "-") != 0)
		r->server = mem_strdup(value);
	else if (strcmp(line, "key") == 0)
		take_key(r, value);
	else if (strcmp(line, "step") == 0)
		take_step(r, value);
	else if (strcmp(line, "was") == 0) {
		r->id = (uint32_t)strtoul(value, NULL, 10);
		r->stopped = strstr(value, " stopped") != NULL;
	}
}

static bool
parse_record(struct change_record *r, char *text)
{
	char *rest = text, *line = strsep(&rest, "\n");

	if (line == NULL || strcmp(line, MAGIC) != 0)
		return false;
	while ((line = strsep(&rest, "\n")) != NULL && strcmp(line, "lines") != 0)
		take_line(r, line);
	if (rest != NULL && *rest != '\0')
		r->lines = mem_strdup(rest);
	return line != NULL && r->author != NULL && r->command != NULL;
}

bool
change_history_noted(struct change_record *r, const char *state)
{
	char *path = note_path(state), *text = read_file(path);
	bool good;

	*r = (struct change_record){ 0 };
	good = text != NULL && parse_record(r, text) && r->server != NULL && r->keys == 1 &&
	    r->key[0].before != NULL;
	if (!good)
		change_history_done(r);
	free(path);
	free(text);
	return good;
}

/* `path` NULL: there is none. */
static bool
read_record(struct change_record *r, const char *path, unsigned number, const char *server, bool gone)
{
	char *text = path != NULL ? read_file(path) : NULL;
	bool good;

	*r = (struct change_record){ 0 };
	good = text != NULL && parse_record(r, text);
	r->number = number;
	r->gone = gone;
	if (r->server != NULL) {	/* it may have another name by now */
		free(r->server);
		r->server = mem_strdup(server);
	}
	free(text);
	if (!good)
		change_history_done(r);
	return good;
}

bool
change_history_read(struct change_record *r, const char *state, unsigned number)
{
	struct change_owner owner = { 0 };
	char *path = change_records_find(state, &number, &owner);
	bool good = read_record(r, path, number, owner.server, owner.gone);

	free(path);
	return good;
}

void
change_history_each(const char *state, const char *server,
    bool (*take)(void *arg, struct change_record *r), void *arg)
{
	size_t count;
	struct change_record_file *list = change_records_list(state, server, &count);
	bool more = true;

	while (more && count-- > 0) {
		const struct change_record_file *f = &list[count];
		char *path = change_records_file_path(state, f);
		struct change_record r;

		if (read_record(&r, path, f->number, f->server, f->gone))
			more = take(arg, &r);
		change_history_done(&r);
		free(path);
	}
	free(list);
}

/* --- shown --- */

void
change_history_put(struct buf *out, const struct change_record *r)
{
	static const struct change_record_key none = { 0 };

	for (size_t i = 0; i < r->keys || i == 0; i++) {
		const struct change_record_key *k = r->keys > 0 ? &r->key[i] : &none;
		const char *const cells[] = { r->author, r->server, r->command, k->place, k->before,
		    k->after };

		buf_printf(out, "%u\t%lld", r->number, (long long)(r->when_us / 1000000));
		for (size_t n = 0; n < nitems_of(cells); n++) {
			buf_puts(out, "\t");
			config_get_cell(out, cells[n]);
		}
		buf_puts(out, r->gone ? "\tyes\n" : "\t-\n");
	}
}
