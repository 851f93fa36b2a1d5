/*
 * change_local - what the service does for change_command, while no service runs: on the files, as the user
 * who called it
 *
 * Runs in:  posternctl
 * Owns:     the lock of changes, as long as a change takes
 * Promise:  a change is made, judged and written by the code that the service has for it; the judge also
 *           opens the files that are named, as posternctl check does
 * Fails by: an exit status, and words in the answer
 */
#include <bsd/stdlib.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/log_file.h"
#include "common/base/mem.h"
#include "common/change/change_create.h"
#include "common/change/change_event.h"
#include "common/change/change_file.h"
#include "common/change/change_history.h"
#include "common/change/change_move.h"
#include "common/change/change_records.h"
#include "common/change/change_servers.h"
#include "common/change/change_undo.h"
#include "common/change/change_words.h"
#include "common/config/server_name.h"
#include "common/edit/config_get.h"
#include "master/posternctl/change/change.h"
#include "master/posternctl/check/check.h"

struct change_local {
	const char *config_path;
	const struct change_line *line;
	struct config *config;
	struct change change;
	struct buf *text;
};

static const char *
server_of(const struct change_line *l)
{
	return strcmp(l->word[0], "-") != 0 ? l->word[0] : NULL;
}

/* --- what shows --- */

static int
get_keys(struct change_local *x, const struct config_server *s)
{
	const struct change_line *l = x->line;
	int status = EX_OK;

	for (size_t i = 1; i < l->count && status == EX_OK; i++) {
		struct change_place place;
		struct config_place p;
		struct buf why = BUF_INIT(1000);

		if (change_place_parse(&place, l->word[i], strlen(l->word[i]), s != NULL, false, &why) == 0) {
			p = change_place_config(&place);
			if (!config_get_one(x->text, x->config, s, &p)) {
				buf_printf(x->text, "!there is no such section: %s\n", l->word[i]);
				status = SERVER_SET_NO_MATCH;
			}
			change_place_done(&place);
		} else {
			buf_printf(x->text, "!%s\n", buf_text(&why));
			status = EX_USAGE;
		}
		buf_done(&why);
	}
	if (l->count == 1)
		config_get_all(x->text, x->config, s);
	return status;
}

struct listing { struct buf *text; size_t most; };

static bool
put_record(void *arg, struct change_record *r)
{
	struct listing *listing = arg;

	change_history_put(listing->text, r);
	return --listing->most > 0;
}

static int
get_history(struct change_local *x)
{
	struct listing listing = { x->text, CHANGE_HISTORY_MAX };
	const char *why = NULL;

	if (x->line->count > 1)
		listing.most = (size_t)strtonum(x->line->word[1], 1, CHANGE_HISTORY_MAX, &why);
	if (why != NULL) {
		buf_printf(x->text, "!say how many changes: 1 to %u\n", CHANGE_HISTORY_MAX);
		return EX_USAGE;
	}
	change_history_each(x->config->service.state, server_of(x->line), put_record, &listing);
	return EX_OK;
}

/* EX_OK, or the status; CONTROL_CLIENT_NO_SERVICE: the command shows nothing. */
static int
look(struct change_local *x)
{
	const struct change_line *l = x->line;
	const struct config_server *s = server_of(l) != NULL ?
	    config_server_by_name(x->config, server_of(l)) : NULL;
	bool domains = strcmp(l->command, "domain") == 0 && l->count > 1 && strcmp(l->word[1], "list") == 0;

	if (strcmp(l->command, "history") == 0)
		return get_history(x);
	if (strcmp(l->command, "get") != 0 && !domains)
		return CONTROL_CLIENT_NO_SERVICE;
	if (server_of(l) != NULL && s == NULL) {
		buf_printf(x->text, "!there is no virtual server %s, or its file has errors\n", server_of(l));
		return SERVER_SET_NO_MATCH;
	}
	if (!domains)
		return get_keys(x, s);
	config_get_domains(x->text, s);
	return EX_OK;
}

/* --- what changes --- */

/* Where the service would write its events, if it can be done. */
static void
log_change(const struct change_local *x, const char *author)
{
	const struct config_service *s = &x->config->service;
	enum log_sink sink = config_service_log_sink(s, false);
	char why[400];
	int fd = -1;

	if (sink == LOG_TO_STDERR || sink == LOG_TO_JSON || (sink == LOG_TO_SYSLOG && !log_syslog_listens()))
		return;
	if (sink == LOG_TO_FILE)
		fd = log_file_open(s->events, (uid_t)-1, (gid_t)-1, why, sizeof(why));
	if (sink == LOG_TO_FILE && fd == -1)
		return;
	log_move(sink, fd);
	change_event_log(&x->change, author, x->line->command, "ok");
	log_move(LOG_TO_STDERR, STDERR_FILENO);
	if (fd != -1)
		close(fd);
}

static int
make_undo(struct change_local *x)
{
	const struct change_line *l = x->line;
	struct change_record r;
	const char *why = NULL;
	unsigned number = 0;
	int status;

	for (size_t i = 1; i < l->count && why == NULL; i++)
		if (strcmp(l->word[i], CHANGE_WORDS_DRY_RUN) != 0)
			number = (unsigned)strtonum(l->word[i], 1, INT32_MAX, &why);
	if (why != NULL || !change_history_read(&r, x->config->service.state, number)) {
		buf_puts(x->text, "there is no such change: see posternctl history\n");
		return SERVER_SET_NO_MATCH;
	}
	if (change_servers_is_record(&r)) {
		status = change_servers_undo(&x->change, x->config_path, x->config, &r);
	} else if (r.gone) {
		buf_printf(x->text, "there is no virtual server %s any more\n", r.server);
		status = SERVER_SET_NO_MATCH;
	} else if ((status = change_open(&x->change, x->config_path, r.server)) == EX_OK) {
		status = change_undo_make(&x->change, &r);
	}
	change_history_done(&r);
	return status;
}

