/* config_unit - where the unit of systemd must let the service write; for config_check_files */
#ifndef COMMON_HOST_CONFIG_UNIT_H
#define COMMON_HOST_CONFIG_UNIT_H

struct buf;
struct config;
struct config_faults;

void config_unit_judge(const struct config *c, struct config_faults *faults);
/*
 * `text` has our drop-in, or nothing; it gets what the folders need besides. How many lines: 0 nothing is
 * missing; -1, and why: a folder that cannot be named in it, or lines there or elsewhere that undo them.
 */
int config_unit_complete(const struct config *c, struct buf *text,
    struct buf *why) __attribute__((warn_unused_result));

#endif
