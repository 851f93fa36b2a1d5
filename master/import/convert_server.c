/*
 * convert_server - a virtual server of IIS as one of ours: its properties in the order of the table, each by
 * the handler of its row; pure
 *
 * Runs in:  import
 * Owns:     nothing
 * Promise:  a property that is in the input has a line in the report. A server that needs what cannot be
 *           carried over lets nobody connect
 * Fails by: lines of the report
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "common/base/utf8.h"
#include "common/edit/config_edit.h"
#include "master/import/import.h"

#define LIST_KEY "access.connection-list"
#define MODE_KEY "access.connection-control"

/* --- one object --- */

/* A property that the object has itself, or that has a value without. */
static void
make_property(struct convert *c, const struct property *p)
{
	const char *text = convert_value(c, p);

	if (text == NULL && (c->domain != NULL || p->convert != convert_access_relay))
		return;
	if (strcmp(c->from, "default") == 0 && p->convert == convert_simple_part)
		return;
	if (p->convert != NULL)
		p->convert(c, p, text);
	else
		convert_none(c, p, text, p->why);
}

static void
report_unknown(struct convert *c, const struct node *n)
{
	for (size_t i = 0; n != NULL && i < n->values; i++)
		if (n->value[i].property == NULL) {
			const struct outcome_row row = { .kind = OUTCOME_NONE, .loud = true,
			    .property = n->value[i].name,
			    .old = convert_shown(n->value[i].name, n->value[i].text),
			    .domain = c->domain != NULL ? c->domain->domain : NULL,
			    .why = "a property that is not known here" };

			outcome_add(c->out, &row);
		}
}

static void
make_object(struct convert *c, unsigned on)
{
	const struct node *own = c->domain != NULL ? c->domain : c->server;
	const char *text;

	for (size_t i = 0; i < c->tree->table->count; i++) {
		const struct property *p = &c->tree->table->row[i];

		if (p->on & on)
			make_property(c, p);
		else if ((text = node_tree_text(own, p)) != NULL)
			convert_none(c, p, text, c->domain != NULL ? "it has no effect at a domain" :
			    "it has an effect at a domain alone");
	}
}

/* --- a virtual server --- */

/* The plain letter of a Latin one with a mark (U+00C0 to U+017F), 0: it has none. */
static char
plain_letter(uint32_t c)
{
	static const char plain[] =
	    "aaaaaaaceeeeiiiidnooooo-ouuuuytsaaaaaaaceeeeiiiidnooooo-ouuuuyty"
	    "aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiiiijjkkklllllll"
	    "lllnnnnnnnnnoooooooorrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs";

	if (c < 128)
		return isalnum((int)c) ? (char)tolower((int)c) : '\0';
	return c >= 0xc0 && c < 0xc0 + sizeof(plain) - 1 && plain[c - 0xc0] != '-' ? plain[c - 0xc0] : '\0';
}

/* "Partner mail (EU)" as "partner-mail-eu", "Büro" as "buro"; "" when nothing is left. */
static void
make_slug(char dst[33], const char *text)
{
	size_t n = 0, len = strlen(text), taken;

	for (uint32_t c; len > 0 && n < 28; text += taken, len -= taken) {
		char letter;

		taken = utf8_take((const unsigned char *)text, len, &c);
		letter = taken > 0 ? plain_letter(c) : '\0';
		taken += taken == 0;
		if (letter != '\0')
			dst[n++] = letter;
		else if (n > 0 && dst[n - 1] != '-')
			dst[n++] = '-';
	}
	while (n > 0 && dst[n - 1] == '-')
		n--;
	dst[n] = '\0';
}

static bool
is_taken(const struct outcome *o, const char *name)
{
	json_t *servers = json_object_get(o->root, "servers"), *server;
	size_t i;

	json_array_foreach(servers, i, server)
		if (strcmp(json_string_value(json_object_get(server, "name")), name) == 0)
			return true;
	return false;
}

static void
make_name(struct convert *c)
{
	const char *comment = convert_other(c, "ServerComment");
	char slug[33];

	make_slug(slug, comment != NULL ? comment : "");
	if (c->server->instance == 1)
		snprintf(slug, sizeof(slug), "default");
	else if (slug[0] == '\0' || strcmp(slug, "default") == 0)
		snprintf(slug, sizeof(slug), "smtp%u", c->server->instance);
	snprintf(c->name, sizeof(c->name), "%s", slug);
	for (unsigned n = 2; is_taken(c->out, c->name); n++)
		snprintf(c->name, sizeof(c->name), "%.27s-%u", slug, n);
}

/* The object of the default domain, which is there already: what it says beyond that is lost. */
static void
report_default_domain(struct convert *c)
{
	for (size_t i = 0; i < c->tree->table->count; i++) {
		const struct property *p = &c->tree->table->row[i];
		const char *text = node_tree_text(c->domain, p);
		uint64_t action;

		if (text == NULL)
			continue;
		if (strcmp(p->name, "RouteAction") == 0 && convert_number(text, &action) &&
		    !(action & ~CONVERT_ROUTE_LOCAL))
			convert_row(c, OUTCOME_CARRIED, false, p, text, "domain.type", "default", NULL, NULL);
		else
			convert_row(c, OUTCOME_NONE, true, p, text, NULL, NULL,
			    "it is the default domain, whose mail goes to the drop folder", NULL);
	}
}

