/*
 * convert_listen - handlers: addresses at which a virtual server listens, and whether it runs; pure
 *
 * Runs in:  import
 * Owns:     nothing
 * Promise:  an address that another one of the same server covers is left out, and a line says so
 * Fails by: lines of the report
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/net.h"
#include "common/config/config.h"
#include "master/import/import.h"

struct binding {
	char ip[64];		/* "": all of them */
	unsigned port;
};

struct bindings {
	struct binding item[CONFIG_LISTEN_MAX];
	size_t count;
	struct buf why;
};

/* "192.0.2.1:25:", ":25:", ":25", "[::1]:25:"; what is behind the port counts for web sites alone. */
static bool
parse_binding(struct binding *b, const char *text)
{
	const char *end = text[0] == '[' ? strchr(text, ']') : strchr(text, ':'), *why;
	size_t n;
	struct net_address a;
	uint64_t port;
	char digits[8];

	if (end == NULL)
		return false;
	n = (size_t)(end - text) + (text[0] == '[');
	if (n >= sizeof(b->ip) || text[n] != ':')
		return false;
	memcpy(b->ip, text, n);
	b->ip[n] = '\0';
	if (strcmp(b->ip, "*") == 0 || strcmp(b->ip, "0.0.0.0") == 0)
		b->ip[0] = '\0';
	text += n + 1;
	n = strspn(text, "0123456789");
	if (n == 0 || n > 5 || (text[n] != ':' && text[n] != '\0'))
		return false;
	snprintf(digits, sizeof(digits), "%.*s", (int)n, text);
	if (!convert_number(digits, &port) || port == 0 || port > 65535)
		return false;
	b->port = (unsigned)port;
	return b->ip[0] == '\0' || net_address_parse(&a, b->ip, (uint16_t)port, &why) == 0;
}

/* Whether one that is there has the address, too; NULL: none. */
static bool
is_covered(const struct bindings *l, const struct binding *b)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->item[i].port == b->port &&
		    (l->item[i].ip[0] == '\0' || strcmp(l->item[i].ip, b->ip) == 0))
			return true;
	return false;
}

static void
add_binding(struct bindings *l, const char *word)
{
	const char *comma = l->why.len > 0 ? "; " : "";
	struct binding b;

	if (!parse_binding(&b, word)) {
		buf_printf(&l->why, "%s%.60s is no address with a port", comma, word);
		return;
	}
	if (is_covered(l, &b)) {
		buf_printf(&l->why, "%s%.60s is covered by another one", comma, word);
		return;
	}
	for (size_t i = 0; b.ip[0] == '\0' && i < l->count;)
		if (l->item[i].port == b.port) {
			buf_printf(&l->why, "%s%.60s covers %s", l->why.len > 0 ? "; " : "", word,
			    l->item[i].ip);
			l->item[i] = l->item[--l->count];
		} else {
			i++;
		}
	/* an address of all takes two places: IPv4 and IPv6 */
	if (2 * l->count + 2 > CONFIG_LISTEN_MAX)
		buf_printf(&l->why, "%s%.60s is one too many", comma, word);
	else
		l->item[l->count++] = b;
}

/* The earlier virtual server of the input that listens there; NULL: none. */
static const char *
find_owner(const struct outcome *o, const struct binding *b)
{
	json_t *server;
	size_t i;
	char item[96];

	snprintf(item, sizeof(item), ", %s:%u,", b->ip[0] != '\0' ? b->ip : "*", b->port);
	json_array_foreach(json_object_get(o->root, "servers"), i, server) {
		const char *listen = json_string_value(json_object_get(json_object_get(server, "keys"),
		    "general.listen"));
		char *framed = server != o->server && listen != NULL ? mem_printf(", %s,", listen) : NULL;
		bool found = framed != NULL && strstr(framed, item) != NULL;

		free(framed);
		if (found)
			return json_string_value(json_object_get(server, "name"));
	}
	return NULL;
}

