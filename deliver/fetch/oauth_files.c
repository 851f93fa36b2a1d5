/*
 * oauth_files - the files of a profile: opened by the master, read anew for each request
 *
 * Runs in:  fetch
 * Owns:     sets that are not complete yet; a complete one is given away
 * Promise:  a changed file is used by the next request; what was read is wiped
 * Fails by: a set with the trouble in words
 */
#include "deliver/fetch/fetch.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/disk.h"
#include "common/base/mem.h"

#define TEXT_MAX 8192
#define KEY_MAX 65536
#define CA_MAX (1U << 20)

static const char *
name_client(const struct config_oauth *o)
{
	return o->secret_file;
}

static const char *
name_refresh(const struct config_oauth *o)
{
	return o->flow == CONFIG_FLOW_REFRESH ? o->refresh_token_file : NULL;
}

static const char *
name_kept(const struct config_oauth *o)
{
	return o->flow == CONFIG_FLOW_REFRESH ? o->kept_file : NULL;
}

static const char *
name_ca(const struct config_oauth *o)
{
	return o->ca_file;
}

static const char *
name_key(const struct config_oauth *o)
{
	return o->key_file;
}

static const char *
name_certificate(const struct config_oauth *o)
{
	return o->key_file != NULL ? o->certificate_file : NULL;
}

static const struct row {
	enum ctl_file_kind kind;
	const char *(*path)(const struct config_oauth *o);	/* NULL: not configured */
	size_t offset;			/* in struct oauth_files_set */
	size_t max;
	bool word;			/* one printable word; else text as it is */
	bool optional;
} rows[] = {
	{ CTL_FILE_OAUTH_SECRET, name_client, offsetof(struct oauth_files_set, client), TEXT_MAX, true,
	    false },
	{ CTL_FILE_OAUTH_REFRESH, name_refresh, offsetof(struct oauth_files_set, refresh), TEXT_MAX, true,
	    false },
	{ CTL_FILE_OAUTH_KEPT, name_kept, offsetof(struct oauth_files_set, kept), TEXT_MAX, false, true },
	{ CTL_FILE_OAUTH_CA, name_ca, offsetof(struct oauth_files_set, ca), CA_MAX, false, false },
	{ CTL_FILE_OAUTH_KEY, name_key, offsetof(struct oauth_files_set, key), KEY_MAX, false, false },
	{ CTL_FILE_OAUTH_CERTIFICATE, name_certificate, offsetof(struct oauth_files_set, certificate),
	    KEY_MAX, false, false },
};

static_assert(sizeof(((struct oauth_files_set *)NULL)->trouble) ==
    sizeof(((struct oauth_files_set *)NULL)->no_kept), "texts of one size");

struct oauth_files_job {
	LIST_ENTRY(oauth_files_job) link;
	const struct config_oauth *conf;
	uint32_t request[nitems_of(rows)];	/* 0: not asked, or answered */
	size_t open;
	struct oauth_files_set set;
	void (*done)(void *arg, struct oauth_files_set *set);
	void *arg;
};

struct oauth_files {
	struct boot *boot;
	uint32_t request;
	LIST_HEAD(, oauth_files_job) jobs;
};

struct oauth_files *
oauth_files_new(struct boot *b)
{
	struct oauth_files *s = mem_new(struct oauth_files);

	s->boot = b;
	LIST_INIT(&s->jobs);
	return s;
}

void
oauth_files_forget(char *text)
{
	if (text != NULL)
		explicit_bzero(text, strlen(text));
	free(text);
}

void
oauth_files_wipe(struct oauth_files_set *set)
{
	oauth_files_forget(set->client);
	oauth_files_forget(set->refresh);
	oauth_files_forget(set->kept);
	oauth_files_forget(set->key);
	free(set->certificate);
	free(set->ca);
	*set = (struct oauth_files_set){ 0 };
}

void
oauth_files_cancel(struct oauth_files_job *j)
{
	if (j == NULL)
		return;
	LIST_REMOVE(j, link);
	oauth_files_wipe(&j->set);
	free(j);
}

void
oauth_files_free(struct oauth_files *s)
{
	struct oauth_files_job *j;

	while ((j = LIST_FIRST(&s->jobs)) != NULL)
		oauth_files_cancel(j);
	free(s);
}

/* Every profile has a secret, a key or a refresh token: a file is asked for, and `done` called later. */
struct oauth_files_job *
oauth_files_get(struct oauth_files *s, const struct config_oauth *o,
    void (*done)(void *arg, struct oauth_files_set *set), void *arg)
{
	struct oauth_files_job *j = mem_new(struct oauth_files_job);

	j->conf = o;
	j->done = done;
	j->arg = arg;
	LIST_INSERT_HEAD(&s->jobs, j, link);
	for (size_t i = 0; i < nitems_of(rows); i++) {
		if (rows[i].path(o) == NULL)
			continue;
		if (++s->request == 0)
			++s->request;
		j->request[i] = s->request;
		j->open++;
		boot_open(s->boot, s->request, rows[i].kind, 0, o->name);
	}
	return j;
}

/* Removes blanks and line ends behind a secret. False: what is left is not one printable word. */
static bool
trim_word(char *text)
{
	size_t len = strlen(text);

	while (len > 0 && strchr(" \t\r\n", text[len - 1]) != NULL)
		text[--len] = '\0';
	for (const char *p = text; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~')
			return false;
	return len > 0;
}

/* NULL and *why. */
static char *
read_row_file(const struct row *row, int fd, const char **why)
{
	size_t len = 0;
	char *text = disk_read_whole(fd, row->max, &len);

	if (text == NULL) {
		*why = errno == EFBIG ? "is too large" : strerror(errno);
		return NULL;
	}
	*why = row->word ? "must hold one line of printable ASCII without blanks" : "is empty";
	if (len > 0 && strlen(text) == len && (!row->word || trim_word(text)))
		return text;
	oauth_files_forget(text);
	return NULL;
}

static void
take_row_file(struct oauth_files_job *j, const struct row *row, const struct ctl_opened *opened, int fd)
{
	char **place = (char **)((char *)&j->set + row->offset);
	char *trouble = row->optional ? j->set.no_kept : j->set.trouble;
	const char *why = NULL;

	if (opened->error == ENOENT && row->optional)
		return;
	if (opened->error == 0 && fd != -1)
		*place = read_row_file(row, fd, &why);
	if (*place != NULL || trouble[0] != '\0')
		return;
	if (why != NULL)
		snprintf(trouble, sizeof(j->set.trouble), "%s: %s", row->path(j->conf), why);
	else
		snprintf(trouble, sizeof(j->set.trouble), "%s", opened->why);
}

static void
finish_set(struct oauth_files_job *j)
{
	struct oauth_files_set set = j->set;
	void (*done)(void *, struct oauth_files_set *) = j->done;
	void *arg = j->arg;

	LIST_REMOVE(j, link);
	free(j);
	done(arg, &set);
}

void
oauth_files_opened(struct oauth_files *s, const struct ctl_message *m)
{
	struct ctl_opened opened;
	struct oauth_files_job *j, *found = NULL;

	memcpy(&opened, m->data, sizeof(opened));
	opened.why[sizeof(opened.why) - 1] = '\0';
	LIST_FOREACH(j, &s->jobs, link)
		for (size_t i = 0; i < nitems_of(rows) && found == NULL; i++)
			if (j->request[i] == m->request && m->request != 0) {
				j->request[i] = 0;
				j->open--;
				take_row_file(j, &rows[i], &opened, m->fd);
				found = j;
			}
	if (found != NULL && found->open == 0)
		finish_set(found);
}
