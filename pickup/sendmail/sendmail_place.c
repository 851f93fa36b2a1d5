/*
 * sendmail_place - which virtual server takes the mail of this command
 *
 * Runs in:  sendmail
 * Owns:     nothing; the configuration is the caller's
 * Promise:  the service is not asked, so mail is taken while it is stopped, too
 * Fails by: EX_CONFIG, EX_NOPERM, with words
 */
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/config/config.h"
#include "pickup/sendmail/sendmail.h"

static const struct config_server *
choose(const struct config *c)
{
	const struct config_server *s = config_server_by_name(c, c->service.sendmail);

	return s == NULL && c->servers == 1 && c->nserver == 1 ? &c->server[0] : s;
}

int
sendmail_place_find(const char *path, struct config **config, const struct config_server **server)
{
	struct config_faults faults = { 0 };
	const char *name;

	if (path == NULL)
		path = POSTERN_SYSCONFDIR "/postern/postern.ini";
	*config = NULL;
	if (access(path, F_OK) == -1)
		return sendmail_say(EX_CONFIG, "%s is not there: Postern is not installed, or not whole",
		    path);
	*config = config_read(path, &faults);
	config_faults_done(&faults);
	if (*config == NULL)
		return sendmail_say(EX_CONFIG, "%s cannot be read: see posternctl check", path);
	*server = choose(*config);
	name = (*config)->service.sendmail;
	if (*server == NULL)
		return sendmail_say(EX_CONFIG,
		    "there is no virtual server %s without errors: see posternctl check, and the key "
		    "sendmail of [service] in %s", name, path);
	return EX_OK;
}