/* Others keep their addresses. Where nothing is left it keeps them, too: create then says whose they are. */
static void
leave_to_others(struct bindings *l, const struct outcome *o)
{
	struct bindings left = { .count = 0 };
	struct buf why = BUF_INIT(600);

	for (size_t i = 0; i < l->count; i++) {
		const char *owner = find_owner(o, &l->item[i]);

		if (owner == NULL)
			left.item[left.count++] = l->item[i];
		else
			buf_printf(&why, "%s%s:%u is that of %s", why.len > 0 ? "; " : "",
			    l->item[i].ip[0] != '\0' ? l->item[i].ip : "*", l->item[i].port, owner);
	}
	if (why.len > 0)
		buf_printf(&l->why, "%s%s%s", l->why.len > 0 ? "; " : "", buf_text(&why),
		    left.count > 0 ? "" : ": with no other address it cannot be made; change "
		    "ServerBindings in the file");
	if (left.count > 0) {
		memcpy(l->item, left.item, sizeof(l->item));
		l->count = left.count;
	}
	buf_done(&why);
}

/* Blanks are the ends of lines that an attribute of XML cannot keep. */
static void
parse_bindings(struct bindings *l, const char *text)
{
	char *copy = mem_strdup(text), *save = NULL;

	*l = (struct bindings){ .why = BUF_INIT(600) };
	for (char *word = strtok_r(copy, " \t\r\n,;", &save); word != NULL;
	    word = strtok_r(NULL, " \t\r\n,;", &save))
		add_binding(l, word);
	free(copy);
}

static void
format_bindings(struct buf *out, const struct bindings *l)
{
	for (size_t i = 0; i < l->count; i++) {
		const struct binding *b = &l->item[i];

		if (b->ip[0] == '\0')
			buf_printf(out, "%s*:%u, [::]:%u", out->len > 0 ? ", " : "", b->port, b->port);
		else
			buf_printf(out, "%s%s:%u", out->len > 0 ? ", " : "", b->ip, b->port);
	}
}

void
convert_listen_plain(struct convert *c, const struct property *p, const char *text)
{
	struct buf value = BUF_INIT(4000);
	struct bindings l;

	parse_bindings(&l, text);
	leave_to_others(&l, c->out);
	format_bindings(&value, &l);
	if (value.len == 0)
		convert_loud(c, p, text, "*:25, [::]:25", "there is no address in it");
	else if (l.why.len > 0)
		convert_loud(c, p, text, buf_text(&value), buf_text(&l.why));
	else
		convert_carried(c, p, text, buf_text(&value));
	buf_done(&l.why);
	buf_done(&value);
}

void
convert_listen_secure(struct convert *c, const struct property *p, const char *text)
{
	struct buf value = BUF_INIT(4000);
	struct bindings l;

	parse_bindings(&l, text);
	format_bindings(&value, &l);
	if (value.len > 0) {
		char *word = mem_printf("general.tls-listen=%s", buf_text(&value));

		convert_access_certificate(c, p, text, false, word,
		    "addresses with TLS from the first byte need a certificate and its key in files");
		free(word);
	} else if (l.why.len > 0) {
		convert_loud(c, p, text, NULL, buf_text(&l.why));
	}
	buf_done(&l.why);
	buf_done(&value);
}

/* ServerAutoStart is FALSE, ServerState 3 or 4: it did not run. */
void
convert_listen_start(struct convert *c, const struct property *p, const char *text)
{
	bool state = strcmp(p->name, "ServerState") == 0;
	uint64_t n;

	if (!convert_number(text, &n))
		convert_none(c, p, text, "it is no number");
	else if (state ? n != 3 && n != 4 : n != 0)
		convert_carried(c, p, text, NULL);
	else {
		const char *stop[] = { "stop", c->name };
		char *command = convert_command(c, NULL, stop, 2), *why;

		why = mem_printf("it did not run: it is stopped when it has been made (%s)", command);
		outcome_stopped(c->out);
		convert_changed(c, p, text, NULL, why);
		free(why);
		free(command);
	}
}
