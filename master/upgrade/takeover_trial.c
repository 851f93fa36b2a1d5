/*
 * takeover_trial - looks at what would be taken over, for the service that runs: postern --try-take-over
 *
 * Runs in:  master; a process of its own, which has the rights and descriptors of the service
 * Owns:     nothing
 * Promise:  changes nothing. What is good here does not fail takeover, but for what changes in between
 * Fails by: an exit status, with a line for the operator
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/config/config.h"
#include "master/processes/processes.h"
#include "master/servers/servers.h"
#include "master/upgrade/upgrade.h"

struct trial {
	const struct config *config;
	const struct config_server *server;	/* of the latest line of one */
	bool first, runs;
	char why[1200];
};

static bool
refuse(struct trial *t, const char *what, const char *why)
{
	snprintf(t->why, sizeof(t->why), "%s%s%s", what, what[0] != '\0' ? ": " : "", why);
	return false;
}

static bool
judge_from(struct trial *t, const struct upgrade_line *line)
{
	t->first = true;
	if (line->number[0] >= CTL_VERSION_FIRST && line->number[0] <= UINT16_MAX)
		return true;
	snprintf(t->why, sizeof(t->why), "postern %s has version %u of the control messages, and the service "
	    "that runs (%.31s) has version %llu: they cannot work together; restart the service",
	    POSTERN_VERSION, ctl_version(), line->word[0], (unsigned long long)line->number[0]);
	return false;
}

static bool
judge_run(struct trial *t, const struct upgrade_line *line)
{
	return strcmp(line->word[0], t->config->service.run) == 0 ||
	    refuse(t, line->word[0], "the configuration names another run folder; restart the service");
}

/* What keeps it from taking over: a certificate that cannot be read. */
static bool
judge_server(struct trial *t, const struct upgrade_line *line)
{
	struct buf why = BUF_INIT(1024);
	bool good = true;

	t->runs = strcmp(line->word[0], state_name(STATE_STOPPED)) != 0;
	t->server = config_server_by_name(t->config, line->word[1]);
	if (t->server == NULL && t->runs)
		return refuse(t, line->word[1], "the configuration has no such virtual server; reload first");
	if (t->runs && file_handover_check(t->server, &why) == -1)
		good = refuse(t, line->word[1], buf_text(&why));
	buf_done(&why);
	return good;
}

static bool
judge_socket(struct trial *t, const struct upgrade_line *line)
{
	struct net_address a;
	const char *why = "";

	return net_address_parse(&a, line->word[1], 0, &why) == 0 || refuse(t, line->word[1], why);
}

static bool
judge_child(struct trial *t, const struct upgrade_line *line)
{
	enum role role = 0;

	while (role < ROLE_COUNT && strcmp(roster_roles[role].name, line->word[0]) != 0)
		role++;
	if (role == ROLE_COUNT)
		return refuse(t, line->word[0], "no process of that kind is known");
	return strcmp(line->word[2], "-") == 0 || config_server_by_name(t->config, line->word[2]) != NULL ||
	    refuse(t, line->word[2], "it has processes, and the configuration has no such virtual server");
}

static bool (*const judges[UPGRADE_KINDS])(struct trial *t, const struct upgrade_line *line) = {
	[UPGRADE_FROM] = judge_from, [UPGRADE_RUN] = judge_run, [UPGRADE_SERVER] = judge_server,
	[UPGRADE_SOCKET] = judge_socket, [UPGRADE_CHILD] = judge_child,
};

static bool
judge_line(struct trial *t, const struct upgrade_line *line)
{
	unsigned which = upgrade_text_descriptors(line);
	struct stat st;

	if (!t->first && line->kind != UPGRADE_FROM)
		return refuse(t, "", "the state does not say of which version it is");
	for (unsigned i = 0; i < UPGRADE_NUMBERS; i++)
		if ((which & 1U << i) != 0 && line->number[i] != UPGRADE_NONE &&
		    (line->number[i] > INT32_MAX || fstat((int)line->number[i], &st) == -1))
			return refuse(t, "", "a descriptor of the state is not there");
	return judges[line->kind] == NULL || judges[line->kind](t, line);
}

static bool
judge_state(struct trial *t, const char *at)
{
	static struct upgrade_line line;
	const char *why;
	int rc;

	while ((rc = upgrade_text_next(&at, &line, &why)) == 1)
		if (!judge_line(t, &line))
			return false;
	return rc == 0 || refuse(t, "the state cannot be used", why);
}

/* All programs are there. */
static bool
judge_programs(struct trial *t)
{
	char *folder = spawn_folder();
	bool good = true;

	for (enum role role = 0; role < ROLE_COUNT && good; role++) {
		const char *name = roster_roles[role].program;
		char *path = mem_printf("%s/postern-%s", folder,
		    name != NULL ? name : roster_roles[role].name);

		if (access(path, X_OK) == -1)
			good = refuse(t, path, "cannot be executed");
		free(path);
	}
	free(folder);
	return good;
}

static bool
has_errors(const struct config_faults *faults)
{
	for (size_t i = 0; i < faults->count; i++)
		if (!faults->fault[i].warning)
			return true;
	return false;
}

int
takeover_trial_run(const char *config_path, int fd)
{
	struct trial t = { .first = false };
	struct config_faults faults = { 0 };
	struct buf text = BUF_INIT(UPGRADE_TEXT_MAX + 1);
	struct config *config;
	const char *why;
	bool good = false;

	log_open("postern", "", LOG_TO_STDERR);
	if (!upgrade_state_config(&config, &faults))
		config = config_read(config_path, &faults);
	t.config = config;
	if (config == NULL && faults.count == 0)
		(void)refuse(&t, "", "the configuration that the service runs on cannot be read");
	else if (config == NULL || has_errors(&faults))
		config_faults_print(&faults, stdout);
	else if (upgrade_state_read(&text, fd, &why) == -1)
		(void)refuse(&t, "", why);
	else
		good = judge_state(&t, buf_text(&text)) && judge_programs(&t);
	if (t.why[0] != '\0')
		printf("%s\n", t.why);
	buf_done(&text);
	config_free(config);
	config_faults_done(&faults);
	return good ? EX_OK : EX_CONFIG;
}
