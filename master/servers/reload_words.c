/*
 * reload_words - what a reload says: events, and lines for the operator who asked
 *
 * Runs in:  master
 * Owns:     the faults that were told (m->told)
 * Promise:  a fault that stands in the log is not told again at each change of some list
 * Fails by: cannot
 */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "master/servers/servers.h"

/* Whether the operator asked about it: "-" is the service. */
static bool
is_meant(const struct reload *r, const char *server)
{
	return r->only == NULL || server == NULL || strcmp(server, "-") == 0 || strcmp(server, r->only) == 0;
}

void
reload_words_say(struct reload *r, int status, const char *server, const char *result, const char *text)
{
	log_event(status != 0 ? LOG_FAULT : LOG_FACT, NULL, "config", "server=%s result=%s%s%s", server,
	    log_safe(result), text[0] != '\0' ? " reason=" : "", text[0] != '\0' ? log_safe(text) : "");
	if (!is_meant(r, server))
		return;
	buf_printf(r->text, "%s: %s%s%s\n", server, result, text[0] != '\0' ? ": " : "", text);
	if (status != 0 && r->status == 0)
		r->status = status;
}

const char *
reload_words_place(char dst[RELOAD_WORDS_PLACE], const struct config_fault *f)
{
	if (f->line > 0)
		snprintf(dst, RELOAD_WORDS_PLACE, "%s:%u", f->file, f->line);
	else
		snprintf(dst, RELOAD_WORDS_PLACE, "%s", f->file);
	return dst;
}

void
reload_words_log_fault(const struct config_fault *f)
{
	char line[32] = "";

	if (f->line > 0)
		snprintf(line, sizeof(line), " line=%u", f->line);
	log_event(f->warning ? LOG_WARN : LOG_FAULT, NULL, "config", "server=%s file=%s%s %s=%s",
	    f->server != NULL ? f->server : "-", log_safe(f->file), line, f->warning ? "warning" : "error",
	    log_safe(f->text));
}

bool
reload_words_is_known(const struct reload *r, const struct config_fault *f)
{
	return r->again && config_faults_has(r->m->told, f) && !file_watch_is_news(r->m, f->file);
}

void
reload_words_log(struct reload *r)
{
	for (size_t i = 0; i < r->faults.count; i++) {
		const struct config_fault *f = &r->faults.fault[i];

		if (reload_words_is_known(r, f))
			continue;
		reload_words_log_fault(f);
		if (!is_meant(r, f->server) || (r->only != NULL && f->server == NULL && f->warning))
			continue;
		buf_printf(r->text, "%s:", f->file);
		if (f->line > 0)
			buf_printf(r->text, "%u:", f->line);
		buf_printf(r->text, " %s: %s\n", f->warning ? "warning" : "error", f->text);
	}
}

bool
reload_words_is_error_of(const struct config_fault *f, const char *server)
{
	return !f->warning && (server == NULL ? f->server == NULL :
	    f->server != NULL && strcmp(f->server, server) == 0);
}

bool
reload_words_are_news(const struct reload *r, const char *server)
{
	const struct config_faults *told = r->m->told;

	for (size_t i = 0; i < r->faults.count; i++) {
		const struct config_fault *f = &r->faults.fault[i];

		if (reload_words_is_error_of(f, server) && !reload_words_is_known(r, f))
			return true;
	}
	for (size_t i = 0; i < told->count; i++)
		if (reload_words_is_error_of(&told->fault[i], server) &&
		    !config_faults_has(&r->faults, &told->fault[i]))
			return true;
	return false;
}

void
reload_words_say_left(struct reload *r, const char *server, const char *result)
{
	char text[1600], place[RELOAD_WORDS_PLACE];

	for (size_t i = 0; i < r->faults.count; i++) {
		const struct config_fault *f = &r->faults.fault[i];

		if (!reload_words_is_error_of(f, server))
			continue;
		snprintf(text, sizeof(text), "%s: %s; what is mended in a file with a list is taken by "
		    "itself, in an INI file by a reload", reload_words_place(place, f), f->text);
		reload_words_say(r, EX_CONFIG, server != NULL ? server : "-", result, text);
		return;
	}
}

void
reload_words_remember(struct master *m, struct config_faults *faults)
{
	if (m->told == NULL)
		m->told = mem_new(struct config_faults);
	config_faults_done(m->told);
	*m->told = *faults;
	*faults = (struct config_faults){ 0 };
}

void
reload_words_forget(struct master *m)
{
	config_faults_done(m->told);
	free(m->told);
	m->told = NULL;
}
