/*
 * config_manager - judges [manager]: who could read what the browser and the manager say to each other
 *
 * Runs in:  every process
 * Owns:     nothing
 * Promise:  an address that other hosts reach is never served without TLS
 * Fails by: faults
 */
#include <string.h>

#include "common/config/config_private.h"

static unsigned
line_of(const struct config_service *s, const char *key)
{
	return config_origin_of(s->origin, KEY_MANAGER, key)->line;
}

static bool
was_refused(const struct config_service *s, const char *key)
{
	return config_origin_of(s->origin, KEY_MANAGER, key)->bad;
}

/* Anybody between could read the link that logs in, and every answer. */
static void
judge_far(struct config_work *w, const struct config_service *s)
{
	for (size_t i = 0; i < s->manager.listen.count; i++) {
		const char *text = s->manager.listen.text[i], *why;
		struct net_address a;

		if (text[0] == '/' || net_address_parse(&a, text, 0, &why) == -1 ||
		    net_is_loopback((const struct sockaddr *)&a.sa))
			continue;
		config_faults_add(w->faults, &w->sources.source[0], line_of(s, "listen"), false,
		    "the manager at %s can be reached from other hosts: that needs certificate and key of "
		    "[manager]", text);
	}
}

/* A web server in front says the name that the browser used. */
static void
judge_paths(struct config_work *w, const struct config_service *s)
{
	for (size_t i = 0; i < s->manager.listen.count; i++)
		if (s->manager.listen.text[i][0] == '/' && s->manager.hosts.count == 0) {
			config_faults_add(w->faults, &w->sources.source[0], line_of(s, "listen"), true,
			    "a web server in front of %s is called by a name: it has to stand in hosts",
			    s->manager.listen.text[i]);
			break;
		}
}

static bool
is_same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

bool
config_manager_same(const struct config_manager *a, const struct config_manager *b)
{
	return config_strings_same(&a->listen, &b->listen) && config_strings_same(&a->hosts, &b->hosts) &&
	    is_same_text(a->certificate, b->certificate) && is_same_text(a->key, b->key) &&
	    is_same_text(a->accounts, b->accounts) && is_same_text(a->keytab, b->keytab);
}

void
config_manager_judge(struct config_work *w)
{
	const struct config_service *s = &w->config->service;
	const struct config_manager *m = &s->manager;
	bool certificate = m->certificate != NULL, key = m->key != NULL;

	if (was_refused(s, "listen") || was_refused(s, "certificate") || was_refused(s, "key"))
		return;
	if (certificate != key)
		config_faults_add(w->faults, &w->sources.source[0],
		    line_of(s, certificate ? "certificate" : "key"), false, "%s of [manager] needs %s",
		    certificate ? "certificate" : "key", certificate ? "key" : "certificate");
	else if (!certificate)
		judge_far(w, s);
	if (m->listen.count == 0) {
		const char *first = certificate ? "certificate" : m->hosts.count > 0 ? "hosts" :
		    m->accounts != NULL ? "accounts" : m->keytab != NULL ? "keytab" : NULL;

		if (first != NULL)
			config_faults_add(w->faults, &w->sources.source[0], line_of(s, first), true,
			    "[manager] has no effect without listen");
	}
	if (m->keytab == NULL && (m->service_principal != NULL || m->kerberos_realms.count > 0))
		config_faults_add(w->faults, &w->sources.source[0],
		    line_of(s, m->service_principal != NULL ? "service-principal" : "kerberos-realms"), true,
		    "without keytab of [manager] this has no effect");
	judge_paths(w, s);
}
