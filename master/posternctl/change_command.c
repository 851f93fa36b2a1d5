/*
 * change_command - get, set and unset: asks the service, which does the work on behalf of this user; without
 * a service does the same on the files, as the user who called it
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  with and without a service a change is made, judged and written by the same code
 * Fails by: an exit status and a line on the standard error output
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/base/log_file.h"
#include "common/base/mem.h"
#include "common/change/change_event.h"
#include "common/change/change_file.h"
#include "common/change/change_words.h"
#include "common/config/config_get.h"
#include "master/posternctl/posternctl.h"

#define GET_MAX (16U << 20)

/* The words as the service takes them: the name, or "-", comes first. */
struct change_line {
	const char *word[CONTROL_WORDS_MAX];
	size_t count;
};

static bool
is_server_name(const char *word)
{
	return word[0] != '-' && strpbrk(word, ".=") == NULL;
}

/* False: an option is unknown, or there are too many words. */
static bool
take_words(struct change_line *l, const char *const *words, size_t count, struct buf *why)
{
	l->word[0] = "-";
	l->count = 1;
	for (size_t i = 0; i < count; i++) {
		if (l->count == CONTROL_WORDS_MAX - 1) {
			buf_printf(why, "more than %d words", CONTROL_WORDS_MAX - 2);
			return false;
		}
		if (strcmp(words[i], "--dry-run") == 0)
			l->word[l->count++] = CHANGE_WORDS_DRY_RUN;
		else if (words[i][0] == '-') {
			buf_printf(why, "there is no option %.60s; there is --dry-run", words[i]);
			return false;
		} else if (l->word[0][0] == '-' && is_server_name(words[i]) &&
		    (i == 0 || words[i - 1][0] == '-'))
			l->word[0] = words[i];
		else
			l->word[l->count++] = words[i];
	}
	return true;
}

static const char *
server_of(const struct change_line *l)
{
	return strcmp(l->word[0], "-") != 0 ? l->word[0] : NULL;
}

/* --- get --- */

static void
print_cell(const char *cell, size_t len, int width)
{
	printf("%-*.*s", width, (int)len, cell);
}

/* Columns as wide as what is in them, within limits. The origin stands last. */
static void
print_rows(const char *text)
{
	size_t width[3] = { 4, 6, 8 };

	for (const char *at = text; *at != '\0'; at += strcspn(at, "\n"), at += *at != '\0')
		for (size_t i = 0, begin = 0; i < 3 && at[0] != '!'; i++) {
			size_t len = strcspn(at + begin, "\t\n");

			width[i] = len > width[i] && len <= 40 ? len : width[i];
			begin += len + (at[begin + len] == '\t');
		}
	for (const char *at = text; *at != '\0'; at += *at != '\0') {
		if (*at == '!') {
			size_t len = strcspn(at, "\n");

			fprintf(stderr, "posternctl: %.*s\n", (int)len - 1, at + 1);
			at += len;
			continue;
		}
		for (size_t i = 0; *at != '\n' && *at != '\0'; i++) {
			size_t len = strcspn(at, "\t\n");

			print_cell(at, len, i < 3 ? (int)width[i] + 2 : 0);
			at += len + (at[len] == '\t');
		}
		putchar('\n');
	}
}

static int
get_here(const struct command_context *c, const struct change_line *l, struct buf *out)
{
	struct config_faults faults;
	struct config *config = config_read(command_send_config(c), &faults);
	const struct config_server *s = config != NULL && server_of(l) != NULL ?
	    config_server_by_name(config, server_of(l)) : NULL;
	int status = EX_OK;

	if (config == NULL || (server_of(l) != NULL && s == NULL)) {
		config_faults_print(&faults, stderr);
		status = config == NULL ? EX_CONFIG : server_set_refuse(SERVER_SET_NO_MATCH, server_of(l),
		    "is no virtual server, or its file has errors");
	}
	for (size_t i = 1; i < l->count && status == EX_OK; i++) {
		struct change_place place;
		struct buf why = BUF_INIT(1000);

		if (change_place_parse(&place, l->word[i], strlen(l->word[i]), s != NULL, false,
		    &why) == -1) {
			buf_printf(out, "!%s\n", buf_text(&why));
			status = EX_USAGE;
		} else {
			const struct config_place p = change_place_config(&place);

			if (!config_get_one(out, config, s, &p)) {
				buf_printf(out, "!there is no such section: %s\n", l->word[i]);
				status = SERVER_SET_NO_MATCH;
			}
			change_place_done(&place);
		}
		buf_done(&why);
	}
	if (l->count == 1 && status == EX_OK)
		config_get_all(out, config, s);
	config_free(config);
	config_faults_done(&faults);
	return status;
}

