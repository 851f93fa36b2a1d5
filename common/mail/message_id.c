/*
 * message_id - the id of a message, which is its place in time and the name of its queue file; pure
 *
 * Runs in:  master, posternctl, listener, deliver, pickup
 * Owns:     nothing
 * Promise:  ids sort by time
 * Fails by: false for what is no id
 */
#include "common/mail/message_id.h"

#include <string.h>

#define ID_TIME_DIGITS 11
static const char id_digit[33] = "0123456789abcdefghjkmnpqrstvwxyz";

static int
id_value(char c)
{
	const char *at = c != '\0' ? strchr(id_digit, c) : NULL;

	return at != NULL ? (int)(at - id_digit) : -1;
}

void
message_id_make(char *id, int64_t wall_us, uint32_t chance)
{
	uint64_t t = (uint64_t)wall_us;

	for (int i = ID_TIME_DIGITS - 1; i >= 0; i--, t >>= 5)
		id[i] = id_digit[t & 31];
	for (int i = MESSAGE_ID_LEN - 1; i >= ID_TIME_DIGITS; i--, chance >>= 5)
		id[i] = id_digit[chance & 31];
	id[MESSAGE_ID_LEN] = '\0';
}

bool
message_id_is_valid(const char *id)
{
	for (size_t i = 0; i < MESSAGE_ID_LEN; i++)
		if (id_value(id[i]) == -1)
			return false;
	return id[MESSAGE_ID_LEN] == '\0';
}

int64_t
message_id_time_us(const char *id)
{
	uint64_t t = 0;

	for (size_t i = 0; i < ID_TIME_DIGITS; i++)
		t = t << 5 | (uint64_t)(id_value(id[i]) & 31);
	return (int64_t)t;
}
