/*
 * wanted_state - whether a virtual server should run, remembered over restarts in STATE/NAME.state: "running"
 * or "stopped", and in a second line that its home was lost to another service
 */
#ifndef COMMON_HOST_WANTED_STATE_H
#define COMMON_HOST_WANTED_STATE_H

#include <stdbool.h>

#define WANTED_STATE_WHY_SIZE 512

/* Whether virtual server `name` should run: true unless its file says "stopped". */
bool wanted_state_wanted(const char *folder, const char *name);
/* Whether it is stopped since another service has its home; then in words. Else `why` is "". */
bool wanted_state_lost(const char *folder, const char *name, char why[WANTED_STATE_WHY_SIZE]);
/* What was known of the home is forgotten: an operator has said something. 0, or -1 and errno. */
int wanted_state_write(const char *folder, const char *name,
    bool running) __attribute__((warn_unused_result));
/* Stopped, and why: the home was lost. `why` may be hostile: it becomes one line, and may be cut off. */
int wanted_state_write_lost(const char *folder, const char *name,
    const char *why) __attribute__((warn_unused_result));
void wanted_state_forget(const char *folder, const char *name);

#endif
