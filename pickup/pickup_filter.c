/*
 * pickup_filter - what mail filters say of a file: its content goes into a scratch file without our trace
 * field, its envelope and content are shown to them, and what they made of it is read again
 *
 * Runs in:  pickup; on its loop, files are touched on pool threads
 * Owns:     the scratch file and the session with the filter helper of each file
 * Promise:  as in listener/connection/inbound_filtered: what the helper says is checked. A file that is to
 *           wait keeps its place for AGAIN_MS, so that others are taken meanwhile
 * Fails by: PICKUP_FILTER_FAILED, with errno in the file; an answer that cannot be applied counts as a
 *           try, as other troubles of one file do
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/param.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/helpers/filter_client.h"
#include "common/mail/address.h"
#include "common/mail/data.h"
#include "common/mail/envelope_change.h"
#include "common/mail/header.h"
#include "common/mail/refused_words.h"
#include "pickup/pickup_private.h"

enum { AGAIN_MS = 30000 };

enum part { PART_HEADER, PART_BODY, PARTS };

struct pickup_filter {
	struct pickup_filters *of;
	struct filter_client *client;
	struct pickup_file *file;
	struct pickup_filter *next;	/* of those that wait */
	int fd;				/* of the scratch file; -1 */
	uint64_t size;			/* of the content in it */
	struct buf trace;		/* our own field, which comes on top again */
	enum msg_filter_stage stage;
	size_t rcpt;			/* the next one to be shown */
	struct msg_filter_answer said;
	struct msg_filter_extent extent[PARTS];
	enum part part;
	uint64_t at;			/* in that part */
	uint64_t most;			/* bytes that the filters may make of it */
	struct data check;		/* of what the filters made of it */
	bool begun;			/* the first piece was read */
};

struct pickup_filters {
	struct pickup *p;
	struct ctl_client *client;
	struct pool_lane *write, *apply;
	enum msg_filter_verdict lost;
	void (*judged)(struct pickup_file *t, enum pickup_filter_end end);
	struct loop_timer *again;
	struct pickup_filter *waiting;
};

/* --- on pool threads --- */

/* The first field is ours. */
static bool
write_content(struct pickup_filter *f, struct pickup_file *t)
{
	struct header_field field;
	size_t skip = 0;

	f->fd = spool_draft_scratch(t->queue);
	if (f->fd == -1)
		return false;
	(void)!header_next(t->content.data, t->content.len, &skip, &field);
	buf_add(&f->trace, t->content.data, skip);
	for (;;) {
		if (disk_write(f->fd, t->content.data + skip, t->content.len - skip) == -1)
			return false;
		f->size += t->content.len - skip;
		skip = 0;
		if (t->at_end)
			return true;
		pickup_file_piece(t);
		if (t->error != 0)
			return true;
	}
}

static void
run_write(void *arg, void **jobs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct pickup_file *t = jobs[i];

		t->doing = "filter";
		if (!write_content(t->filter, t))
			t->error = errno;
	}
}

static bool
extents_fit(const struct pickup_filter *f)
{
	struct stat st;

	return fstat(f->fd, &st) == 0 && msg_filter_content_fits(&f->said, (uint64_t)st.st_size, f->most);
}

/* What filters have added may be 8-bit, too. 0 or errno. */
static int
scan_extent(const struct pickup_filter *f, struct message_envelope *e, const struct msg_filter_extent *x)
{
	char *data = mem_array(NULL, PICKUP_FILE_PIECE, 1);
	int error = 0;

	for (uint64_t at = 0; error == 0 && at < x->size && !(e->flags & MESSAGE_8BIT);) {
		size_t want = (size_t)MIN(x->size - at, (uint64_t)PICKUP_FILE_PIECE);

		if (disk_pread(f->fd, data, want, (off_t)(x->at + at)) != (ssize_t)want)
			error = EIO;
		else if (data_has_eightbit(data, want))
			e->flags |= MESSAGE_8BIT;
		at += want;
	}
	free(data);
	return error;
}

