/*
 * change_records - the files of the history: their names say whose change each was
 *
 * Runs in:  master, posternctl
 * Owns:     the files of that folder, which has the mode 0700
 * Promise:  at most CHANGE_HISTORY_MAX of a name. A record belongs to the virtual server that it was about,
 *           whatever name that has by now, and to no later one of the same name. A crash in between is mended
 *           by saying the same again
 * Fails by: NULL; a file that cannot be renamed stays with its owner so far
 */
#include "common/change/change_records.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/change/change_history.h"

static int
compare_files(const void *a, const void *b)
{
	const struct change_record_file *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

static bool
parse_number(unsigned *number, const char **at)
{
	size_t digits = strspn(*at, "0123456789");

	*number = digits > 0 && digits <= 9 ? (unsigned)strtoul(*at, NULL, 10) : 0;
	*at += digits;
	return digits > 0 && digits <= 9;
}

static bool
parse_name(struct change_record_file *f, const char *name)
{
	size_t len;

	*f = (struct change_record_file){ 0 };
	if (!parse_number(&f->number, &name) || f->number == 0 || *name == '\0')
		return f->number != 0;
	len = *name == '.' ? strcspn(name + 1, ".") : 0;
	if (len == 0 || len >= sizeof(f->server))
		return false;
	memcpy(f->server, name + 1, len);
	name += 1 + len;
	f->gone = *name == '.';
	name += f->gone;
	return !f->gone || (parse_number(&f->end, &name) && *name == '\0');
}

/* By their numbers; owned by the caller. */
static struct change_record_file *
list_files(const char *state, size_t *count)
{
	char *folder = mem_printf("%s/changes", state);
	DIR *dir = opendir(folder);
	struct dirent *entry;
	struct change_record_file *list = NULL, f;

	*count = 0;
	free(folder);
	while (dir != NULL && (entry = readdir(dir)) != NULL)
		if (parse_name(&f, entry->d_name)) {
			list = mem_grow(list, *count, sizeof(*list));
			list[(*count)++] = f;
		}
	if (dir != NULL)
		closedir(dir);
	if (*count > 0)
		qsort(list, *count, sizeof(*list), compare_files);
	return list;
}

char *
change_records_file_path(const char *state, const struct change_record_file *f)
{
	char end[16] = "";

	if (f->gone)
		snprintf(end, sizeof(end), ".%u", f->end);
	return mem_printf("%s/changes/%u%s%s%s", state, f->number, f->server[0] != '\0' ? "." : "", f->server,
	    end);
}

static struct change_record_file
make_file(unsigned number, const char *server, bool gone, unsigned end)
{
	struct change_record_file f = { .number = number, .gone = gone, .end = end };

	snprintf(f.server, sizeof(f.server), "%s", server);
	return f;
}

struct change_record_file *
change_records_list(const char *state, const char *server, size_t *count)
{
	size_t files;
	struct change_record_file *list = list_files(state, &files);

	*count = 0;
	for (size_t i = 0; i < files; i++)
		if (server == NULL || (!list[i].gone && strcmp(list[i].server, server) == 0))
			list[(*count)++] = list[i];
	return list;
}

unsigned
change_records_next(const char *state)
{
	size_t count;
	struct change_record_file *list = list_files(state, &count);
	unsigned next = count > 0 ? list[count - 1].number + 1 : 1;

	free(list);
	return next;
}

char *
change_records_path(const char *state, unsigned number, const char *server, bool ends)
{
	const struct change_record_file f = make_file(number, server, ends, ends ? number : 0);

	return change_records_file_path(state, &f);
}

char *
change_records_find(const char *state, unsigned *number, struct change_owner *owner)
{
	size_t count;
	struct change_record_file *list = list_files(state, &count);
	char *path = NULL;

	if (*number == 0 && count > 0)
		*number = list[count - 1].number;
	for (size_t i = count; i-- > 0 && path == NULL;)
		if (list[i].number == *number) {
			path = change_records_file_path(state, &list[i]);
			memcpy(owner->server, list[i].server, sizeof(owner->server));
			owner->gone = list[i].gone;
		}
	free(list);
	return path;
}

void
change_records_remove(const char *state, unsigned number)
{
	struct change_owner owner;
	char *path = number != 0 ? change_records_find(state, &number, &owner) : NULL;

	if (path != NULL)
		unlink(path);
	free(path);
}

/* Each name has its own bound: who may change one cannot make the changes of others forgotten. */
void
change_records_forget_old(const char *state, const char *server)
{
	size_t count, same = 0;
	struct change_record_file *list = list_files(state, &count);

	for (size_t i = count; i-- > 0;) {
		char *path;

		if (strcmp(list[i].server, server) != 0 || same++ < CHANGE_HISTORY_MAX)
			continue;
		path = change_records_file_path(state, &list[i]);
		unlink(path);
		free(path);
	}
	free(list);
}

/* --- whose they are --- */

static bool
is_of(const struct change_record_file *f, const struct change_record_file *owner)
{
	return strcmp(f->server, owner->server) == 0 && f->gone == owner->gone &&
	    (!f->gone || f->end == owner->end);
}

static void
hand_over(const char *state, struct change_record_file from, struct change_record_file to)
{
	size_t count;
	struct change_record_file *list = list_files(state, &count);

	for (size_t i = 0; i < count; i++) {
		char *old, *new;

		if (!is_of(&list[i], &from))
			continue;
		to.number = list[i].number;
		old = change_records_file_path(state, &list[i]);
		new = change_records_file_path(state, &to);
		(void)rename(old, new);
		free(old);
		free(new);
	}
	free(list);
}

void
change_records_bury(const char *state, const char *server, unsigned end)
{
	hand_over(state, make_file(0, server, false, 0), make_file(0, server, true, end));
}

void
change_records_revive(const char *state, const char *server, unsigned end)
{
	change_records_bury(state, server, 0);
	hand_over(state, make_file(0, server, true, end), make_file(0, server, false, 0));
}

void
change_records_move(const char *state, const char *from, const char *to)
{
	hand_over(state, make_file(0, from, false, 0), make_file(0, to, false, 0));
}
