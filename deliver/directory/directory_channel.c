/*
 * directory_channel - what one worker asks the directory helper
 *
 * Runs in:  directory
 * Owns:     nothing: questions are directory_server's
 * Promise:  every question is answered with its request number; at most DIRECTORY_CHANNEL_QUESTIONS_MAX of
 *           one worker are open, a further one is told to come later. What a worker that is gone has asked is
 *           worked on to its end, and the answer dropped
 * Fails by: a malformed question ends this worker's channel only
 */
#include "common/base/mem.h"
#include "deliver/directory/directory.h"

#define DIRECTORY_CHANNEL_QUESTIONS_MAX 1000

static void
refuse_query(struct ctl_server *s, uint32_t request, const char *why)
{
	struct msg_directory a = { 0 };

	msg_directory_set(&a, DIRECTORY_TROUBLE, "4.4.3", "%s", why);
	msg_directory_send(s, request, &a);
}

static bool
on_directory_query(void *arg, struct ctl_server *s, const struct ctl_message *m)
{
	struct msg_directory_query query;
	struct directory_server_question *q;
	struct directory_server *r;

	if (m->type != CTL_DIRECTORY_ASK || !msg_directory_query_take(&query, m->data, m->len))
		return false;
	r = directory_server_find(arg, ctl_server_server(s));
	if (r == NULL || ctl_server_is_full(s)) {
		refuse_query(s, m->request, r == NULL ? "this virtual server has no directory" :
		    "too many questions at once");
		return true;
	}
	q = mem_new(struct directory_server_question);
	q->server = r;
	q->query = query;
	ctl_server_open(s, &q->open, m->request);
	directory_server_ask(r, q);
	return true;
}

const struct ctl_server_kind directory_channel = {
	.part = "directory",
	.questions_max = DIRECTORY_CHANNEL_QUESTIONS_MAX,
	.asked = on_directory_query,
};
