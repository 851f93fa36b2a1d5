/*
 * boot_helper - what helpers have in common: they meet workers, and end
 *
 * Runs in:  metrics, web, auth, filter, limits, resolver, directory, fetch, pickup
 * Owns:     nothing
 * Promise:  a channel is for one role, which the master has said
 * Fails by: false
 */
#include <string.h>

#include "common/boot/boot.h"
#include "common/ipc/channel_rights.h"

bool
boot_helper_introduced(const struct ctl_message *m, struct ctl_channel *channel)
{
	memcpy(channel, m->data, sizeof(*channel));
	channel->server[sizeof(channel->server) - 1] = '\0';
	channel->role[sizeof(channel->role) - 1] = '\0';
	return m->fd != -1 && channel_rights_join(channel->role, (enum ctl_helper)channel->helper);
}

void
boot_helper_control(struct boot *b, const struct ctl_message *m)
{
	if (m->type == CTL_DRAIN || m->type == CTL_STOP)
		boot_end(b);
}
