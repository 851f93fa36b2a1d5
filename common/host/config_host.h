/* config_host - what the configuration wants of this host: users, groups, folders; for config_check_files */
#ifndef COMMON_HOST_CONFIG_HOST_H
#define COMMON_HOST_CONFIG_HOST_H

#include <stdbool.h>

struct config;
struct config_faults;
struct net_address;

void config_host_judge(const struct config *c, struct config_faults *faults);
/* Of these only what would keep the service from starting: errors; names of operators are not looked up. */
void config_host_judge_start(const struct config *c, struct config_faults *faults);
/* Of these only addresses that this host does not have: warnings, as they may come. */
void config_host_judge_addresses(const struct config *c, struct config_faults *faults);
/* False: no network of this host has that address now. */
bool config_host_has(const struct net_address *a);

#endif
