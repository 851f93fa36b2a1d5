/*
 * config_build - makes a config from the parsed files: values by the key table, defaults, derived values,
 * ids
 *
 * Runs in:  every process; master and posternctl on the files, children on the snapshot
 * Owns:     nothing; fills config_work.config
 * Promise:  a refused key keeps its default; every key that is given is taken or has a fault. Values of the
 *           shared sections of postern.ini are defaults of each virtual server; a list in its own file
 *           replaces them
 * Fails by: faults
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/config/config_private.h"
#include "common/config/server_numbers.h"

/* The owner that entries are stored in. */
struct target {
	enum key_owner owner;
	void *base;
	struct config_origin *origin;
	struct config_work *work;
	struct config_source *source;
	const char *file;		/* path of the source, owned by the config */
	const char *name;		/* of a [domain] or a profile; NULL: the section has none */
	struct config_faults *faults;	/* NULL: faults of these entries are known already */
	bool shared;
};

/* Stores all defaults, and returns the origins that say so. */
static struct config_origin *
set_standards(enum key_owner owner, void *base)
{
	size_t count;
	const struct key *rows = key_owner_rows(owner, &count);

	for (size_t i = 0; i < count; i++)
		config_value_standard(&rows[i], base);
	return mem_zalloc(count * sizeof(struct config_origin));
}

/* "[general]", "[oauth m365]" */
static const char *
section_title(char *dst, size_t size, const struct target *t, enum key_section section)
{
	snprintf(dst, size, "[%s%s%.100s]", key_section_name(section), t->name != NULL ? " " : "",
	    t->name != NULL ? t->name : "");
	return dst;
}

static void
fault_unknown(const struct target *t, enum key_section section, const struct config_entry *e)
{
	const char *best = key_suggest(section, e->name), *secret = config_hint_secret(section, e->name);
	const struct key *bare = config_hint_without_equals(section, e->name);
	char title[160];
	enum key_section other = t->owner == KEY_OWNER_SERVER || t->owner == KEY_OWNER_SERVICE ?
	    KEY_GENERAL : KEY_DOMAIN;

	while (other < KEY_DOMAIN && key_find(other, e->name) == NULL)
		other++;
	if (*e->name == '\0')
		config_faults_add(t->faults, t->source, e->line, false, "there is no key in front of =");
	else if (bare != NULL)
		config_faults_add(t->faults, t->source, e->line, false, "there is no = behind \"%s\"",
		    bare->name);
	else if (secret != NULL)
		config_faults_add(t->faults, t->source, e->line, false,
		    "\"%s\" is no key of %s: no password stands in these files; %s names the file that has "
		    "it", e->name, section_title(title, sizeof(title), t, section), secret);
	else if (other < KEY_DOMAIN)
		config_faults_add(t->faults, t->source, e->line, false,
		    "\"%s\" is no key of %s, it belongs in [%s]", e->name,
		    section_title(title, sizeof(title), t, section), key_section_name(other));
	else if (best != NULL)
		config_faults_add(t->faults, t->source, e->line, false,
		    "unknown key \"%.60s\" in %s; did you mean \"%s\"?", e->name,
		    section_title(title, sizeof(title), t, section), best);
	else
		config_faults_add(t->faults, t->source, e->line, false, "unknown key \"%.60s\" in %s",
		    e->name, section_title(title, sizeof(title), t, section));
}

/* Whether the key may be in this file, and at this place. */
static bool
entry_fits(const struct target *t, const struct key *k, const struct config_origin *o,
    const struct config_entry *e)
{
	if (t->shared && k->own) {
		config_faults_add(t->faults, t->source, e->line, false,
		    "\"%s\" cannot be shared, it belongs in the file of a virtual server", k->name);
		return false;
	}
	if (k->missing && !config_value_is_standard(k, e->value)) {
		config_faults_add(t->faults, t->source, e->line, false,
		    "\"%s\" is not available in this version%s%s%s", k->name,
		    k->standard != NULL ? ", its only value is " : "", k->standard != NULL ? k->standard : "",
		    k->standard != NULL ? " (the default)" : "");
		return false;
	}
	if (o->file != t->file || config_value_is_list(k))
		return true;
	if (e->continued)
		config_faults_add(t->faults, t->source, e->line, false,
		    "the line starts with a blank and so goes on with \"%s\", which takes "
		    "one value only", k->name);
	else
		config_faults_add(t->faults, t->source, e->line, false,
		    "\"%s\" is given a second time (first at line %u)", k->name, o->line);
	return false;
}

