/*
 * web_import - a file of IIS on its way from a browser to postern-import: it comes in pieces, as no body is
 * larger than others may be
 *
 * Runs in:  web
 * Owns:     the pieces so far, of a few sessions at a time
 * Promise:  nothing is read here of what they say. A file has its cap, a person one of them, in whatever
 *           session: the latest. One whose pieces stop coming is forgotten
 * Fails by: a status of HTTP and a sentence
 */
#include <bsd/sys/queue.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/account/secret.h"
#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/mem.h"
#include "master/web/web.h"

#define FILES_MAX 2U
#define SILENT_MS 60000U

struct file {
	TAILQ_ENTRY(file) link;
	unsigned char handle[WEB_SECRET_SIZE];
	uint64_t person;
	struct buf data;
	uint64_t at_ms;			/* of its latest piece */
};

struct web_imports {
	TAILQ_HEAD(, file) files;
	unsigned count;
	struct loop_timer *timer;	/* set while there are some */
};

static void
forget(struct web_imports *i, struct file *f)
{
	TAILQ_REMOVE(&i->files, f, link);
	i->count--;
	explicit_bzero(f->handle, sizeof(f->handle));
	buf_done(&f->data);
	free(f);
}

static void
on_time(void *arg)
{
	struct web_imports *i = arg;
	struct file *f, *next;
	uint64_t now = clock_mono_ms();

	TAILQ_FOREACH_SAFE(f, &i->files, link, next)
		if (now - f->at_ms >= SILENT_MS)
			forget(i, f);
	if (i->count > 0)
		loop_timer_set(i->timer, SILENT_MS);
}

struct web_imports *
web_import_new(struct loop *loop)
{
	struct web_imports *i = mem_new(struct web_imports);

	TAILQ_INIT(&i->files);
	i->timer = loop_timer_new(loop, on_time, i);
	return i;
}

void
web_import_free(struct web_imports *i)
{
	struct file *f;

	while ((f = TAILQ_FIRST(&i->files)) != NULL)
		forget(i, f);
	loop_timer_free(i->timer);
	free(i);
}

static struct file *
find(struct web_imports *i, const unsigned char handle[WEB_SECRET_SIZE])
{
	struct file *f;

	TAILQ_FOREACH(f, &i->files, link)
		if (secret_is_same(f->handle, handle, WEB_SECRET_SIZE))
			return f;
	return NULL;
}

/* NULL: there are as many as there may be. */
static struct file *
begin(struct web_imports *i, const unsigned char handle[WEB_SECRET_SIZE], uint64_t person)
{
	struct file *f, *next;

	TAILQ_FOREACH_SAFE(f, &i->files, link, next)
		if (f->person == person)
			forget(i, f);
	if (i->count >= FILES_MAX)
		return NULL;
	f = mem_new(struct file);
	f->person = person;
	buf_init(&f->data, WEB_IMPORT_MAX);
	memcpy(f->handle, handle, sizeof(f->handle));
	TAILQ_INSERT_TAIL(&i->files, f, link);
	i->count++;
	if (!loop_timer_is_set(i->timer))
		loop_timer_set(i->timer, SILENT_MS);
	return f;
}

int
web_import_add(struct web_imports *i, const unsigned char handle[WEB_SECRET_SIZE],
    uint64_t person, size_t at, const struct buf *piece, const char **why)
{
	struct file *f = at == 0 ? begin(i, handle, person) : find(i, handle);

	*why = "other files are on their way: wait, and try again";
	if (f == NULL && at == 0)
		return 503;
	*why = "a piece of the file is missing: begin again";
	if (f == NULL || f->data.len != at)
		return 409;
	f->at_ms = clock_mono_ms();
	buf_add(&f->data, buf_text(piece), piece->len);
	if (buf_ok(&f->data))
		return 0;
	forget(i, f);
	*why = "the file is too large for the manager: posternctl import reads it on the host";
	return 413;
}

int
web_import_take(struct web_imports *i, const unsigned char handle[WEB_SECRET_SIZE])
{
	struct file *f = find(i, handle);
	int fd = f != NULL ? memfd_create("postern-upload", MFD_CLOEXEC) : -1;

	if (fd != -1 && (disk_write(fd, buf_text(&f->data), f->data.len) == -1 ||
	    lseek(fd, 0, SEEK_SET) == -1)) {
		close(fd);
		fd = -1;
	}
	if (f != NULL)
		forget(i, f);
	return fd;
}
