/*
 * node_tree - the objects of the SMTP service in an input, each with its properties; pure
 *
 * Runs in:  import
 * Owns:     names and values until node_tree_done
 * Promise:  bounded: an input with more than an IIS can have is refused. Of two objects or properties of one
 *           name the first counts, and a remark names the other
 * Fails by: t->why
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "master/import/import.h"

#define REMARKS_MAX 200
#define DOMAIN_MAX 255
#define INSTANCE_MAX 1000000U

void
node_tree_init(struct node_tree *t, const struct property_table *table)
{
	*t = (struct node_tree){ .table = table, .remarks = json_array(), .why = BUF_INIT(2000) };
}

void
node_tree_done(struct node_tree *t)
{
	for (size_t i = 0; i < t->count; i++) {
		struct node *n = &t->node[i];

		for (size_t k = 0; k < n->values; k++) {
			free(n->value[k].name);
			free(n->value[k].text);
		}
		free(n->value);
		free(n->domain);
	}
	free(t->node);
	json_decref(t->remarks);
	buf_done(&t->why);
	*t = (struct node_tree){ 0 };
}

bool
node_tree_ok(const struct node_tree *t)
{
	return t->why.len == 0;
}

void
node_tree_refuse(struct node_tree *t, const char *fmt, ...)
{
	char text[1000], *clean;
	va_list ap;

	if (!node_tree_ok(t))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	clean = import_text_clean(text, sizeof(text), NULL);
	buf_puts(&t->why, *clean != '\0' ? clean : "it cannot be read");
	free(clean);
}

void
node_tree_remark(struct node_tree *t, const char *fmt, ...)
{
	char text[1000], *clean;
	va_list ap;

	if (json_array_size(t->remarks) > REMARKS_MAX)
		return;
	if (json_array_size(t->remarks) == REMARKS_MAX) {
		json_array_append_new(t->remarks, json_string("there is more of this"));
		return;
	}
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	clean = import_text_clean(text, sizeof(text), NULL);
	json_array_append_new(t->remarks, json_string(clean));
	free(clean);
}

/* --- objects --- */

/* Goes over "/LM", "/SmtpSvc" and the like, in any letter case. */
static bool
take_part(const char **at, const char *part)
{
	size_t len = strlen(part);

	if (strncasecmp(*at, part, len) != 0 || ((*at)[len] != '/' && (*at)[len] != '\0'))
		return false;
	*at += len;
	return true;
}

/* Which object it is; false: none of the SMTP service. `domain` points into `location`. */
static bool
parse_location(const char *location, struct node *n, const char **domain)
{
	const char *at = location;
	char *end;

	*n = (struct node){ .kind = NODE_SERVICE };
	*domain = NULL;
	if (*at == '/')
		at++;
	if (take_part(&at, "LM") && *at == '/')
		at++;
	if (!take_part(&at, "SmtpSvc"))
		return false;
	if (*at == '\0' || strcmp(at, "/") == 0)
		return true;
	if (take_part(&at, "/RoutingSources"))
		n->kind = *at == '\0' ? NODE_ROUTING : NODE_OTHER;
	else if (at[1] >= '1' && at[1] <= '9' && strtoul(at + 1, &end, 10) <= INSTANCE_MAX &&
	    (*end == '/' || *end == '\0')) {
		n->instance = (uint32_t)strtoul(at + 1, NULL, 10);
		at = end;
		n->kind = NODE_OTHER;
		if (*at == '\0' || strcmp(at, "/") == 0)
			n->kind = NODE_SERVER;
		else if (take_part(&at, "/RoutingSources") && *at == '\0')
			n->kind = NODE_ROUTING;
		else if (take_part(&at, "/Domain") && at[0] == '/' && at[1] != '\0' &&
		    strchr(at + 1, '/') == NULL)
			*domain = at + 1;
	} else
		n->kind = NODE_OTHER;
	if (*domain != NULL)
		n->kind = NODE_DOMAIN;
	return true;
}

