/*
 * directory_test - what the directory says about one recipient, in words for an operator
 *
 * Runs in:  directory, on the loop
 * Owns:     nothing
 * Promise:  one line and an exit status for each question
 * Fails by: EX_TEMPFAIL, with the reason
 */
#include <stdio.h>
#include <sysexits.h>

#include "common/base/mem.h"
#include "deliver/directory/directory.h"

#define LINE_MAX_BYTES 4000U
#define SHOWN_MAX 20U		/* items of a list */

static void
put_list(struct buf *out, const struct msg_directory *a)
{
	enum msg_directory_kind kind;
	const char *at = NULL, *text;
	uint32_t n = 0;

	buf_puts(out, "stands for ");
	while ((text = msg_directory_next(a, &at, &kind)) != NULL && n < SHOWN_MAX) {
		buf_printf(out, "%s%.250s%s", n > 0 ? ", " : "", text,
		    kind == DIRECTORY_FAULT ? " (gets no mail)" :
		    kind == DIRECTORY_ABSENT ? " (not in the directory)" :
		    kind == DIRECTORY_FINAL ? "" : " (cannot be looked up now)");
		n++;
	}
	if (a->count > n)
		buf_printf(out, ", and %u more", a->count - n);
}

static int
put_answer(struct buf *out, const struct msg_directory *a)
{
	switch (a->result) {
	case DIRECTORY_MAILBOX:
		buf_puts(out, "a mailbox");
		return EX_OK;
	case DIRECTORY_LIST:
		put_list(out, a);
		return EX_OK;
	case DIRECTORY_UNKNOWN:
	case DIRECTORY_REFUSED:
		buf_printf(out, "%s %s", a->status, a->text);
		return a->result == DIRECTORY_UNKNOWN ? EX_NOUSER : EX_DATAERR;
	case DIRECTORY_LATER:
	case DIRECTORY_TROUBLE:
		buf_puts(out, a->text);
		return EX_TEMPFAIL;
	}
	return EX_SOFTWARE;
}

void
directory_test_answer(struct directory *d, uint32_t request, const struct msg_directory *a)
{
	struct buf out = BUF_INIT(LINE_MAX_BYTES);
	int32_t status = put_answer(&out, a);

	if (buf_ok(&out) && out.len > 0)
		(void)!ctl_send(d->boot->master, CTL_TEST_TEXT, request, buf_text(&out), out.len, -1);
	(void)!ctl_send(d->boot->master, CTL_TEST_END, request, &status, sizeof(status), -1);
	buf_done(&out);
}

void
directory_test_begin(struct directory *d, const struct ctl_message *m)
{
	struct directory_server_question *q;
	struct msg_directory_test what;
	struct directory_server *r = NULL;
	struct msg_directory a = { 0 };

	if (msg_directory_test_take(&what, m->data, m->len))
		r = directory_server_find(d, what.server);
	if (r == NULL) {
		msg_directory_set(&a, DIRECTORY_TROUBLE, "4.4.3", "%s",
		    "this virtual server has no directory");
		directory_test_answer(d, m->request, &a);
		return;
	}
	q = mem_new(struct directory_server_question);
	q->server = r;
	q->test = true;
	q->test_request = m->request;
	q->query.want = DIRECTORY_WANT_WHOLE;
	snprintf(q->query.address, sizeof(q->query.address), "%s", what.address);
	directory_server_ask(r, q);
}
