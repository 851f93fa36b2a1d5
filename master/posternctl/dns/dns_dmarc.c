/*
 * dns_dmarc - the DMARC policy that counts for a domain: its own, or that of a domain above (RFC 9989 4.10)
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  at most 8 names are asked, as receivers do; a name with several records counts as one without
 * Fails by: DNS_DMARC_TROUBLE, with words
 */
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/dkim/dkim_record.h"
#include "master/posternctl/dns/dns.h"

#define LABELS_MAX 8U

static size_t
count_labels(const char *domain)
{
	size_t n = 1;

	for (; (domain = strchr(domain, '.')) != NULL; domain++)
		n++;
	return n;
}

static const char *
cut_label(const char *domain)
{
	const char *dot = strchr(domain, '.');

	return dot != NULL ? dot + 1 : "";
}

/* "v=DMARC1" stands first, and there is one such record. NULL: there is none. */
static const char *
find_record(const struct dns_answer *a)
{
	const char *found = NULL;
	const char *value;
	size_t len;

	for (size_t i = 0; i < a->count; i++) {
		if (strncmp(a->record[i], "v", 1) != 0 || !dkim_record_tag(a->record[i], "v", &value, &len) ||
		    len != 6 || strncmp(value, "DMARC1", 6) != 0)
			continue;
		if (found != NULL)
			return NULL;
		found = a->record[i];
	}
	return found;
}

static void
copy_tag(char *dst, size_t size, const char *record, const char *name, const char *standard)
{
	const char *value = standard;
	size_t len = strlen(standard);

	(void)dkim_record_tag(record, name, &value, &len);
	snprintf(dst, size, "%.*s", (int)len, value);
}

static enum dns_dmarc
ask_one(struct dns_dmarc_found *f, dns_spf_ask *ask, void *arg, const char *domain, bool own)
{
	struct dns_answer a;
	const char *record, *value;
	enum dns_dmarc result = DNS_DMARC_NONE;
	size_t len;

	snprintf(f->name, sizeof(f->name), "_dmarc.%s", domain);
	ask(arg, &a, "TXT", f->name);
	if (a.result == DNS_ASK_FOUND && (record = find_record(&a)) != NULL) {
		result = DNS_DMARC_FOUND;
		copy_tag(f->policy, sizeof(f->policy), record, "p", "none");
		if (!own && dkim_record_tag(record, "sp", &value, &len))
			copy_tag(f->policy, sizeof(f->policy), record, "sp", "");
		copy_tag(f->adkim, sizeof(f->adkim), record, "adkim", "r");
		copy_tag(f->aspf, sizeof(f->aspf), record, "aspf", "r");
	} else if (a.result != DNS_ASK_FOUND && a.result != DNS_ASK_NONE) {
		result = DNS_DMARC_TROUBLE;
		snprintf(f->name, sizeof(f->name), "%s", buf_text(&a.text));
	}
	dns_ask_done(&a);
	return result;
}

enum dns_dmarc
dns_dmarc_find(struct dns_dmarc_found *f, dns_spf_ask *ask, void *arg, const char *domain)
{
	enum dns_dmarc result = ask_one(f, ask, arg, domain, true);
	const char *above = cut_label(domain);

	while (count_labels(above) >= LABELS_MAX)
		above = cut_label(above);
	for (; result == DNS_DMARC_NONE && *above != '\0'; above = cut_label(above))
		result = ask_one(f, ask, arg, above, false);
	return result;
}
