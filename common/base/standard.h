/* standard - the descriptors 0, 1 and 2 of a program that anybody starts */
#ifndef COMMON_BASE_STANDARD_H
#define COMMON_BASE_STANDARD_H

/*
 * First of all in such a program: those that its caller has closed are /dev/null. Else the first files that
 * it opens have these numbers, and what it prints is written into them. 0; -1 and errno.
 */
int standard_open(void) __attribute__((warn_unused_result));

#endif
