/*
 * wanted_state - whether a virtual server should run, remembered over restarts: "running" or "stopped" in
 * STATE/NAME.state
 */
#ifndef COMMON_CONFIG_WANTED_STATE_H
#define COMMON_CONFIG_WANTED_STATE_H

#include <stdbool.h>

/* Whether virtual server `name` should run: true unless its file says "stopped". */
bool wanted_state_wanted(const char *folder, const char *name);
/* 0, or -1 and errno. */
int wanted_state_write(const char *folder, const char *name,
    bool running) __attribute__((warn_unused_result));
void wanted_state_forget(const char *folder, const char *name);

#endif