/* As an INI file has it: lower case, international names in their xn-- form. Owned by the caller. */
static char *
domain_name(const char *text)
{
	char *name = config_edit_section_name(KEY_DOMAIN, text);

	return name != NULL && *name != '\0' ? name : mem_strdup(text);
}

/* Alias and remote domains; the default one is there already. */
static void
make_domains(struct convert *c, const char *standard)
{
	const struct property *action = property_find(c->tree->table, "RouteAction");
	char *own = standard != NULL ? domain_name(standard) : NULL;

	for (size_t i = 0; i < c->tree->count; i++) {
		struct node n = c->tree->node[i];

		if (n.kind != NODE_DOMAIN || n.instance != c->server->instance)
			continue;
		n.domain = domain_name(n.domain);
		c->domain = &n;
		c->from = "domain";
		if (own != NULL && strcasecmp(n.domain, own) == 0) {
			report_default_domain(c);
		} else {
			if (node_tree_text(&n, action) == NULL)
				convert_route_domain(c, action, NULL);
			make_object(c, ON_DOMAIN);
		}
		report_unknown(c, &n);
		c->domain = NULL;
		free(n.domain);
	}
	free(own);
}

/* DefaultDomain, else a domain that RouteAction says it of, else the name of the server. */
static const char *
find_default_domain(const struct convert *c)
{
	const char *name = convert_other(c, "DefaultDomain"), *text;
	uint64_t action;

	if (name != NULL && *name != '\0')
		return name;
	for (size_t i = 0; i < c->tree->count; i++) {
		const struct node *n = &c->tree->node[i];

		if (n->kind == NODE_DOMAIN && n->instance == c->server->instance &&
		    (text = node_tree_text(n, property_find(c->tree->table, "RouteAction"))) != NULL &&
		    convert_number(text, &action) && (action & 0x40))
			return n->domain;
	}
	return convert_other(c, "FullyQualifiedDomainName");
}

/* Without a name that can be one, posternctl gives it the name of this host. */
static void
make_default_domain(struct convert *c, const char *name)
{
	const struct property *p = property_find(c->tree->table, "DefaultDomain");
	char *section = name != NULL && *name != '\0' && *name != '*' ?
	    config_edit_section_name(KEY_DOMAIN, name) : NULL;

	c->from = "server";
	if (section != NULL) {
		outcome_key(c->out, section, "type", "default");
		if (convert_value(c, p) == NULL || *convert_value(c, p) == '\0')
			convert_row(c, OUTCOME_CHANGED, false, p, "(absent)", p->key, section,
			    "the name of the virtual server is its default domain", NULL);
	} else
		convert_row(c, OUTCOME_CHANGED, true, p, name, p->key, NULL,
		    "it is no name of a domain: the default domain has the name of this host", NULL);
	free(section);
}

/*
 * What the list was stands in the command that opens the door again; it is the last line of the virtual
 * server.
 */
static void
shut_door(struct convert *c)
{
	const char *mode = outcome_value(c->out, NULL, MODE_KEY);
	const char *list = outcome_value(c->out, NULL, LIST_KEY);
	char *a = mem_printf(MODE_KEY "=%s", mode != NULL ? mode : "all-except");
	char *b = mem_printf(LIST_KEY "=%s", list != NULL ? list : "");
	const char *words[] = { "set", c->name, a, b };
	const char *alone[] = { "unset", c->name, MODE_KEY };
	char *command = list != NULL ? convert_command(c, NULL, words, 4) :
	    convert_command(c, NULL, alone, 3);
	const struct outcome_row row = { .kind = OUTCOME_ASK, .loud = true, .property = "IPSecurity",
	    .key = MODE_KEY, .new = "only", .command = command, .why =
	    "nobody can connect to it until what is asked for here is given; then say this" };

	outcome_key(c->out, NULL, LIST_KEY, NULL);
	outcome_key(c->out, NULL, MODE_KEY, "only");
	outcome_add(c->out, &row);
	free(command);
	free(a);
	free(b);
}

static void
make_server(struct convert *c)
{
	const char *standard = find_default_domain(c);
	char id[16];

	make_name(c);
	outcome_server(c->out, c->name, c->server->instance);
	snprintf(id, sizeof(id), "%u", c->server->instance);
	outcome_key(c->out, NULL, "general.id", id);
	make_default_domain(c, standard);
	c->routing = node_tree_find(c->tree, NODE_ROUTING, c->server->instance);
	if (c->routing == NULL)
		c->routing = node_tree_find(c->tree, NODE_ROUTING, 0);
	make_object(c, ON_SERVER | ON_ROUTING);
	report_unknown(c, c->server);
	report_unknown(c, c->routing);
	make_domains(c, standard);
	if (c->shut)
		shut_door(c);
}

void
convert_server_run(struct outcome *out, const struct node_tree *t, const char *folder, const char *program)
{
	struct convert c = { .tree = t, .out = out, .folder = folder, .program = program,
	    .service = node_tree_find(t, NODE_SERVICE, 0) };

	if (t->servers == 0)
		outcome_refuse(out, "it has no virtual server (an object /LM/SmtpSvc/1)");
	report_unknown(&c, c.service);
	for (size_t i = 0; i < t->count; i++) {
		struct convert one = c;

		one.server = &t->node[i];
		if (one.server->kind == NODE_SERVER)
			make_server(&one);
	}
}
