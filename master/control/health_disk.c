/*
 * health_disk - whether what is on disk would start again: the INI set as posternctl check judges it, and the
 * files that it names
 *
 * Runs in:  master; nothing is taken over, and no other file is read: the children judge contents
 * Owns:     the configuration on disk and its faults, and what is wrong with files, as judged a moment ago
 * Promise:  a fault is told of the virtual server that it stops, those of postern.ini of the service; whoever
 *           asks, and however often, the loop spends a twentieth of its time here at the most, and names of
 *           operators are not looked up
 * Fails by: not at all
 */
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/host/config_host.h"
#include "master/control/control.h"
#include "master/processes/processes.h"
#include "master/servers/servers.h"

#define FRESH_MS 2000U		/* so long a judgement is good, at the least */
#define FRESH_TIMES 20U		/* ... times as long as it took: users may be looked up by network */

/* Files of a virtual server that cannot be opened: of those in use, of those of its file on disk; "" none. */
struct disk_part { char *name, *in_use, *on_disk; };

struct health_disk {
	struct config *config;		/* NULL: none is good */
	struct config_faults faults, addresses;
	struct disk_part *part;
	size_t parts;
	char *service;			/* files of the service that cannot be opened */
	uint32_t reading;		/* of the files in use at that time */
	uint64_t at, until;		/* monotonic ms */
};

static void
forget_judgement(struct health_disk *d)
{
	config_free(d->config);
	config_faults_done(&d->faults);
	config_faults_done(&d->addresses);
	for (size_t i = 0; i < d->parts; i++) {
		free(d->part[i].name);
		free(d->part[i].in_use);
		free(d->part[i].on_disk);
	}
	free(d->part);
	free(d->service);
	*d = (struct health_disk){ 0 };
}

static char *
take_text(struct buf *b)
{
	char *text = mem_strdup(buf_text(b));

	buf_clear(b);
	return text;
}

static void
judge_files(struct health_disk *d, const struct master *m)
{
	struct buf why = BUF_INIT(MASTER_TEXT_MAX);
	const struct server *s;

	TAILQ_FOREACH(s, &m->servers, link) {
		const struct config_server *conf = d->config != NULL ?
		    config_server_by_name(d->config, s->name) : NULL;
		struct disk_part *part;

		d->part = mem_grow(d->part, d->parts, sizeof(*d->part));
		part = &d->part[d->parts++];
		part->name = mem_strdup(s->name);
		if (s->conf != NULL)
			file_handover_blame(s->conf, &why);
		part->in_use = take_text(&why);
		if (conf != NULL)
			(void)!file_handover_check(conf, &why);	/* why says all */
		part->on_disk = take_text(&why);
	}
	file_handover_blame_service(&m->snapshot->config->service, &why);
	d->service = take_text(&why);
	buf_done(&why);
}

static void
judge(struct health_disk *d, const struct master *m)
{
	uint64_t begin = clock_mono_ms(), end;

	d->config = config_read(m->options.config_path, &d->faults);
	if (d->config != NULL) {
		config_host_judge_start(d->config, &d->faults);
		config_host_judge_addresses(d->config, &d->addresses);
	}
	judge_files(d, m);
	end = clock_mono_ms();
	d->at = end;
	d->until = end + FRESH_MS + FRESH_TIMES * (end - begin);
	d->reading = m->readings;
}

const struct health_disk *
health_disk_get(struct master *m, uint64_t most_ms)
{
	struct health_disk *d = m->health_disk;

	if (d == NULL)
		d = m->health_disk = mem_new(struct health_disk);
	if (d->until == 0 || d->reading != m->readings ||
	    clock_mono_ms() >= MAX(d->until, d->at + most_ms)) {
		forget_judgement(d);
		judge(d, m);
	}
	return d;
}

void
health_disk_free(struct health_disk *d)
{
	if (d == NULL)
		return;
	forget_judgement(d);
	free(d);
}

/* `server` NULL: of postern.ini. The first error with its place, and how many follow. */
static bool
blame_errors(const struct health_disk *d, const char *server, struct buf *why)
{
	size_t errors = 0;

	for (size_t i = 0; i < d->faults.count; i++) {
		const struct config_fault *f = &d->faults.fault[i];
		bool mine = server == NULL || f->server == NULL ? server == f->server :
		    strcmp(f->server, server) == 0;

		if (f->warning || !mine || errors++ > 0)
			continue;
		buf_printf(why, "%s%s", why->len > 0 ? "; " : "", f->file);
		if (f->line > 0)
			buf_printf(why, ":%u", f->line);
		buf_printf(why, ": %s", f->text);
	}
	if (errors > 1)
		buf_printf(why, " (and %zu more error%s)", errors - 1, errors == 2 ? "" : "s");
	return errors > 0;
}

/* That it would start, and not do all of its work. */
static void
blame_addresses(const struct health_disk *d, const char *server, struct buf *why)
{
	for (size_t i = 0; i < d->addresses.count; i++) {
		const struct config_fault *f = &d->addresses.fault[i];

		if (f->server != NULL && strcmp(f->server, server) == 0)
			buf_printf(why, "%s%s", why->len > 0 ? "; " : "", f->text);
	}
}

/* NULL: the virtual server is newer. */
static const struct disk_part *
part_of(const struct health_disk *d, const struct server *s)
{
	for (size_t i = 0; i < d->parts; i++)
		if (strcmp(d->part[i].name, s->name) == 0)
			return &d->part[i];
	return NULL;
}

static void
put_files(struct buf *why, const char *text)
{
	if (*text != '\0')
		buf_printf(why, "%s%s", why->len > 0 ? "; " : "", text);
}

void
health_disk_blame_service(const struct health_disk *d, struct buf *why)
{
	put_files(why, d->service);
	if (blame_errors(d, NULL, why))
		buf_puts(why, ": the service would not start again; posternctl check shows all");
}

void
health_disk_blame(const struct health_disk *d, const struct server *s, struct buf *why)
{
	const struct disk_part *part = part_of(d, s);
	const struct config_server *conf;

	if (part != NULL && s->conf != NULL && s->state != STATE_STOPPED)
		put_files(why, part->in_use);
	if (s->conf == NULL || !s->wanted || d->config == NULL)
		return;
	blame_addresses(d, s->name, why);
	conf = config_server_by_name(d->config, s->name);
	if (blame_errors(d, s->name, why))
		buf_puts(why, ": it would not start again; posternctl check shows all");
	else if (conf == NULL)
		buf_printf(why, "%s%s is not there any more: it would not start again",
		    why->len > 0 ? "; " : "", s->conf->file);
	else if (part != NULL && *part->on_disk != '\0')
		buf_printf(why, "%s%s: it would not start again", why->len > 0 ? "; " : "", part->on_disk);
}
