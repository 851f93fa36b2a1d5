/* message_id - the id of a message */
#ifndef COMMON_MAIL_MESSAGE_ID_H
#define COMMON_MAIL_MESSAGE_ID_H

#include <stdbool.h>
#include <stdint.h>

#define MESSAGE_ID_LEN 16
#define MESSAGE_ID_SIZE (MESSAGE_ID_LEN + 1)

/*
 * Ids: 11 digits of time (microseconds, 55 bit) and 5 of chance, alphabet 0-9 a-z without i l o u; they sort
 * by time.
 */
void message_id_make(char *id, int64_t wall_us, uint32_t chance);
bool message_id_is_valid(const char *id);
int64_t message_id_time_us(const char *id);

#endif