static int
make_change(struct change_local *x)
{
	const struct change_line *l = x->line;
	int status;

	if (strcmp(l->command, "create") == 0)
		return change_create_make(&x->change, x->config_path, x->config, l->word + 1, l->count - 1);
	if (strcmp(l->command, "undo") == 0)
		return make_undo(x);
	if (change_servers_is_command(l->command))
		return change_servers_make(&x->change, x->config_path, x->config, l->command, l->word[0],
		    l->word + 1, l->count - 1);
	if (server_of(l) != NULL && !server_name_is_good(server_of(l))) {
		buf_printf(x->text, "there is no virtual server %s\n", server_of(l));
		return SERVER_SET_NO_MATCH;
	}
	status = change_open(&x->change, x->config_path, server_of(l));
	return status == EX_OK ? change_words_make(&x->change, l->command, l->word + 1, l->count - 1) :
	    status == EX_NOINPUT ? SERVER_SET_NO_MATCH : status;
}

/* What is on disk, and in the history: *number, 0: it is not there. */
static int
write_files(struct change_local *x, const char *author, unsigned *number)
{
	const char *state = x->config->service.state, *command = x->line->command;
	struct change *c = &x->change;
	int status;

	if (c->gone != NULL)
		return change_move_run(c, state, author, command, number);
	if (c->kept != NULL && change_servers_recall(c, state) == -1) {
		buf_printf(&c->why, "%s: %s\n", state, strerror(errno));
		return EX_IOERR;
	}
	status = change_file_write(c);
	if (status == EX_OK && c->kept != NULL)
		change_file_drop_kept(c);
	*number = status == EX_OK ? change_history_add(state, c, author, command) : 0;
	return status;
}

static int
write_change(struct change_local *x)
{
	const char *state = x->config->service.state;
	char author[32];
	unsigned number;
	int status;

	snprintf(author, sizeof(author), "uid=%u", (unsigned)getuid());
	status = write_files(x, author, &number);
	if (status != EX_OK)
		return status;
	if (number == 0)
		buf_printf(x->text, "%s/changes: %s: this change is not in the history\n", state,
		    strerror(errno));
	log_change(x, author);
	if (x->change.gone != NULL)
		change_servers_say(&x->change, x->config, x->text);
	else if (x->change.old == NULL)
		buf_printf(x->text, "%s %s: %s\n", x->change.server,
		    x->change.kept != NULL ? "is there again" : "has been made", x->change.path);
	if (number != 0)
		buf_printf(x->text, "this is change %u\n", number);
	buf_puts(x->text, "the service is not running\n");
	return EX_OK;
}

static int
change(struct change_local *x)
{
	bool dry = change_words_is_dry_run(x->line->word, x->line->count);
	int status = make_change(x);

	if (status == EX_OK)
		status = change_judge(&x->change, check_paths_files);
	if (status == EX_OK && x->change.old == NULL)
		status = change_create_judge(&x->change);
	if (status == EX_OK && change_is_none(&x->change)) {
		buf_puts(x->text, "all of this is so already\n");
		return EX_OK;
	}
	if (status == EX_OK && (x->change.old != NULL || dry))
		buf_printf(x->text, "%s%s%s", x->change.gone == NULL ? x->change.path : "",
		    x->change.gone == NULL ? "\n" : "", buf_text(&x->change.diff));
	buf_add(x->text, buf_text(&x->change.why), x->change.why.len);
	buf_clear(&x->change.why);
	if (status == EX_OK && dry) {
		buf_puts(x->text, "this is what would change; nothing was written\n");
		return EX_OK;
	}
	if (status == EX_OK)
		status = write_change(x);
	buf_add(x->text, buf_text(&x->change.why), x->change.why.len);
	return status;
}

/* A rename that was interrupted comes first: files have other names then. False: the set cannot be read. */
static bool
finish_earlier(struct change_local *x)
{
	struct config_faults faults;

	if (change_move_finish(x->config->service.state, x->text) != 1)
		return true;
	config_free(x->config);
	x->config = config_read(x->config_path, &faults);
	config_faults_done(&faults);
	return x->config != NULL;
}

int
change_local_run(const char *config_path, const struct change_line *line, struct buf *text)
{
	struct change_local x = { .config_path = config_path, .line = line, .text = text };
	struct config_faults faults;
	int status, lock;

	x.config = config_read(config_path, &faults);
	if (x.config == NULL) {
		config_faults_print(&faults, stderr);
		status = EX_CONFIG;
	} else if ((status = look(&x)) == CONTROL_CLIENT_NO_SERVICE) {
		lock = change_file_lock(x.config->service.state, text);
		status = lock == -1 ? 1 : finish_earlier(&x) ? change(&x) : EX_CONFIG;
		change_done(&x.change);
		if (lock != -1)
			close(lock);
	}
	config_free(x.config);
	config_faults_done(&faults);
	return status;
}
