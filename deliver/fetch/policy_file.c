/*
 * policy_file - the file of the policies that were fetched: a line of JSON for each; pure
 *
 * Runs in:  fetch
 * Owns:     nothing
 * Promise:  a line that is damaged, or cut by a crash, hides only itself. Of two lines about one domain the
 *           one that was fetched later counts, whichever stands first: so the file may be written anew in
 *           its place
 * Fails by: false
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include <bsd/string.h>

#include "common/base/mem.h"
#include "common/base/net.h"
#include "deliver/fetch/fetch.h"

void
policy_file_format(struct buf *out, const char *domain, const struct policy *p)
{
	json_t *row = json_pack("{s:s, s:s, s:i, s:I, s:I, s:s}", "domain", domain, "id", p->id, "mode",
	    (int)p->mode, "fetched", (json_int_t)p->fetched, "max_age", (json_int_t)p->max_age, "mx", p->mx);
	char *text = row != NULL ? json_dumps(row, JSON_COMPACT) : NULL;

	if (text == NULL)
		bug("a policy makes no JSON");
	buf_printf(out, "%s\n", text);
	free(text);
	json_decref(row);
}

static bool
take_row(struct policy *p, char domain[DNS_NAME_SIZE], json_t *row, int64_t now)
{
	const char *name, *id, *mx;
	json_int_t fetched, max_age;
	int mode;

	if (json_unpack(row, "{s:s, s:s, s:i, s:I, s:I, s:s}", "domain", &name, "id", &id, "mode", &mode,
	    "fetched", &fetched, "max_age", &max_age, "mx", &mx) == -1)
		return false;
	/* What was fetched in the future was fetched under another clock: it counts, and is fetched anew. */
	if (strlen(id) >= sizeof(p->id) || mode < POLICY_NONE || mode > POLICY_ENFORCE || fetched < 0 ||
	    max_age < 0 || max_age > UINT32_MAX || (fetched <= now && fetched + max_age <= now) ||
	    strlen(mx) >= POLICY_MX_MAX ||
	    strlen(name) >= DNS_NAME_SIZE || !net_is_hostname(name))
		return false;
	*p = (struct policy){ .mode = (uint8_t)mode, .max_age = (uint32_t)max_age, .fetched = fetched,
	    .mx = mem_strdup(mx) };
	strlcpy(p->id, id, sizeof(p->id));
	strlcpy(domain, name, DNS_NAME_SIZE);
	return true;
}

bool
policy_file_parse(struct policy *p, char domain[DNS_NAME_SIZE], const char *line, size_t len, int64_t now)
{
	json_t *row = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
	bool good = row != NULL && take_row(p, domain, row, now);

	json_decref(row);
	return good;
}