static void
take_value(const struct target *t, const struct key *k, struct config_origin *o, const struct config_entry *e)
{
	struct buf why = BUF_INIT(1000);
	bool files = k->kind == KEY_NETS && config_list_file_is_named(e->value);
	int result;

	if (o->file != t->file && config_value_is_list(k))
		config_value_clear(k, t->base);
	if (o->file != t->file)
		*o = (struct config_origin){ .file = t->file, .line = e->line };
	result = files ? config_list_file_set(t->work, t->faults, t->source, k, t->base, e->value, &why) :
	    config_value_set(k, t->base, e->value, &why);
	if (result == -1) {
		o->bad = true;
		config_faults_add(t->faults, t->source, e->line, false, "%s %s%s%s", k->name, buf_text(&why),
		    e->continued ? " (the line starts with a blank and so goes on with this key)" : "",
		    config_hint_value(e->value));
	} else if (*config_hint_value(e->value) != '\0' && t->faults != NULL) {
		bool bad = k->kind == KEY_PATH;

		o->bad = o->bad || bad;
		config_faults_add(t->faults, t->source, e->line, !bad, "%s = %.100s%s", k->name, e->value,
		    config_hint_value(e->value));
	}
	buf_done(&why);
}

static void
apply_entry(const struct target *t, enum key_section section, const struct config_entry *e)
{
	const struct key *k = key_find(section, e->name);
	size_t count;
	struct config_origin *o;

	if (k == NULL) {
		if (!e->continued)
			fault_unknown(t, section, e);
		return;
	}
	o = &t->origin[k - key_owner_rows(t->owner, &count)];
	if (entry_fits(t, k, o, e))
		take_value(t, k, o, e);
}

/* The entries of all sections that belong to the target's owner (for a domain: of one heading). */
static void
apply_entries(const struct target *t, const struct config_ini *ini, size_t heading)
{
	for (size_t i = 0; i < ini->nentry; i++) {
		const struct config_entry *e = &ini->entry[i];
		enum key_section section = ini->heading[e->heading].section;

		if (section == KEY_SECTION_COUNT || key_owner_of(section) != t->owner)
			continue;
		if (t->owner == KEY_OWNER_DOMAIN && e->heading != heading)
			continue;
		apply_entry(t, section, e);
	}
}

/* The entries below one heading. */
static void
apply_heading(const struct target *t, const struct config_ini *ini, size_t heading)
{
	for (size_t e = 0; e < ini->nentry; e++)
		if (ini->entry[e].heading == heading)
			apply_entry(t, ini->heading[heading].section, &ini->entry[e]);
}

static void
build_service(struct config_work *w)
{
	struct config_service *service = &w->config->service;
	struct target t;

	service->file = w->config->path[0];
	service->origin = set_standards(KEY_OWNER_SERVICE, service);
	t = (struct target){ KEY_OWNER_SERVICE, service, service->origin, w, &w->sources.source[0],
	    w->config->path[0], NULL, w->faults, false };
	apply_entries(&t, &w->ini[0], 0);
	if (service->hostname == NULL)
		service->hostname = mem_strdup(w->sources.hostname);
}

/* Entries are in the order of the file, so a domain's are one run of them. */
static void
build_domains(struct config_work *w, struct config_server *s, size_t index)
{
	const struct config_ini *ini = &w->ini[index];
	size_t entry = 0;

	/* and one for the default domain */
	s->domain = mem_zalloc((ini->nheading + 1) * sizeof(*s->domain));
	for (size_t i = 0; i < ini->nheading; i++) {
		const struct config_heading *h = &ini->heading[i];
		struct target t;
		struct config_domain *d;

		if (h->section != KEY_DOMAIN)
			continue;
		d = &s->domain[s->ndomain++];
		d->rules.name = d->name = mem_strdup(h->domain);
		d->origin = set_standards(KEY_OWNER_DOMAIN, d);
		t = (struct target){ KEY_OWNER_DOMAIN, d, d->origin, w, &w->sources.source[index],
		    w->config->path[index], d->name, w->faults, false };
		while (entry < ini->nentry && ini->entry[entry].heading < i)
			entry++;
		for (; entry < ini->nentry && ini->entry[entry].heading == i; entry++)
			apply_entry(&t, KEY_DOMAIN, &ini->entry[entry]);
		d->has_outbound_auth = config_origin_of(d->origin, KEY_DOMAIN, "outbound-auth")->file != NULL;
		d->has_outbound_tls = config_origin_of(d->origin, KEY_DOMAIN, "outbound-tls")->file != NULL;
		d->has_mta_sts = config_origin_of(d->origin, KEY_DOMAIN, "mta-sts")->file != NULL;
		d->has_port = d->port != 0;
		d->has_route = config_origin_of(d->origin, KEY_DOMAIN, "route")->file != NULL;
	}
}

