/*
 * health_disk - whether what is on disk would start again: the INI set as posternctl check judges it, and the
 * files that it names
 *
 * Runs in:  master; nothing is taken over, and no other file is read: the children judge contents
 * Owns:     the configuration on disk and its faults, for one question
 * Promise:  a fault is told of the virtual server that it stops, those of postern.ini of the service
 * Fails by: not at all
 */
#include <string.h>

#include "common/config/config_check.h"
#include "master/control/control.h"
#include "master/processes/processes.h"

void
health_disk_read(struct health_disk *d, const struct master *m)
{
	*d = (struct health_disk){ 0 };
	d->config = config_read(m->options.config_path, &d->faults);
	if (d->config != NULL)
		config_host_judge(d->config, &d->faults);
}

void
health_disk_done(struct health_disk *d)
{
	config_free(d->config);
	config_faults_done(&d->faults);
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
