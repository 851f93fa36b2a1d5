/*
 * config_faults - collects what is wrong with the INI files and prints it, a line each
 *
 * Runs in:  every process
 * Owns:     the faults until config_faults_done
 * Promise:  counts every error; keeps the first 500
 * Fails by: cannot
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/config/config_private.h"

#define FAULTS_MAX 500

void
config_faults_add(struct config_faults *f, struct config_source *s, unsigned line, bool warning,
    const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	if (!warning) {
		f->errors++;
		s->errors++;
	}
	if (f->count == FAULTS_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	f->fault = mem_grow(f->fault, f->count, sizeof(*f->fault));
	f->fault[f->count++] = (struct config_fault){
		.file = mem_strdup(s->path), .line = line, .text = mem_strdup(text), .warning = warning,
		.server = mem_strdup(s->server),
	};
}

void
config_faults_at_key(struct config_work *w, size_t server, enum key_section section, const char *name,
    bool warning, const char *fmt, ...)
{
	const struct config_origin *o = config_origin_of(w->config->server[server].origin, section, name);
	struct config_source *own = config_work_source(w, server);
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (o->file != NULL && o->file == w->config->path[0])
		config_faults_add(w->faults, own, 0, warning, "%s (line %u of %s)", text, o->line, o->file);
	else
		config_faults_add(w->faults, own, o->line, warning, "%s", text);
}

const struct config_origin *
config_faults_origin(const struct config_delivery *p, const char *key)
{
	return p->d != NULL ? config_origin_of(p->d->origin, KEY_DOMAIN, key) :
	    config_origin_of(p->w->config->server[p->server].origin, KEY_DELIVERY, key);
}

void
config_faults_at_delivery(const struct config_delivery *p, const char *key, bool warning,
    const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (p->d != NULL)
		config_faults_add(p->w->faults, config_work_source(p->w, p->server),
		    config_faults_origin(p, key)->line, warning, "%s", text);
	else
		config_faults_at_key(p->w, p->server, KEY_DELIVERY, key, warning, "%s", text);
}

void
config_faults_tell(struct config_faults *f, const struct config_server *s, enum key_section section,
    const char *key, bool warning, const char *text)
{
	const struct config_origin *o = config_origin_of(s->origin, section, key);
	struct config_source source = { .path = mem_unconst(s->file), .server = s->name };

	if (o->file != NULL && strcmp(o->file, s->file) != 0)
		config_faults_add(f, &source, 0, warning, "%s (line %u of %s)", text, o->line, o->file);
	else
		config_faults_add(f, &source, o->line, warning, "%s", text);
	config_faults_sort(f);
}

bool
config_faults_key_is_given(const struct config_server *s, enum key_section section, const char *key)
{
	return config_origin_of(s->origin, section, key)->file != NULL;
}

void
config_faults_tell_service(struct config_faults *f, const struct config *c, enum key_section section,
    const char *key, bool warning, const char *text)
{
	struct config_source source = { .path = c->path[0] };

	config_faults_add(f, &source, config_origin_of(c->service.origin, section, key)->line, warning,
	    "%s", text);
	config_faults_sort(f);
}

void
config_faults_tell_oauth(struct config_faults *f, const struct config *c, const struct config_oauth *o,
    const char *key, bool warning, const char *text)
{
	struct config_source source = { .path = c->path[0] };

	config_faults_add(f, &source, config_origin_of(o->origin, KEY_OAUTH, key)->line, warning, "%s", text);
	config_faults_sort(f);
}

void
config_faults_tell_domain(struct config_faults *f, const struct config_server *s,
    const struct config_domain *d, const char *key, bool warning, const char *text)
{
	struct config_source source = { .path = mem_unconst(s->file), .server = s->name };

	config_faults_add(f, &source, config_origin_of(d->origin, KEY_DOMAIN, key)->line, warning, "%s",
	    text);
	config_faults_sort(f);
}

void
config_faults_tell_filter(struct config_faults *f, const struct config_server *s,
    const struct config_filter *filter, const char *key, bool warning, const char *text)
{
	struct config_source source = { .path = mem_unconst(s->file), .server = s->name };

	config_faults_add(f, &source, config_origin_of(filter->origin, KEY_FILTER, key)->line, warning, "%s",
	    text);
	config_faults_sort(f);
}

/* postern.ini, then the virtual servers by name, each from top to bottom. */
static int
fault_compare(const void *a, const void *b)
{
	const struct config_fault *x = a, *y = b;
	int order = strcmp(x->server != NULL ? x->server : "", y->server != NULL ? y->server : "");

	if (order == 0)
		order = (x->line > y->line) - (x->line < y->line);
	return order != 0 ? order : strcmp(x->text, y->text);
}

void
config_faults_sort(struct config_faults *f)
{
	if (f->count > 0)
		qsort(f->fault, f->count, sizeof(*f->fault), fault_compare);
}

static bool
is_same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

bool
config_faults_has(const struct config_faults *f, const struct config_fault *fault)
{
	for (size_t i = 0; i < f->count; i++) {
		const struct config_fault *x = &f->fault[i];

		if (x->line == fault->line && x->warning == fault->warning &&
		    strcmp(x->text, fault->text) == 0 && strcmp(x->file, fault->file) == 0 &&
		    is_same_text(x->server, fault->server))
			return true;
	}
	return false;
}

void
config_faults_copy(struct config_faults *f, const struct config_faults *from)
{
	for (size_t i = 0; i < from->count; i++) {
		const struct config_fault *x = &from->fault[i];
		struct config_source at = { .path = x->file, .server = x->server };

		config_faults_add(f, &at, x->line, x->warning, "%s", x->text);
	}
}

const struct config_fault *
config_faults_first_error(const struct config_faults *f, const char *name)
{
	for (size_t i = 0; i < f->count; i++) {
		const struct config_fault *fault = &f->fault[i];

		if (!fault->warning && fault->server != NULL && strcmp(fault->server, name) == 0)
			return fault;
	}
	return NULL;
}

void
config_faults_print(const struct config_faults *f, FILE *out)
{
	for (size_t i = 0; i < f->count; i++) {
		const struct config_fault *fault = &f->fault[i];

		fprintf(out, "%s:", fault->file);
		if (fault->line > 0)
			fprintf(out, "%u:", fault->line);
		fprintf(out, " %s: %s\n", fault->warning ? "warning" : "error", fault->text);
	}
	if (f->count == FAULTS_MAX)
		fprintf(out, "more than %d faults; the rest is not shown\n", FAULTS_MAX);
}

void
config_faults_done(struct config_faults *f)
{
	for (size_t i = 0; i < f->count; i++) {
		free(f->fault[i].file);
		free(f->fault[i].text);
		free(f->fault[i].server);
	}
	free(f->fault);
	*f = (struct config_faults){ 0 };
}
