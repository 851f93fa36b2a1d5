/*
 * config_server - virtual servers of a config: look-up, questions, comparison
 *
 * Runs in:  every process
 * Owns:     nothing
 * Promise:  the config is not changed
 * Fails by: NULL: there is none
 */
#include <string.h>

#include "common/config/config_private.h"

const struct config_server *
config_server_by_name(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->nserver; i++)
		if (strcmp(c->server[i].name, name) == 0)
			return &c->server[i];
	return NULL;
}

const struct config_server *
config_server_by_id(const struct config *c, uint32_t id)
{
	for (size_t i = 0; i < c->nserver; i++)
		if (c->server[i].id == id)
			return &c->server[i];
	return NULL;
}

bool
config_server_has_tls(const struct config_server *s)
{
	for (size_t i = 0; i < s->nlisten; i++)
		if (s->listen[i].tls)
			return true;
	return s->tls != CONFIG_TLS_OFF;
}

/* Whether the mode of the server or of one of its domains is among `modes`, a bit each. */
static bool
has_mode(const struct config_server *s, unsigned modes)
{
	bool found = (modes & 1U << s->outbound_tls) != 0;

	for (size_t i = 0; i < s->ndomain && !found; i++)
		found = s->domain[i].has_outbound_tls && (modes & 1U << s->domain[i].outbound_tls) != 0;
	return found;
}

bool
config_server_has_outbound_tls(const struct config_server *s)
{
	return has_mode(s, ~(1U << CONFIG_OUT_TLS_OFF));
}

bool
config_server_verifies(const struct config_server *s)
{
	return has_mode(s, 1U << CONFIG_OUT_TLS_VERIFY);
}

/* All values that a virtual server depends on. */
static void
print_values(const struct config *c, const struct config_server *s, struct buf *out)
{
	config_print_owner(KEY_OWNER_SERVICE, &c->service, NULL, out);
	config_print_server(s, false, out);
}

bool
config_server_same(const struct config *a, const struct config *b, const char *name)
{
	const struct config_server *x = config_server_by_name(a, name), *y = config_server_by_name(b, name);
	struct buf left = BUF_INIT(CONFIG_SNAPSHOT_MAX), right = BUF_INIT(CONFIG_SNAPSHOT_MAX);
	bool same;

	if (x == NULL || y == NULL)
		return x == y;
	print_values(a, x, &left);
	print_values(b, y, &right);
	same = left.len == right.len && memcmp(buf_text(&left), buf_text(&right), left.len) == 0;
	buf_done(&left);
	buf_done(&right);
	return same;
}

static void
print_directory(const struct config_server *s, struct buf *out)
{
	buf_printf(out, "%s\n", s->default_domain != NULL ? s->default_domain->name : "");
	for (size_t i = 0; i < key_rows_count; i++)
		if (key_rows[i].section == KEY_LDAP) {
			config_value_print(&key_rows[i], s, out);
			buf_puts(out, "\n");
		}
}

bool
config_server_same_directory(const struct config *a, const struct config *b, const char *name)
{
	const struct config_server *x = config_server_by_name(a, name), *y = config_server_by_name(b, name);
	struct buf left = BUF_INIT(CONFIG_SNAPSHOT_MAX), right = BUF_INIT(CONFIG_SNAPSHOT_MAX);
	bool same;

	if (x == NULL || y == NULL)
		return x == y;
	print_directory(x, &left);
	print_directory(y, &right);
	same = left.len == right.len && memcmp(buf_text(&left), buf_text(&right), left.len) == 0;
	buf_done(&left);
	buf_done(&right);
	return same;
}
