/*
 * watch_command - posternctl watch: events as they come, a line of JSON each, and counters once a second
 *
 * Runs in:  posternctl
 * Owns:     its channel to the service, and the socket on which events come
 * Promise:  the service waits for no watcher: what this process does not read in time is lost, and the number
 *           is shown as event "lost"
 * Fails by: an exit status; it ends with the service
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/answers/answers.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/log_watch.h"
#include "common/base/mem.h"
#include "common/ipc/ctl.h"
#include "master/posternctl/events/events.h"

#define COUNTERS_MS 1000
#define COUNTERS_TEXT_MAX (1U << 20)

struct watch_command {
	const char *path, *server;
	const char *sender, *recipient, *id;
	unsigned topics;		/* bits; 0: all but counters */
	int control, events;
	uint64_t counters_at;		/* monotonic ms */
};

/* --- which events --- */

static const char *
member(const json_t *row, const char *name)
{
	return json_string_value(json_object_get(row, name));
}

static bool
is_wanted(const struct watch_command *w, const json_t *row)
{
	const char *event = member(row, "event"), *id = member(row, "id");

	if (event == NULL)
		return false;
	if (strcmp(event, "lost") == 0)
		return true;
	if (w->id != NULL && (id == NULL || strcmp(w->id, id) != 0))
		return false;
	if (!event_filter_fits(w->sender, row, "sender") ||
	    !event_filter_fits(w->recipient, row, "recipient"))
		return false;
	return w->topics == 0 || (answers_topic_bits(row) & w->topics) != 0;
}

/* `sender`: the process, as the kernel says. All have the same end of the socket, and one may lie. */
static void
show_event(const struct watch_command *w, char *line, pid_t sender)
{
	json_t *row = answers_new();
	char *text;

	if (answers_line_event(row, line) && is_wanted(w, row)) {
		if (json_integer_value(json_object_get(row, "pid")) != sender)
			json_object_set_new(row, "sent-by", json_integer(sender));
		json_object_set_new(row, "topics", answers_topic_list(row));
		text = answers_print_text(row);
		puts(text);
		free(text);
	}
	json_decref(row);
}

/* --- counters --- */

static void
show_counters(struct watch_command *w)
{
	const char *const words[] = { "counters", w->server };
	size_t count = w->server != NULL ? 2 : 1;
	struct buf text = BUF_INIT(COUNTERS_TEXT_MAX);
	char time[CLOCK_DATE_SIZE], *line;
	json_t *row;

	if (control_client_service(w->path, words, count, &text) == EX_OK) {
		row = answers_json(words, count, buf_text(&text));
		clock_format_utc(time, clock_wall_us());
		json_object_set_new(row, "event", json_string("counters"));
		json_object_set_new(row, "time", json_string(time));
		line = answers_print_text(row);
		puts(line);
		free(line);
		json_decref(row);
	}
	buf_done(&text);
	w->counters_at = clock_mono_ms() + COUNTERS_MS;
}

/* --- the loop --- */

/* From here on nothing is missed. */
static void
show_begin(const struct watch_command *w)
{
	char time[CLOCK_DATE_SIZE], *text;
	json_t *row = answers_new();

	clock_format_utc(time, clock_wall_us());
	json_object_set_new(row, "time", json_string(time));
	json_object_set_new(row, "event", json_string("watching"));
	json_object_set_new(row, "server", w->server != NULL ? json_string(w->server) : json_null());
	text = answers_print_text(row);
	puts(text);
	free(text);
	json_decref(row);
}

/* 0: go on; -1: the end, with its status. */
static int
take_control(struct watch_command *w, int *status)
{
	static char space[CTL_PAYLOAD_MAX];
	struct ctl_message m;
	int rc = ctl_recv_now(w->control, CTL_FROM_MASTER, &m, space, sizeof(space));
	int32_t end;

	if (rc != 1) {
		*status = CONTROL_CLIENT_CUT;
		return -1;
	}
	if (m.type == CTL_WATCH && m.fd != -1) {
		w->events = m.fd;
		show_begin(w);
		return 0;
	}
	if (m.fd != -1)
		close(m.fd);
	if (m.type == CTL_TEXT)
		fwrite(m.data, 1, m.len, stderr);
	if (m.type != CTL_END)
		return 0;
	memcpy(&end, m.data, sizeof(end));
	*status = end;
	return -1;
}

