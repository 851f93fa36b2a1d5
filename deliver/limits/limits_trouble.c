/*
 * limits_trouble - what operators hear of the engine: its loss, and that it is back
 *
 * Runs in:  limits
 * Owns:     nothing
 * Promise:  status has the newest reason as long as the loss lasts, a second late at the most while attempts
 *           go on. The event log hears of each loss and of each other reason, bounded: of a reason that it
 *           was told last, once a minute, and of another one each ten seconds
 * Fails by: cannot
 */
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "deliver/limits/limits.h"

#define SHOW_AGAIN_MS 1000U	/* an engine that answers may refuse each question for another reason */
#define TELL_AGAIN_MS 60000U
#define TELL_OTHER_MS 10000U

static void
show(struct limits_engine *e, const char *why)
{
	const struct config_limits *c = e->limits->config;
	char text[400];

	if (e->lost && clock_mono_ms() < e->shown_ms + SHOW_AGAIN_MS)
		return;
	e->lost = true;
	e->shown_ms = clock_mono_ms();
	snprintf(text, sizeof(text), "limits are not shared: the engine at %.110s: %s; %s", c->engine, why,
	    c->on_loss == CONFIG_LOSS_SHARE ? "this node keeps to its share" :
	    "mail for hosts with such limits waits");
	boot_trouble(e->limits->boot, "engine", text);
}

/* The same reason is told again for another loss only. */
static bool
is_news(const struct limits_engine *e, const char *why)
{
	uint64_t now = clock_mono_ms();

	if (e->told_ms == 0)
		return true;
	if (strcmp(why, e->told_why) != 0)
		return now >= e->told_ms + TELL_OTHER_MS;
	return !e->told && now >= e->told_ms + TELL_AGAIN_MS;
}

void
limits_trouble_tell(struct limits_engine *e, const char *why)
{
	char clean[LIMITS_WHY_SIZE];
	size_t n = 0;

	for (const char *p = why; *p != '\0' && n + 1 < sizeof(clean); p++)
		clean[n++] = *p >= ' ' && *p <= '~' ? *p : '?';
	clean[n] = '\0';
	show(e, clean);
	if (!is_news(e, clean))
		return;
	e->told = true;
	e->told_ms = clock_mono_ms();
	memcpy(e->told_why, clean, sizeof(clean));
	log_event(LOG_FAULT, NULL, "trouble", "part=limits engine=%s reason=%s",
	    log_safe(e->limits->config->engine), log_safe(clean));
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
