/*
 * config_dkim_judge - the keys that sign mail, judged together; pure
 *
 * Runs in:  every process
 * Owns:     nothing
 * Promise:  a selector of a domain is there once
 * Fails by: faults
 */
#include <stdio.h>
#include <string.h>

#include "common/config/config_dkim.h"
#include "common/config/config_private.h"

static void
judge_twice(struct config_work *w, size_t server, const struct config_dkim *k, size_t index)
{
	const struct config_server *s = &w->config->server[server];
	struct config_dkim before;
	char text[600];

	for (size_t i = 0; i < index; i++)
		if (config_dkim_at(&before, s, i) && strcmp(before.domain, k->domain) == 0 &&
		    strcmp(before.selector, k->selector) == 0) {
			snprintf(text, sizeof(text), "dkim-key has the selector %.250s of %.250s twice",
			    k->selector, k->domain);
			config_faults_at_key(w, server, KEY_DELIVERY, "dkim-key", false, "%s", text);
			return;
		}
}

void
config_dkim_judge(struct config_work *w, size_t server)
{
	const struct config_server *s = &w->config->server[server];
	bool reports = false;
	struct config_dkim k;
	char text[400];

	for (size_t i = 0; config_dkim_at(&k, s, i); i++) {
		judge_twice(w, server, &k, i);
		reports |= config_dkim_serves(&k, config_dkim_report_domain(s));
	}
	if (s->dkim_key.count == 0 || reports)
		return;
	snprintf(text, sizeof(text), "dkim-key has no key of %.250s: our own reports are not signed",
	    config_dkim_report_domain(s));
	config_faults_at_key(w, server, KEY_DELIVERY, "dkim-key", true, "%s", text);
}