/* The section of that heading: [host], [filter], [oauth]. The caller has set the name; the origins. */
static struct config_origin *
build_section(struct config_work *w, size_t index, size_t heading, enum key_owner owner, void *base)
{
	struct target t = { owner, base, set_standards(owner, base), w, &w->sources.source[index],
	    w->config->path[index], w->ini[index].heading[heading].domain, w->faults, false };

	apply_heading(&t, &w->ini[index], heading);
	return t.origin;
}

/* [host] and [filter], of which the order counts. */
static void
build_sections(struct config_work *w, struct config_server *s, size_t index)
{
	const struct config_ini *ini = &w->ini[index];

	s->remote = mem_zalloc((ini->nheading + 1) * sizeof(*s->remote));
	s->filter = mem_zalloc((ini->nheading + 1) * sizeof(*s->filter));
	for (size_t i = 0; i < ini->nheading; i++) {
		const struct config_heading *h = &ini->heading[i];

		if (h->section == KEY_REMOTE) {
			struct config_remote *r = &s->remote[s->nremote++];

			r->name = mem_strdup(h->domain);
			r->origin = build_section(w, index, i, KEY_OWNER_REMOTE, r);
		} else if (h->section == KEY_FILTER) {
			struct config_filter *f = &s->filter[s->nfilter++];

			f->name = mem_strdup(h->domain);
			f->origin = build_section(w, index, i, KEY_OWNER_FILTER, f);
		}
	}
}

static void
build_oauth(struct config_work *w)
{
	const struct config_ini *ini = &w->ini[0];
	struct config *c = w->config;

	c->oauth = mem_zalloc((ini->nheading + 1) * sizeof(*c->oauth));
	for (size_t i = 0; i < ini->nheading; i++) {
		struct config_oauth *o;

		if (ini->heading[i].section != KEY_OAUTH)
			continue;
		o = &c->oauth[c->noauth++];
		o->name = mem_strdup(ini->heading[i].domain);
		o->origin = build_section(w, 0, i, KEY_OWNER_OAUTH, o);
		config_oauth_derive(&c->service, o);
	}
}

static void
derive_path(char **path, const char *folder, const char *name)
{
	if (*path == NULL)
		*path = mem_printf("%s%s%s", folder, strcmp(folder, "/") == 0 ? "" : "/", name);
}

static void
derive_server(const struct config_service *service, struct config_server *s)
{
	derive_path(&s->home, service->spool, s->name);
	derive_path(&s->pickup, s->home, "pickup");
	derive_path(&s->queue, s->home, "queue");
	derive_path(&s->drop, s->home, "drop");
	derive_path(&s->badmail, s->home, "badmail");
	derive_path(&s->log_directory, service->logs, s->name);
	if (s->fqdn == NULL)
		s->fqdn = mem_strdup(service->hostname);
	if (s->description == NULL)
		s->description = mem_strdup(strcmp(s->name, "default") == 0 ? "Default SMTP Virtual Server" :
		    s->name);
	if (config_origin_of(s->origin, KEY_ACCESS, "tls")->file == NULL && s->certificate.count > 0)
		s->tls = CONFIG_TLS_OPTIONAL;
}

/* Without a [domain] of type default, the server's own name is it. */
static void
add_default_domain(struct config_server *s)
{
	struct config_domain *d;

	for (size_t i = 0; i < s->ndomain; i++)
		if (s->domain[i].type == CONFIG_DOMAIN_DEFAULT || strcmp(s->domain[i].name, s->fqdn) == 0)
			return;
	d = &s->domain[s->ndomain++];
	d->name = mem_strdup(s->fqdn);
	d->origin = set_standards(KEY_OWNER_DOMAIN, d);
	d->type = CONFIG_DOMAIN_DEFAULT;
}

static void
build_server(struct config_work *w, size_t index)
{
	struct config_server *s = &w->config->server[index - 1];
	struct target shared, own;

	s->name = mem_strdup(w->sources.source[index].server);
	s->file = w->config->path[index];
	s->origin = set_standards(KEY_OWNER_SERVER, s);
	shared = (struct target){ KEY_OWNER_SERVER, s, s->origin, w, &w->sources.source[0],
	    w->config->path[0], NULL, NULL, true };
	own = (struct target){ KEY_OWNER_SERVER, s, s->origin, w, &w->sources.source[index],
	    w->config->path[index], NULL, w->faults, false };
	if (w->sources.source[0].errors == 0)
		apply_entries(&shared, &w->ini[0], 0);
	apply_entries(&own, &w->ini[index], 0);
	build_domains(w, s, index);
	build_sections(w, s, index);
	derive_server(&w->config->service, s);
	add_default_domain(s);
	config_domain_sort(s);
	config_remote_sort(s);
	config_list_seal(s);
}

