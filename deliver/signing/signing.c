/*
 * signing - signs one message: reads its content once, for the hash that all its signatures share
 *
 * Runs in:  deliver; the work on pool threads
 * Owns:     nothing of a job after `done`
 * Promise:  what was hashed is what is sent: the content with its long lines broken. The content is final
 *           here. Nothing before this place would do, as mail may wait for days, move to another virtual
 *           server, or go to drop folders only; nothing after it changes a byte. A message that is tried
 *           again is signed again, with the keys of that day: that costs less than to keep the fields
 * Fails by: the message is not signed, and why; what cannot be read is met again when it is sent
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/dkim/dkim_sign.h"
#include "common/mail/message.h"
#include "common/process/pool.h"
#include "common/spool/spool.h"
#include "deliver/signing/signing.h"
#include "deliver/smtp/smtp.h"

#define LANES 4			/* at a time: it is work of the processor alone */
#define BATCH 4
#define PIECE 65536U

struct signing {
	struct signing_keys *keys;
	struct pool_lane *lane;
};

/* One message at work, on a thread. */
struct signer {
	struct signing_job *job;
	struct buf header;		/* until its end was found */
	bool opened;			/* the rest is body */
	struct dkim_fields fields;
	const struct signing_key *key[DKIM_KEY_KINDS];
	size_t keys;
	struct dkim_sign_body *body;
};

/* The header is whole: which keys sign it. False: none. */
static bool
open_header(struct signer *w, bool whole)
{
	struct signing_job *j = w->job;

	w->opened = true;
	if (dkim_fields_take(&w->fields, w->header.data != NULL ? w->header.data : "", w->header.len, whole,
	    &j->why) == -1)
		return false;
	w->keys = signing_keys_find(j->set, w->fields.domain, j->now, w->key);
	if (w->keys == 0) {
		j->why = "there is no key of its domain for this day";
		j->keyless = true;
		return false;
	}
	w->body = dkim_sign_body_new();
	return true;
}

/* The first bytes that belong to the body, or `len`: the end of the header is not there yet. */
static size_t
take_header(struct signer *w, const char *data, size_t len)
{
	size_t before = w->header.len, from = before < 3 ? 0 : before - 3;
	const char *end;
	size_t used;

	buf_add(&w->header, data, len);
	if (!buf_ok(&w->header)) {
		w->opened = true;
		w->job->why = "its header is too large";
		return len;
	}
	end = memmem(w->header.data + from, w->header.len - from, "\r\n\r\n", 4);
	if (end == NULL)
		return len;
	used = (size_t)(end - w->header.data) + 4;
	w->header.len = used;
	open_header(w, false);
	return used - before;
}

static void
take_content(void *arg, const char *data, size_t len)
{
	struct signer *w = arg;

	if (!w->opened) {
		size_t n = take_header(w, data, len);

		data += n;
		len -= n;
	}
	if (w->body != NULL && len > 0)
		dkim_sign_body_add(w->body, data, len);
}

/* False: it is not signed, whatever follows. */
static bool
read_whole(struct signer *w, struct client_fold *fold)
{
	struct signing_job *j = w->job;
	char *piece = mem_array(NULL, PIECE, 1);
	off_t at = 0;

	while (j->why == NULL && at < j->e->content_size) {
		off_t left = j->e->content_size - at;
		size_t want = left > (off_t)PIECE ? PIECE : (size_t)left;
		ssize_t n = spool_read_content(j->e, j->fd, j->content, piece, want, at);

		if (n <= 0) {
			j->why = "it cannot be read";
			break;
		}
		if ((j->e->flags & MESSAGE_BINARY) != 0)
			take_content(w, piece, (size_t)n);
		else
			client_fold_add(fold, piece, (size_t)n);
		at += n;
	}
	free(piece);
	if (j->why == NULL)
		client_fold_end(fold);
	j->folded = fold->added;
	return j->why == NULL && (w->opened || open_header(w, true));
}

static void
make_fields(struct signer *w)
{
	struct signing_job *j = w->job;
	uint8_t hash[DKIM_KEY_HASH];
	int rc = dkim_sign_body_end(w->body, hash);

	w->body = NULL;
	for (size_t i = 0; i < w->keys && rc == 0; i++) {
		const struct signing_key *k = w->key[i];

		rc = dkim_sign_field(&j->fields, &w->fields, hash, &(struct dkim_sign){ .key = &k->key,
		    .domain = k->place.domain, .selector = k->place.selector, .time = j->now });
		strcpy(j->domain, k->place.domain);
	}
	if (rc == 0)
		return;
	buf_done(&j->fields);
	j->why = "OpenSSL cannot sign it";
}

static void
sign(struct signing_job *j)
{
	struct signer *w = mem_new(struct signer);
	struct client_fold *fold = mem_new(struct client_fold);
	uint8_t unused[DKIM_KEY_HASH];

	w->job = j;
	w->header = BUF_INIT(DKIM_FIELDS_HEADER_MAX);
	fold->emit = take_content;
	fold->arg = w;
	if (read_whole(w, fold))
		make_fields(w);
	if (w->body != NULL)
		(void)!dkim_sign_body_end(w->body, unused);
	if (j->fields.len == 0)
		j->folded = 0;
	dkim_fields_done(&w->fields);
	buf_done(&w->header);
	free(fold);
	free(w);
}

static void
run_jobs(void *arg, void **jobs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sign(jobs[i]);
}

static void
on_signed(void *arg, void *job)
{
	struct signing_job *j = job;

	signing_keys_leave(j->set);
	j->set = NULL;
	j->done(j->arg, j);
}

struct signing *
signing_new(struct pool *pool, struct signing_keys *keys)
{
	struct signing *s;

	if (keys == NULL)
		return NULL;
	s = mem_new(struct signing);
	s->keys = keys;
	s->lane = pool_lane_new(pool, LANES, BATCH, run_jobs, on_signed, s);
	return s;
}

void
signing_free(struct signing *s)
{
	free(s);
}

void
signing_submit(struct signing *s, struct signing_job *j)
{
	j->fields = BUF_INIT(SIGNING_MAX);
	j->now = clock_wall_us() / 1000000;
	j->set = signing_keys_use(s->keys);
	pool_submit(s->lane, j);
}

void
signing_job_done(struct signing_job *j)
{
	signing_keys_leave(j->set);
	buf_done(&j->fields);
}