/* 0 or errno. */
static int
apply_changes(struct pickup_filter *f, struct pickup_file *t)
{
	size_t len = (size_t)f->said.changes.size;
	char *text;
	int rc = 0;

	f->most = msg_filter_content_most(t->rules->server->max_message_size, f->size);
	if (!extents_fit(f))
		return EBADMSG;
	f->extent[PART_HEADER] = f->said.header;
	f->extent[PART_BODY] = f->said.body;
	for (size_t i = 0; (f->said.flags & FILTER_CHANGED_CONTENT) && rc == 0 && i < PARTS; i++)
		rc = scan_extent(f, &t->envelope, &f->extent[i]);
	if (len == 0 || rc != 0)
		return rc;
	text = mem_array(NULL, len, 1);
	rc = disk_pread(f->fd, text, len, (off_t)f->said.changes.at) == (ssize_t)len &&
	    envelope_change_apply(&t->envelope, text, len, t->rules->domain,
	    pickup_filter_is_held(f)) == 0 ? 0 : EBADMSG;
	free(text);
	return rc;
}

static void
run_apply(void *arg, void **jobs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct pickup_file *t = jobs[i];

		t->doing = "filter";
		t->error = apply_changes(t->filter, t);
	}
}

static void
add_content(void *arg, const char *run, size_t len)
{
	buf_add(&((struct pickup_file *)arg)->content, run, len);
}

/* A header that begins with what is no field would go on with ours. */
static void
begin_content(struct pickup_filter *f, struct pickup_file *t, const char *data, size_t len)
{
	size_t skip;

	f->begun = true;
	data_begin(&f->check, f->most, true);
	buf_add(&t->content, f->trace.data, f->trace.len);
	if (header_opening(data, len, true, &skip) != HEADER_FIELD)
		buf_puts(&t->content, "\r\n");
}

void
pickup_filter_piece(struct pickup_file *t)
{
	struct pickup_filter *f = t->filter;
	char *data = mem_array(NULL, PICKUP_FILE_PIECE, 1);
	size_t want;

	buf_clear(&t->content);
	while (f->part < PARTS && f->at == f->extent[f->part].size) {
		f->part++;
		f->at = 0;
	}
	want = f->part == PARTS ? 0 :
	    (size_t)MIN(f->extent[f->part].size - f->at, (uint64_t)PICKUP_FILE_PIECE);
	if (want > 0 &&
	    disk_pread(f->fd, data, want, (off_t)(f->extent[f->part].at + f->at)) != (ssize_t)want)
		t->error = EIO;
	if (!f->begun)
		begin_content(f, t, data, t->error == 0 ? want : 0);
	if (t->error == 0)
		data_take_raw(&f->check, data, want, false, add_content, t);
	f->at += want;
	t->at_end = f->part == PARTS;
	if (t->at_end)
		data_end_raw(&f->check, add_content, t);
	if (f->check.fault != DATA_FINE)
		t->error = EBADMSG;
	if (t->error != 0)
		t->doing = "filter";
	free(data);
}

/* --- what the filters are asked --- */

static void
ask(struct pickup_filter *f, const char *argument)
{
	struct msg_filter_ask *a = mem_new(struct msg_filter_ask);
	const char *connects[] = { "j", "v", "{daemon_name}", "{client_name}" };
	const char *values[] = { f->of->p->boot->server->fqdn, "Postern " POSTERN_VERSION,
	    f->of->p->boot->server->name, "localhost" };

	msg_filter_ask_begin(a, f->stage, FILTER_PICKUP);
	a->size = f->stage == FILTER_CONTENT ? f->size : 0;
	(void)!msg_filter_ask_add(a, argument);
	(void)!msg_filter_ask_add(a, "");
	for (size_t i = 0; f->stage == FILTER_CONNECT && i < nitems_of(values); i++)
		(void)!msg_filter_ask_add_macro(a, connects[i], values[i]);
	if (f->stage >= FILTER_MAIL)
		(void)!msg_filter_ask_add_macro(a, "i", f->file->id);
	filter_client_ask(f->client, a, f->stage == FILTER_CONTENT ? f->fd : -1);
	free(a);
}