/* Applies the shared sections to a server without name, so that their faults are reported once. */
static void
try_shared(struct config_work *w)
{
	struct config_server *s = mem_new(struct config_server);
	struct target t;

	s->origin = set_standards(KEY_OWNER_SERVER, s);
	t = (struct target){ KEY_OWNER_SERVER, s, s->origin, w, &w->sources.source[0], w->config->path[0],
	    NULL, w->faults, true };
	apply_entries(&t, &w->ini[0], 0);
	config_build_free_server(s);
	free(s);
}

static bool
id_is_taken(const struct config *c, uint32_t id)
{
	for (size_t i = 0; i < c->nserver; i++)
		if (c->server[i].id == id)
			return true;
	return false;
}

/* In the process that reads the files: the numbers that were written down. In others each has its own. */
static void
remember_numbers(struct config_work *w, struct server_numbers *known)
{
	struct config *c = w->config;

	server_numbers_read(known, c->service.state);
	for (size_t i = 0; i < c->nserver; i++)
		if (c->server[i].id == 0)
			c->server[i].id = server_numbers_find(known, c->server[i].name);
}

/*
 * Ids that are not given: from the snapshot, else as they were written down, else the next free number, in
 * the order of names.
 */
static void
number_servers(struct config_work *w)
{
	struct config *c = w->config;
	struct server_numbers known = { 0 };
	size_t missing = 0;
	uint32_t next = 1;

	for (size_t i = 0; i < c->nserver; i++) {
		if (c->server[i].id == 0)
			c->server[i].id = config_work_source(w, i)->id;
		missing += c->server[i].id == 0;
	}
	if (missing > 0)
		remember_numbers(w, &known);
	for (size_t i = 0; i < c->nserver; i++) {
		if (c->server[i].id != 0)
			continue;
		while (id_is_taken(c, next) || server_numbers_owner(&known, next) != NULL)
			next++;
		c->server[i].id = next++;
	}
	server_numbers_done(&known);
}

/* Origins outlive the sources, so they point to paths of the config. */
static void
build_paths(struct config_work *w)
{
	struct config *c = w->config;

	c->npath = w->sources.count;
	c->path = mem_array(NULL, c->npath, sizeof(*c->path));
	for (size_t i = 0; i < c->npath; i++)
		c->path[i] = mem_strdup(w->sources.source[i].path);
}

void
config_build_all(struct config_work *w)
{
	struct config *c = w->config = mem_new(struct config);

	build_paths(w);
	build_service(w);
	build_oauth(w);
	try_shared(w);
	c->nserver = w->sources.count - 1;
	c->server = mem_zalloc((c->nserver + 1) * sizeof(*c->server));
	for (size_t i = 1; i <= c->nserver; i++)
		build_server(w, i);
	number_servers(w);
}

static void
free_owner(enum key_owner owner, void *base, struct config_origin *origin)
{
	size_t count;
	const struct key *rows = key_owner_rows(owner, &count);

	for (size_t i = 0; i < count; i++)
		config_value_clear(&rows[i], base);
	free(origin);
}

void
config_build_free_server(struct config_server *s)
{
	for (size_t i = 0; i < s->ndomain; i++) {
		free_owner(KEY_OWNER_DOMAIN, &s->domain[i], s->domain[i].origin);
		free(s->domain[i].name);
	}
	free(s->domain);
	for (size_t i = 0; i < s->nremote; i++) {
		free_owner(KEY_OWNER_REMOTE, &s->remote[i], s->remote[i].origin);
		free(s->remote[i].name);
	}
	free(s->remote);
	for (size_t i = 0; i < s->nfilter; i++) {
		free_owner(KEY_OWNER_FILTER, &s->filter[i], s->filter[i].origin);
		free(s->filter[i].name);
	}
	free(s->filter);
	free_owner(KEY_OWNER_SERVER, s, s->origin);
	free(s->name);
}

void
config_build_free(struct config *c)
{
	for (size_t i = 0; i < c->nserver; i++)
		config_build_free_server(&c->server[i]);
	free(c->server);
	for (size_t i = 0; i < c->noauth; i++) {
		free_owner(KEY_OWNER_OAUTH, &c->oauth[i], c->oauth[i].origin);
		free(c->oauth[i].name);
		free(c->oauth[i].kept_file);
	}
	free(c->oauth);
	free_owner(KEY_OWNER_SERVICE, &c->service, c->service.origin);
	for (size_t i = 0; i < c->npath; i++)
		free(c->path[i]);
	free(c->path);
	free(c->text);
	free(c);
}
