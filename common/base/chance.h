/* chance - random numbers for ids and waiting times, without a system call each */
#ifndef COMMON_BASE_CHANCE_H
#define COMMON_BASE_CHANCE_H

#include <stdint.h>

/* Nobody can tell it in advance. Not for keys and tokens: those come from arc4random_buf(3) alone. */
uint32_t chance_u32(void);
/* Less than `below`, each equally likely but for one in four thousand million; 0 for 0. */
uint32_t chance_below(uint32_t below);

#endif
