/*
 * health_disk - whether what is on disk would start again: the INI set as posternctl check judges it, and the
 * files that it names
 *
 * Runs in:  master; nothing is taken over, and no other file is read: the children judge contents
 * Owns:     the configuration on disk and its faults, as judged a moment ago
 * Promise:  a fault is told of the virtual server that it stops, those of postern.ini of the service; whoever
 *           asks, and however often, the loop spends a twentieth of its time here at the most, and names of
 *           operators are not looked up
 * Fails by: not at all
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/config/config_check.h"
#include "master/control/control.h"
#include "master/processes/processes.h"

#define FRESH_MS 2000U		/* so long a judgement is good, at the least */
#define FRESH_TIMES 20U		/* ... times as long as it took: users may be looked up by network */

struct health_disk {
	struct config *config;		/* NULL: none is good */
	struct config_faults faults, addresses;
	uint32_t reading;		/* of the files in use at that time */
	uint64_t until;			/* monotonic ms */
};

static void
forget_judgement(struct health_disk *d)
{
	config_free(d->config);
	config_faults_done(&d->faults);
	config_faults_done(&d->addresses);
	*d = (struct health_disk){ 0 };
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
	end = clock_mono_ms();
	d->until = end + FRESH_MS + FRESH_TIMES * (end - begin);
	d->reading = m->readings;
}

const struct health_disk *
health_disk_get(struct master *m)
{
	struct health_disk *d = m->health_disk;

	if (d == NULL)
		d = m->health_disk = mem_new(struct health_disk);
	if (d->until == 0 || d->reading != m->readings || clock_mono_ms() >= d->until) {
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

void
health_disk_blame_service(const struct health_disk *d, struct buf *why)
{
	if (blame_errors(d, NULL, why))
		buf_puts(why, ": the service would not start again; posternctl check shows all");
}

void
health_disk_blame(const struct health_disk *d, const struct server *s, struct buf *why)
{
	struct buf file = BUF_INIT(CTL_REASON_MAX);
	const struct config_server *conf;

	if (s->conf == NULL || !s->wanted || d->config == NULL)
		return;
	blame_addresses(d, s->name, why);
	conf = config_server_by_name(d->config, s->name);
	if (blame_errors(d, s->name, why))
		buf_puts(why, ": it would not start again; posternctl check shows all");
	else if (conf == NULL)
		buf_printf(why, "%s%s is not there any more: it would not start again",
		    why->len > 0 ? "; " : "", s->conf->file);
	else if (file_handover_check(conf, &file) == -1)
		buf_printf(why, "%s%s: it would not start again", why->len > 0 ? "; " : "", buf_text(&file));
	buf_done(&file);
}
