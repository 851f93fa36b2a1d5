/*
 * refresh_store - the latest refresh token of each profile, in STATE/oauth/NAME over restarts
 *
 * Runs in:  master; for the fetch helper, which may write no file. Syncs on the loop, a small file a renewal
 * Owns:     the files of that folder; only the master can read them, and opens them for the fetch helper
 * Promise:  a file is the new one or the old one as a whole. Only profiles of the configuration have one. The
 *           token itself is not read
 * Fails by: an errno in the answer; the helper asks again later
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/msg/msg_token.h"
#include "master/processes/processes.h"

/* 0, or -1 and errno. */
static int
write_token(const struct config_service *s, const struct config_oauth *o, const struct msg_token_keep *k)
{
	char *folder = mem_printf("%s/oauth", s->state), *part = mem_printf("%s/.%s.part", folder, o->name);
	int result = make_folder_make(folder, 0700, (uid_t)-1, (gid_t)-1);
	int saved;

	if (result == 0)
		result = disk_replace(part, o->kept_file, 0600, k->text, k->len);
	if (result == 0)
		result = disk_sync_folder_at(folder);
	saved = errno;
	free(folder);
	free(part);
	errno = saved;
	return result;
}

void
refresh_store_token(struct child *c, const struct ctl_message *m)
{
	static struct msg_token_keep k;
	const struct config *config = c->m->snapshot->config;
	struct msg_token_kept answer = { .error = EPERM };
	const struct config_oauth *o;

	if (c->role != ROLE_FETCH || !msg_token_keep_take(&k, m->data, m->len)) {
		child_kill(c, "it sent a malformed message");
		return;
	}
	o = config_oauth_find(config, k.profile);
	snprintf(answer.profile, sizeof(answer.profile), "%s", k.profile);
	if (o != NULL && o->flow == CONFIG_FLOW_REFRESH)
		answer.error = write_token(&config->service, o, &k) == 0 ? 0 : errno;
	explicit_bzero(&k, sizeof(k));
	child_send(c, CTL_TOKEN_KEPT, m->request, &answer, sizeof(answer), -1);
}