int
change_command_get(const struct command_context *c, const struct command *row, const char *const *words,
    size_t count)
{
	struct change_line l;
	struct buf out = BUF_INIT(GET_MAX), why = BUF_INIT(COMPLAINT_MAX);
	int status;

	if (!take_words(&l, words, count, &why) || change_words_is_dry_run(l.word, l.count)) {
		status = usage_misused(row, &why);
		buf_done(&why);
		return status;
	}
	buf_done(&why);
	status = command_send_for(c, row->asks, l.word, l.count, &out);
	if (status == CONTROL_CLIENT_NO_SERVICE)
		status = get_here(c, &l, &out);
	if (status == CONTROL_CLIENT_CUT)
		status = command_send_no_answer(status);
	else if (status == EX_NOPERM)
		fputs(buf_text(&out), stderr);
	else
		print_rows(buf_text(&out));
	buf_done(&out);
	return status;
}

/* --- set and unset without a service --- */

/* Where the service would write its events, if it can be done. */
static void
log_change(const struct change *c, const struct config_service *s, const char *author, const char *command)
{
	enum log_sink sink = config_service_log_sink(s, false);
	char why[400];
	int fd = -1;

	if (sink == LOG_TO_STDERR || (sink == LOG_TO_SYSLOG && !log_syslog_listens()))
		return;
	if (sink == LOG_TO_FILE)
		fd = log_file_open(s->events, (uid_t)-1, (gid_t)-1, why, sizeof(why));
	if (sink == LOG_TO_FILE && fd == -1)
		return;
	log_move(sink, fd);
	change_event_log(c, author, command, "ok");
	log_move(LOG_TO_STDERR, STDERR_FILENO);
	if (fd != -1)
		close(fd);
}

static void
print_change(const struct change *c)
{
	printf("%s\n%s", c->path, buf_text(&c->diff));
	fflush(stdout);
}

static int
make_change(struct change *c, const struct config_service *s, const char *command,
    const struct change_line *l)
{
	bool dry = change_words_is_dry_run(l->word, l->count);
	char author[32];
	int status = change_words_make(c, command, l->word + 1, l->count - 1);

	if (status == EX_OK)
		status = change_judge(c, check_paths_files);
	if (status != EX_OK)
		return status;
	if (change_is_none(c)) {
		printf("all of this is so already\n");
		return EX_OK;
	}
	print_change(c);
	fputs(buf_text(&c->why), stderr);
	buf_clear(&c->why);
	if (!dry)
		status = change_file_write(c);
	if (status == EX_OK && !dry) {
		snprintf(author, sizeof(author), "uid=%u", (unsigned)getuid());
		log_change(c, s, author, command);
	}
	if (status == EX_OK)
		printf("%s\n", dry ? "this is what would change; nothing was written" :
		    "the service is not running");
	return status;
}

/* As the service does it, by the files. */
static int
change_here(const struct command_context *context, const char *command, const struct change_line *l)
{
	struct config_faults faults;
	struct config *config = config_read(command_send_config(context), &faults);
	struct change c = { 0 };
	struct buf why = BUF_INIT(1000);
	int status, lock = -1;

	if (config == NULL)
		fprintf(stderr, "posternctl: %s has errors: the state folder of the service is not known; "
		    "mend that file first (posternctl check)\n", command_send_config(context));
	else
		lock = change_file_lock(config->service.state, &why);
	if (lock == -1) {
		fputs(buf_text(&why), stderr);
		status = config == NULL ? EX_CONFIG : 1;
	} else {
		status = change_open(&c, command_send_config(context), server_of(l));
		if (status == EX_OK)
			status = make_change(&c, &config->service, command, l);
		fputs(buf_text(&c.why), stderr);
		change_done(&c);
		close(lock);
	}
	buf_done(&why);
	config_free(config);
	config_faults_done(&faults);
	return status;
}

int
change_command_run(const struct command_context *c, const struct command *row, const char *const *words,
    size_t count)
{
	struct change_line l;
	struct buf why = BUF_INIT(COMPLAINT_MAX);
	int status = EX_OK;

	if (!take_words(&l, words, count, &why))
		status = usage_misused(row, &why);
	buf_done(&why);
	if (status != EX_OK)
		return status;
	status = command_send_words(c, row->asks, l.word, l.count);
	if (status == CONTROL_CLIENT_NO_SERVICE && c->socket_path != NULL && c->config_path == NULL)
		return command_send_no_answer(status);
	if (status == CONTROL_CLIENT_NO_SERVICE)
		return change_here(c, row->asks, &l);
	return status == CONTROL_CLIENT_CUT ? command_send_no_answer(status) : status;
}
