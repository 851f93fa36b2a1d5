/*
 * msg_move - messages between the owners of two queues, checked; pure
 *
 * Runs in:  deliver
 * Owns:     nothing
 * Promise:  an id that was taken is one
 * Fails by: false
 */
#include "common/msg/msg_move.h"

#include <string.h>

bool
msg_move_take_put(struct msg_move_put *p, const struct ctl_message *m)
{
	if (m->len != sizeof(*p) || m->fd == -1)
		return false;
	memcpy(p, m->data, sizeof(*p));
	return p->id[MESSAGE_ID_LEN] == '\0' && message_id_is_valid(p->id) && p->held <= 1;
}
