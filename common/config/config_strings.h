/* config_strings - the value of a key that is a list of words */
#ifndef COMMON_CONFIG_CONFIG_STRINGS_H
#define COMMON_CONFIG_CONFIG_STRINGS_H

#include <stdbool.h>
#include <stddef.h>

struct config_strings { char **text; size_t count; };

bool config_strings_same(const struct config_strings *a, const struct config_strings *b);

#endif
