/*
 * host_admin - posternctl hosts: what is known of the hosts of a virtual server; an operator resets some
 *
 * Runs in:  deliver
 * Owns:     nothing
 * Promise:  a page at a time, so that ten thousand hosts need no large buffer. What an operator has paused is
 *           told, too, when no mail went there. After a reset the host is as if it was never met, but for
 *           what the configuration says of it
 * Fails by: a page less when the supervisor has gone
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/boot/boot.h"
#include "common/config/config.h"
#include "common/msg/msg_hosts.h"
#include "deliver/outbound/outbound.h"

#define LINE_MAX_BYTES 1800

struct page {
	struct outbound *o;
	uint32_t request;
	const char *pattern;
	uint64_t now, wall;		/* monotonic ms, wall ms */
	int32_t count;
};

static void
send_line(const struct page *p, const char *line)
{
	(void)!ctl_send(p->o->b->master, CTL_TEST_TEXT, p->request, line, strlen(line), -1);
}

static void
end_page(const struct page *p, int32_t status)
{
	(void)!ctl_send(p->o->b->master, CTL_TEST_END, p->request, &status, sizeof(status), -1);
}

static const char *
state_name(const struct pace_gate *g, enum pace_shared shared, uint64_t now)
{
	static const char *const names[PACE_SAIDS] = { [PACE_SAID_NOTHING] = "new",
	    [PACE_SAID_TAKEN] = "works", [PACE_SAID_LATER] = "puts-off", [PACE_SAID_REFUSED] = "refuses",
	    [PACE_SAID_NO_TLS] = "no-tls", [PACE_SAID_NO_LOGIN] = "no-login",
	    [PACE_SAID_UNREACHED] = "unreachable", [PACE_SAID_ENDED] = "breaks-off" };
	enum pace_state state = pace_gate_state(g, now);

	if (g->paused)
		return "paused";
	if (state == PACE_RESTS || state == PACE_PROBES)
		return state == PACE_RESTS ? "rests" : "probes";
	if (shared != PACE_SHARED_FREE)
		return shared == PACE_SHARED_USED_UP ? "used-up" : "no-engine";
	return g->said == PACE_SAID_TAKEN && g->rate.learnt != CONFIG_UNLIMITED ? "slowed" : names[g->said];
}

/* "[192.0.2.1]", "[2001:db8::1]" */
static bool
parse_address(struct net_address *a, const char *host)
{
	char text[NET_TEXT_SIZE + 2];
	const char *why;
	size_t len = strlen(host);
	bool six = strchr(host, ':') != NULL;

	if (*host != '[' || len >= sizeof(text))
		return false;
	snprintf(text, sizeof(text), "%.*s", (int)(six ? len : len - 2), host + (six ? 0 : 1));
	return net_address_parse(a, text, 0, &why) == 0;
}

/* "mx.example.com:25" with or without its port, and the address where the gate is one of an address. */
static bool
fits(const struct pace_gate *g, const char *pattern)
{
	char host[MSG_HOSTS_PATTERN_SIZE + NET_TEXT_SIZE];
	struct net_address a;
	unsigned long port = 0;
	char *colon;

	if (*pattern == '\0')
		return true;
	snprintf(host, sizeof(host), "%s", g->host);
	colon = strrchr(host, ':');
	if (colon != NULL) {
		port = strtoul(colon + 1, NULL, 10);
		*colon = '\0';
	}
	return strcasecmp(pattern, g->host) == 0 || config_remote_fits(pattern, host, (uint16_t)port,
	    parse_address(&a, host) ? (const struct sockaddr *)&a.sa : NULL);
}

static void
put_number(char *dst, size_t size, uint64_t value)
{
	if (value == CONFIG_UNLIMITED)
		snprintf(dst, size, "-");
	else
		snprintf(dst, size, "%llu", (unsigned long long)value);
}

static void
tell_one(void *arg, struct pace_gate *g)
{
	struct page *p = arg;
	uint64_t most = g->rules.value[CONFIG_REMOTE_CONNECTIONS], rest, others;
	char line[LINE_MAX_BYTES], connections[24], rate[24], when[24] = "-", words[PACE_WORDS_SIZE];
	enum pace_shared shared;

	if (!fits(g, p->pattern))
		return;
	shared = pace_gate_shared(g, p->now, &others);
	(void)pace_gate_shared_words(g, p->now, words);
	rest = MAX(pace_gate_rest(g, p->now), others);
	put_number(connections, sizeof(connections), g->cap < most ? g->cap : most);
	put_number(rate, sizeof(rate), pace_rate_limit(&g->rate));
	if (g->why != NULL)
		snprintf(when, sizeof(when), "%llu",
		    (unsigned long long)((p->wall - (p->now - g->why_at)) / 1000));
	snprintf(line, sizeof(line), "%s\t%s\t%s\t%zu\t%s\t%s\t%llu\t%llu\t%s\t%s\t%s\n", g->host,
	    *g->account != '\0' ? g->account : "-", state_name(g, shared, p->now), g->conns, connections,
	    rate, g->paused ? 0ULL : (unsigned long long)(rest + 999) / 1000,
	    (unsigned long long)g->sent, when, g->why != NULL ? g->why->text : "-",
	    words[0] != '\0' ? words : g->said_text != NULL ? g->said_text : "-");
	send_line(p, line);
}

static void
note_if_met(void *arg, struct pace_gate *g)
{
	struct page *p = arg;

	p->count += fits(g, p->pattern);
}

static void
tell_paused(const struct page *p)
{
	const struct config_strings *paused = &p->o->server->paused_hosts;

	for (size_t i = 0; i < paused->count; i++) {
		struct page met = *p;
		char line[MSG_HOSTS_PATTERN_SIZE + 60];

		met.pattern = paused->text[i];
		met.count = 0;
		pace_gate_table_each(p->o->gates, note_if_met, &met);
		if (met.count > 0 || (*p->pattern != '\0' && strcmp(p->pattern, paused->text[i]) != 0))
			continue;
		snprintf(line, sizeof(line), "%s\t-\tpaused\t0\t-\t-\t0\t0\t-\t-\t-\n", paused->text[i]);
		send_line(p, line);
	}
}

static void
reset_one(void *arg, struct pace_gate *g)
{
	struct page *p = arg;

	if (!fits(g, p->pattern))
		return;
	p->count++;
	g->resetting = true;
}

static void
end_reset(void *arg, struct pace_gate *g)
{
	const struct page *p = arg;

	if (g->resetting)
		pace_gate_reset(g, p->now);
	g->resetting = false;
}

void
host_admin_take(struct outbound *o, const struct ctl_message *m)
{
	struct msg_hosts_ask ask;
	struct page p = { .o = o, .request = m->request, .pattern = ask.pattern, .now = clock_mono_ms(),
	    .wall = (uint64_t)clock_wall_us() / 1000 };

	memcpy(&ask, m->data, sizeof(ask));
	ask.pattern[sizeof(ask.pattern) - 1] = '\0';
	if (ask.verb == MSG_HOSTS_RESET) {
		pace_gate_table_each(o->gates, reset_one, &p);
		outbound_reset_hosts(o);
		pace_gate_table_each(o->gates, end_reset, &p);
		end_page(&p, p.count);
		return;
	}
	if (ask.from == 0)
		tell_paused(&p);
	pace_gate_table_some(o->gates, &ask.from, tell_one, &p);
	end_page(&p, (int32_t)ask.from);
}