/* All that has come. False: there will be no more. */
static bool
take_events(const struct watch_command *w)
{
	char line[LOG_WATCH_LINE_MAX + 1];
	pid_t sender;
	ssize_t n;

	while ((n = log_watch_take(w->events, line, &sender)) > 0) {
		show_event(w, line, sender);
	}
	return n == -1 && (errno == EAGAIN || errno == EINTR);
}

static int
wait_ms(const struct watch_command *w)
{
	uint64_t now = clock_mono_ms();

	if ((w->topics & 1U << ANSWERS_TOPIC_COUNTERS) == 0 || w->events == -1)
		return -1;
	return w->counters_at > now ? (int)(w->counters_at - now) : 0;
}

static int
watch(struct watch_command *w)
{
	int status = EX_OK;

	for (;;) {
		struct pollfd p[2] = { { .fd = w->control, .events = POLLIN },
		    { .fd = w->events, .events = POLLIN } };
		int n = poll(p, nitems_of(p), wait_ms(w));

		if (n == -1 && errno != EINTR)
			return EX_OSERR;
		if (n > 0 && p[1].revents != 0 && !take_events(w)) {
			close(w->events);
			w->events = -1;
		}
		if (n > 0 && p[0].revents != 0 && take_control(w, &status) == -1)
			return status;
		if (wait_ms(w) == 0)
			show_counters(w);
		if (fflush(stdout) == EOF)
			return EX_IOERR;
	}
}

/* --- the command --- */

static const char *
topic_name(const void *arg, size_t i)
{
	return i < ANSWERS_TOPICS ? answers_topic_names[i] : NULL;
}

static bool
take_topics(struct watch_command *w, const char *list, struct buf *why)
{
	char *copy = mem_strdup(list), *rest = copy, *one;

	while ((one = strsep(&rest, ",")) != NULL && why->len == 0) {
		size_t i = 0;

		while (i < ANSWERS_TOPICS && strcmp(answers_topic_names[i], one) != 0)
			i++;
		if (i == ANSWERS_TOPICS)
			complaint_unknown(why, "topic", one, topic_name, NULL);
		else
			w->topics |= 1U << i;
	}
	free(copy);
	return why->len == 0;
}

static int
run(struct watch_command *w)
{
	const char *words[] = { "watch", w->server };
	int status;

	w->control = control_client_begin(w->path, words, w->server != NULL ? 2 : 1, &status);
	if (w->control == -1)
		return status;
	status = watch(w);
	if (w->events != -1)
		close(w->events);
	close(w->control);
	return status;
}

int
watch_command_run(const struct command_context *c, const struct command *row, const char *const *words,
    size_t count)
{
	struct watch_command w = { .control = -1, .events = -1 };
	struct buf why = BUF_INIT(COMPLAINT_MAX);
	const char *list = NULL;
	const struct option_row options[] = {
		{ "--topic", NULL, &list, "sessions, messages, state, operators, trouble, counters" },
		{ "--sender", NULL, &w.sender, "an address or @domain" },
		{ "--recipient", NULL, &w.recipient, "an address or @domain" },
		{ "--id", NULL, &w.id, "the id of a message" },
		{ NULL },
	};
	int status = options_take(row, words, count, options, &w.server, 1);
	char *path;

	if (status == EX_OK && list != NULL && !take_topics(&w, list, &why))
		status = usage_misused(row, &why);
	buf_done(&why);
	if (status != EX_OK)
		return status;
	path = command_send_socket(c);
	w.path = path;
	status = path != NULL ? run(&w) : EX_CONFIG;
	free(path);
	return status == CONTROL_CLIENT_NO_SERVICE || status == CONTROL_CLIENT_CUT ?
	    command_send_no_answer(status) : status;
}
