/*
 * dkim_show - posternctl dkim show and check: each key, its days, its record, and what the DNS has
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  what is wrong with a key stands beside it
 * Fails by: CONTROL_REFUSED: a key cannot be used, or its record in the DNS is not right
 */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/answers/answers.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "master/posternctl/certificate/certificate.h"
#include "master/posternctl/dkim/dkim.h"
#include "master/posternctl/posternctl.h"

struct shown {
	const struct dkim_shown *key;
	const char *days;
	bool asked;			/* the DNS was */
	enum dkim_look dns;
	const char *why;
};

static json_t *
json_of(const struct shown *s)
{
	const struct dkim_shown *k = s->key;
	bool known = k->key.pkey != NULL;
	json_t *row = json_object();

	json_object_set_new(row, "domain", json_string(k->place.domain));
	json_object_set_new(row, "selector", json_string(k->place.selector));
	json_object_set_new(row, "file", json_string(k->place.file));
	json_object_set_new(row, "state", json_string(s->days));
	json_object_set_new(row, "kind", known ? json_string(dkim_key_word(k->key.kind)) : json_null());
	json_object_set_new(row, "bits", known ? json_integer(k->key.bits) : json_null());
	json_object_set_new(row, "name", json_string(k->name));
	json_object_set_new(row, "record", known ? json_string(buf_text(&k->record)) : json_null());
	json_object_set_new(row, "fault", known ? json_null() : json_string(buf_text(&k->why)));
	json_object_set_new(row, "dns", s->asked ? json_string(dkim_look_words[s->dns]) : json_null());
	json_object_set_new(row, "dns_fault", s->asked && *s->why != '\0' ? json_string(s->why) :
	    json_null());
	return row;
}

static void
print(const struct shown *s)
{
	const struct dkim_shown *k = s->key;
	struct buf zone = BUF_INIT(8192);

	printf("key     %s %s: %s\nfile    %s\n", k->place.domain, k->place.selector, s->days, k->place.file);
	if (k->key.pkey != NULL) {
		dkim_look_zone(k, &zone);
		printf("kind    %s, %d bits%s\nrecord  %s\n", dkim_key_word(k->key.kind), k->key.bits,
		    k->key.kind == DKIM_KEY_RSA && k->key.bits < DKIM_KEY_BITS_GOOD ?
		    "; 2048 are good" : "", buf_text(&zone));
	} else
		printf("wrong   %s\n", buf_text(&k->why));
	if (s->asked)
		printf("dns     %s%s%s\n", dkim_look_words[s->dns], *s->why != '\0' ? ": " : "", s->why);
	buf_done(&zone);
}

/* One key; an exit status. */
static int
show(const struct certificate_job *j, const struct config_dkim *place, bool dns, json_t *rows)
{
	struct buf days = BUF_INIT(200), why = BUF_INIT(1000);
	struct dkim_shown k;
	struct shown s = { .key = &k, .asked = dns };

	dkim_look_file(&k, place);
	dkim_look_days(place, clock_wall_us() / 1000000, &days);
	if (dns)
		s.dns = dkim_look_dns(&k, j->config, &why);
	s.days = buf_text(&days);
	s.why = buf_text(&why);
	if (rows != NULL)
		json_array_append_new(rows, json_of(&s));
	else
		print(&s);
	dns = dns ? s.dns == DKIM_LOOK_WRONG || s.dns == DKIM_LOOK_UNKNOWN : k.key.pkey == NULL;
	dkim_look_done(&k);
	buf_done(&days);
	buf_done(&why);
	return dns ? CONTROL_REFUSED : EX_OK;
}

static bool
is_meant(const struct config_dkim *k, const char *domain, const char *selector)
{
	return (domain == NULL || strcasecmp(k->domain, domain) == 0) &&
	    (selector == NULL || strcasecmp(k->selector, selector) == 0);
}

/* A key that `dkim new` has made, and that no configuration names yet. */
static int
show_new(const struct certificate_job *j, const char *domain, const char *selector, bool dns, json_t *rows)
{
	char *path = dkim_look_path(j->config_path, domain, selector),
	    *item = mem_printf("%s %s %s", domain, selector, path);
	struct config_dkim place;
	const char *why;
	int status;

	if (config_dkim_parse(&place, item, &why) == 0) {
		status = show(j, &place, dns, rows);
	} else {
		fprintf(stderr, "posternctl: %s %s is no domain and selector\n", domain, selector);
		status = EX_USAGE;
	}
	free(path);
	free(item);
	return status;
}

int
dkim_show_run(const struct certificate_job *j, const char *domain, const char *selector, bool dns, bool json)
{
	json_t *document = answers_new(), *rows = json_array();
	struct config_dkim place;
	size_t shown = 0;
	int status = EX_OK;

	json_object_set_new(document, "server", json_string(j->server->name));
	json_object_set_new(document, "keys", rows);
	for (size_t i = 0; config_dkim_at(&place, j->server, i); i++) {
		if (!is_meant(&place, domain, selector))
			continue;
		if (shown++ > 0 && !json)
			printf("\n");
		if (show(j, &place, dns, json ? rows : NULL) != EX_OK)
			status = CONTROL_REFUSED;
	}
	if (shown == 0 && selector != NULL)
		status = show_new(j, domain, selector, dns, json ? rows : NULL);
	else if (shown == 0 && !json)
		printf("%s has no key%s%s: its mail is not signed\n", j->server->name,
		    domain != NULL ? " of " : "", domain != NULL ? domain : "");
	if (json)
		answers_print(document, stdout);
	json_decref(document);
	return status;
}
