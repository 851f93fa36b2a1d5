/*
 * limits_trouble - what operators hear of the engine: its loss, and that it is back
 *
 * Runs in:  limits
 * Owns:     nothing
 * Promise:  status has the loss as long as it lasts; the event log hears of one a minute at the most
 * Fails by: cannot
 */
#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "deliver/limits/limits.h"

#define TELL_AGAIN_MS 60000U

void
limits_trouble_tell(struct limits_engine *e, const char *why)
{
	const struct config_limits *c = e->limits->config;
	char text[400], clean[160];
	size_t n = 0;

	for (const char *p = why; *p != '\0' && n + 1 < sizeof(clean); p++)
		clean[n++] = *p >= ' ' && *p <= '~' ? *p : '?';
	clean[n] = '\0';
	snprintf(text, sizeof(text), "limits are not shared: the engine at %.110s: %s; %s", c->engine, clean,
	    c->on_loss == CONFIG_LOSS_SHARE ? "this node keeps to its share" :
	    "mail for hosts with such limits waits");
	if (e->lost)
		return;
	e->lost = true;
	boot_trouble(e->limits->boot, "engine", text);
	if (e->told_ms != 0 && clock_mono_ms() < e->told_ms + TELL_AGAIN_MS)
		return;
	e->told = true;
	e->told_ms = clock_mono_ms();
	log_event(LOG_FAULT, NULL, "trouble", "part=limits engine=%s reason=%s", log_safe(c->engine),
	    log_safe(why));
}

void
limits_trouble_end(struct limits_engine *e)
{
	if (!e->lost)
		return;
	e->lost = false;
	boot_trouble(e->limits->boot, "engine", "");
	if (e->told)
		log_event(LOG_FACT, NULL, "limits", "result=recovered engine=%s",
		    log_safe(e->limits->config->engine));
	e->told = false;
}