static void
ask_address(struct pickup_filter *f, const char *address)
{
	char path[ADDRESS_MAX + 3];

	snprintf(path, sizeof(path), "<%s>", address);
	ask(f, path);
}

static void
ask_stage(struct pickup_filter *f)
{
	const struct message_envelope *e = &f->file->envelope;

	if (f->stage == FILTER_RCPT && f->rcpt == e->nrcpt)
		f->stage = FILTER_DATA;
	switch (f->stage) {
	case FILTER_CONNECT:
		ask(f, "localhost");
		break;
	case FILTER_HELO:
		ask(f, f->of->p->boot->server->fqdn);
		break;
	case FILTER_MAIL:
		ask_address(f, e->sender);
		break;
	case FILTER_RCPT:
		ask_address(f, e->rcpt[f->rcpt++].address);
		break;
	default:
		ask(f, "");
	}
}

/* --- verdicts --- */

static void
end_judging(struct pickup_filter *f, enum pickup_filter_end end)
{
	filter_client_close(f->client);
	f->client = NULL;
	f->of->judged(f->file, end);
}

static void
wait_a_while(struct pickup_filter *f)
{
	f->next = f->of->waiting;
	f->of->waiting = f;
	if (!loop_timer_is_set(f->of->again))
		loop_timer_set(f->of->again, AGAIN_MS);
}

static bool
is_refusal(const struct msg_filter_answer *a)
{
	return a->verdict == FILTER_REFUSE || (a->verdict == FILTER_REPLY && a->text[0] == '5');
}

/* The recipient that was shown last is refused for itself: false when no other one is left. */
static bool
refuse_recipient(struct pickup_filter *f)
{
	struct message_recipient *rcpt = f->file->envelope.rcpt, *r = &rcpt[f->rcpt - 1];
	size_t left = f->file->envelope.nrcpt;

	free(r->refused);
	r->refused = refused_words_of_filter(f->said.filter, f->said.text);
	for (size_t i = 0; i < f->file->envelope.nrcpt; i++)
		left -= rcpt[i].refused != NULL;
	return left > 0;
}

static void
on_verdict(void *arg, const struct msg_filter_answer *a)
{
	struct pickup_filter *f = arg;
	struct pickup_file *t = f->file;

	f->said = *a;
	if (f->stage == FILTER_RCPT && is_refusal(a) && !(a->flags & FILTER_TROUBLE) && refuse_recipient(f)) {
		ask_stage(f);
	} else if (a->verdict == FILTER_GO_ON && f->stage < FILTER_CONTENT) {
		if (f->stage != FILTER_RCPT)
			f->stage++;
		ask_stage(f);
	} else if (a->verdict == FILTER_GO_ON) {
		filter_client_close(f->client);
		f->client = NULL;
		pool_submit(f->of->apply, t);
	} else if (a->verdict == FILTER_DISCARD) {
		end_judging(f, PICKUP_FILTER_DISCARDED);
	} else if (is_refusal(a)) {
		end_judging(f, PICKUP_FILTER_REFUSED);
	} else {
		pickup_trouble_log(f->of->p, "filter", t->name, pickup_filter_words(f));
		filter_client_close(f->client);
		f->client = NULL;
		wait_a_while(f);
	}
}

static void
after_write(void *arg, void *job)
{
	struct pickup_file *t = job;
	struct pickup_filter *f = t->filter;

	if (t->error != 0) {
		end_judging(f, PICKUP_FILTER_FAILED);
		return;
	}
	f->client = filter_client_open(f->of->client, f->of->lost, on_verdict, f);
	ask_stage(f);
}