static bool
is_there(const struct node_tree *t, const struct node *n, const char *domain)
{
	for (size_t i = t->count; i-- > 0;) {
		const struct node *other = &t->node[i];

		if (other->kind == n->kind && other->instance == n->instance && n->kind != NODE_OTHER &&
		    (domain == NULL || strcasecmp(domain, other->domain) == 0))
			return true;
	}
	return false;
}

struct node *
node_tree_add(struct node_tree *t, const char *location)
{
	const char *domain;
	struct node n;

	if (!node_tree_ok(t) || !parse_location(location, &n, &domain))
		return NULL;
	if (domain != NULL && strlen(domain) > DOMAIN_MAX) {
		node_tree_remark(t, "%.60s...: a name of more than %d characters is no domain; left out",
		    location, DOMAIN_MAX);
		return NULL;
	}
	if (is_there(t, &n, domain)) {
		node_tree_remark(t, "%.200s is in the file twice: the first one counts", location);
		return NULL;
	}
	t->servers += n.kind == NODE_SERVER;
	if (t->servers > IMPORT_SERVERS_MAX || t->count >= IMPORT_NODES_MAX) {
		node_tree_refuse(t, "there are more than %d %s", t->servers > IMPORT_SERVERS_MAX ?
		    IMPORT_SERVERS_MAX : IMPORT_NODES_MAX, t->servers > IMPORT_SERVERS_MAX ?
		    "virtual servers: import them in several files" : "objects");
		return NULL;
	}
	n.domain = mem_strdup(domain);
	t->node = mem_grow(t->node, t->count, sizeof(*t->node));
	t->node[t->count] = n;
	return &t->node[t->count++];
}

const struct node *
node_tree_find(const struct node_tree *t, enum node_kind kind, uint32_t instance)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->node[i].kind == kind && t->node[i].instance == instance)
			return &t->node[i];
	return NULL;
}

/* --- properties --- */

const char *
node_tree_text(const struct node *n, const struct property *p)
{
	for (size_t i = 0; n != NULL && i < n->values; i++)
		if (n->value[i].property == p)
			return n->value[i].text;
	return NULL;
}

void
node_tree_put(struct node_tree *t, struct node *n, const char *name, uint32_t id, const char *text,
    size_t len)
{
	const struct property *p = name != NULL ? property_find(t->table, name) : NULL;
	char number[32];

	if (p == NULL && id != 0)
		p = property_number(t->table, id);
	snprintf(number, sizeof(number), "ID %u", id);
	name = p != NULL ? p->name : name != NULL && *name != '\0' ? name : number;
	if (n->kind == NODE_OTHER || !node_tree_ok(t))
		return;
	if (n->values >= IMPORT_OBJECT_MAX || t->values >= IMPORT_VALUES_MAX) {
		node_tree_refuse(t, "there are more than %d properties%s", n->values >= IMPORT_OBJECT_MAX ?
		    IMPORT_OBJECT_MAX : IMPORT_VALUES_MAX, n->values >= IMPORT_OBJECT_MAX ? " of one object" :
		    "");
		return;
	}
	for (size_t i = 0; i < n->values; i++)
		if (strcasecmp(n->value[i].name, name) == 0) {
			node_tree_remark(t, "%.*s is said twice of one object: the first one counts",
			    IMPORT_NAME_MAX, name);
			return;
		}
	if (len > IMPORT_VALUE_MAX || strnlen(text, len) < len) {
		node_tree_refuse(t, "the value of %.*s %s", IMPORT_NAME_MAX, name, len > IMPORT_VALUE_MAX ?
		    "is too long: no IIS has written it" : "has a NUL character");
		return;
	}
	t->values++;
	n->value = mem_grow(n->value, n->values, sizeof(*n->value));
	n->value[n->values++] = (struct node_value){ .property = p, .text = mem_strndup(text, len),
	    .name = mem_strndup(name, strnlen(name, IMPORT_NAME_MAX)) };
}