/* Others are not hindered by it. */
enum pickup_filter_end
pickup_filter_bad(struct pickup_file *t)
{
	struct pickup_filter *f = t->filter;

	pickup_trouble_log(f->of->p, t->doing, t->name, strerror(t->error));
	t->error = 0;
	if (judge_error(EBADMSG, &t->tries).answer != JUDGE_REFUSE)
		return PICKUP_FILTER_LATER;
	snprintf(f->said.filter, sizeof(f->said.filter), "filter helper");
	snprintf(f->said.text, sizeof(f->said.text), "what filters made of it cannot be taken");
	return PICKUP_FILTER_REFUSED;
}

static void
after_apply(void *arg, void *job)
{
	struct pickup_file *t = job;

	end_judging(t->filter, t->error == EBADMSG ? pickup_filter_bad(t) :
	    t->error != 0 ? PICKUP_FILTER_FAILED :
	    t->envelope.nrcpt == 0 ? PICKUP_FILTER_DISCARDED : PICKUP_FILTER_PASSED);
}

void
pickup_filter_list_hurry(struct pickup_filters *fs)
{
	struct pickup_filter *f;

	while (fs != NULL && (f = fs->waiting) != NULL) {
		fs->waiting = f->next;
		fs->judged(f->file, PICKUP_FILTER_LATER);
	}
}

static void
on_again(void *arg)
{
	pickup_filter_list_hurry(arg);
}

/* --- for pickup_flow --- */

void
pickup_filter_begin(struct pickup_filters *fs, struct pickup_file *t)
{
	struct pickup_filter *f = mem_new(struct pickup_filter);

	f->of = fs;
	f->file = t;
	f->fd = -1;
	f->stage = FILTER_CONNECT;
	buf_init(&f->trace, 4096);
	t->filter = f;
	pool_submit(fs->write, t);
}

bool
pickup_filter_is_held(const struct pickup_filter *f)
{
	return f != NULL && (f->said.flags & FILTER_HOLD) != 0;
}

const char *
pickup_filter_name(const struct pickup_filter *f)
{
	return f->said.filter;
}

const char *
pickup_filter_words(const struct pickup_filter *f)
{
	return f->said.text[0] != '\0' ? f->said.text : "a mail filter does not take it";
}

void
pickup_filter_free(struct pickup_filter *f)
{
	if (f == NULL)
		return;
	filter_client_close(f->client);
	if (f->fd != -1)
		close(f->fd);
	buf_done(&f->trace);
	free(f);
}

/* The strictest of what on-failure says; a file has no connection that could be closed. */
static enum msg_filter_verdict
verdict_of_lost(const struct config_server *server)
{
	for (size_t i = 0; i < server->nfilter; i++)
		if ((server->filter[i].sources & CONFIG_FILTER_PICKUP) &&
		    server->filter[i].on_failure != CONFIG_FILTER_ACCEPT)
			return FILTER_LATER;
	return FILTER_GO_ON;
}

static void
need_filter(void *arg)
{
	boot_need(arg, CTL_HELPER_FILTER);
}

struct pickup_filters *
pickup_filter_list_new(struct pickup *p, void (*judged)(struct pickup_file *t, enum pickup_filter_end end))
{
	struct pickup_filters *fs;

	if (!config_filter_is_used(p->boot->server, CONFIG_FILTER_PICKUP))
		return NULL;
	fs = mem_new(struct pickup_filters);
	fs->p = p;
	fs->client = filter_client_new(p->boot->loop, need_filter, p->boot);
	fs->write = pool_lane_new(p->pool, 1, 1, run_write, after_write, fs);
	fs->apply = pool_lane_new(p->pool, 1, 1, run_apply, after_apply, fs);
	fs->lost = verdict_of_lost(p->boot->server);
	fs->judged = judged;
	fs->again = loop_timer_new(p->boot->loop, on_again, fs);
	return fs;
}

void
pickup_filter_list_channel(struct pickup_filters *fs, int fd)
{
	ctl_client_channel(fs->client, fd);
}

void
pickup_filter_list_free(struct pickup_filters *fs)
{
	if (fs == NULL)
		return;
	ctl_client_free(fs->client);
	loop_timer_free(fs->again);
	free(fs);
}
