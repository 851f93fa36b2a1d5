/*
 * https - one request and its answer: libcurl on our loop
 *
 * Runs in:  fetch
 * Owns:     libcurl's multi handle, its sockets' events and its timer; the jobs
 * Promise:  only https with a checked certificate: no redirect, no proxy, no cookie, no file on disk; at most
 *           BODY_MAX bytes of an answer; it ends within the request's time whatever the peer does
 * Fails by: a reply with its error in words, which are printable whoever said them
 */
#include "deliver/fetch/fetch.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>

#include "common/base/log.h"
#include "common/base/mem.h"

#define BODY_MAX 65536
#define CONNECT_MS 15000L

struct https {
	struct loop *loop;
	CURLM *multi;
	struct loop_timer *timer;
};

/* One of libcurl's sockets. */
struct wire {
	struct https *h;
	curl_socket_t fd;
	struct loop_io *io;
};

struct https_job {
	struct https *h;
	CURL *easy;
	struct curl_slist *headers, *resolve;
	struct buf body;
	char error[CURL_ERROR_SIZE];
	void (*done)(void *arg, const struct https_reply *r);
	void *arg;
};

/* --- libcurl asks the loop --- */

static void collect_finished(struct https *h);

static void
on_curl_io(void *arg, unsigned what)
{
	const struct wire *w = arg;
	struct https *h = w->h;
	int running, mask = (what & LOOP_READ ? CURL_CSELECT_IN : 0) |
	    (what & LOOP_WRITE ? CURL_CSELECT_OUT : 0);

	(void)curl_multi_socket_action(h->multi, w->fd, mask, &running);
	collect_finished(h);
}

static void
on_curl_timer(void *arg)
{
	struct https *h = arg;
	int running;

	(void)curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	collect_finished(h);
}

static int
want_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
	struct https *h = arg;
	struct wire *w = known;

	if (what == CURL_POLL_REMOVE) {
		if (w != NULL)
			loop_io_free(w->io);
		free(w);
		return 0;
	}
	if (w == NULL) {
		w = mem_new(struct wire);
		w->h = h;
		w->fd = fd;
		w->io = loop_io_new(h->loop, fd, 0, on_curl_io, w);
		(void)curl_multi_assign(h->multi, fd, w);
	}
	loop_io_want(w->io, (what & CURL_POLL_IN ? LOOP_READ : 0) | (what & CURL_POLL_OUT ? LOOP_WRITE : 0));
	return 0;
}

static int
want_timer(CURLM *multi, long ms, void *arg)
{
	struct https *h = arg;

	if (ms < 0)
		loop_timer_stop(h->timer);
	else
		loop_timer_set(h->timer, (uint64_t)ms);
	return 0;
}

/* --- the answer --- */

static size_t
on_body(char *data, size_t size, size_t count, void *arg)
{
	struct https_job *j = arg;

	buf_add(&j->body, data, size * count);
	return buf_ok(&j->body) ? size * count : 0;
}

static void
free_job(struct https_job *j)
{
	curl_multi_remove_handle(j->h->multi, j->easy);
	curl_easy_cleanup(j->easy);
	curl_slist_free_all(j->headers);
	curl_slist_free_all(j->resolve);
	if (j->body.data != NULL)
		explicit_bzero(j->body.data, j->body.len);
	buf_done(&j->body);
	free(j);
}

/* Words of the peer, also in what libcurl says, go to workers and to people: on one line, and printable. */
static void
copy_words(char *dst, size_t size, const char *src)
{
	size_t n = 0;

	for (; n + 1 < size && src[n] != '\0'; n++)
		dst[n] = src[n] >= ' ' && src[n] <= '~' ? src[n] : '?';
	dst[n] = '\0';
}

/* The issuer of the certificate: "CN = ..., O = ...". */
static void
note_issuer(CURL *easy, char *dst, size_t size)
{
	struct curl_certinfo *chain = NULL;

	if (curl_easy_getinfo(easy, CURLINFO_CERTINFO, &chain) != CURLE_OK || chain == NULL ||
	    chain->num_of_certs < 1)
		return;
	for (const struct curl_slist *l = chain->certinfo[0]; l != NULL; l = l->next)
		if (strncasecmp(l->data, "Issuer:", 7) == 0)
			copy_words(dst, size, l->data + 7);
}

static void
note_peer(CURL *easy, char *dst, size_t size)
{
	char *ip = NULL;
	long port = 0;

	if (curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &ip) == CURLE_OK && ip != NULL && *ip != '\0' &&
	    curl_easy_getinfo(easy, CURLINFO_PRIMARY_PORT, &port) == CURLE_OK)
		snprintf(dst, size, strchr(ip, ':') != NULL ? "[%s]:%ld" : "%s:%ld", ip, port);
}

static void
finish_job(struct https_job *j, CURLcode result)
{
	struct https_reply r = { .type = "" };
	char words[CURL_ERROR_SIZE], kind[100], *type = NULL;
	curl_off_t wait = 0;
	void (*done)(void *, const struct https_reply *) = j->done;

	if (!buf_ok(&j->body))
		r.error = "the answer is larger than 64 KiB";
	else if (result != CURLE_OK) {
		copy_words(words, sizeof(words), j->error[0] != '\0' ? j->error : curl_easy_strerror(result));
		r.error = words;
	}
	r.too_large = !buf_ok(&j->body);
	r.unproven = result == CURLE_PEER_FAILED_VERIFICATION;
	(void)curl_easy_getinfo(j->easy, CURLINFO_RESPONSE_CODE, &r.status);
	if (curl_easy_getinfo(j->easy, CURLINFO_RETRY_AFTER, &wait) == CURLE_OK && wait > 0)
		r.retry_after = (uint64_t)wait;
	if (curl_easy_getinfo(j->easy, CURLINFO_CONTENT_TYPE, &type) == CURLE_OK && type != NULL) {
		copy_words(kind, sizeof(kind), type);
		r.type = kind;
	}
	note_issuer(j->easy, r.issuer, sizeof(r.issuer));
	note_peer(j->easy, r.peer, sizeof(r.peer));
	r.body = buf_text(&j->body);
	r.len = j->body.len;
	done(j->arg, &r);
	free_job(j);
}

static void
collect_finished(struct https *h)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(h->multi, &left)) != NULL) {
		struct https_job *j = NULL;
		CURLcode result = m->data.result;

		if (m->msg != CURLMSG_DONE ||
		    curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&j) != CURLE_OK)
			continue;
		finish_job(j, result);
	}
}

/* --- the request --- */

static void
must_succeed(CURLcode result)
{
	if (result != CURLE_OK)
		bug("libcurl: %s", curl_easy_strerror(result));
}

static void
set_security(CURL *e, const struct https_request *q)
{
	struct curl_blob ca = { .data = (void *)(uintptr_t)q->ca, .len = q->ca_len, .flags = CURL_BLOB_COPY };

	must_succeed(curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "https"));
	must_succeed(curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L));
	must_succeed(curl_easy_setopt(e, CURLOPT_PROXY, ""));
	must_succeed(curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2));
	must_succeed(curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L));
	must_succeed(curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L));
	must_succeed(curl_easy_setopt(e, CURLOPT_CERTINFO, 1L));
	if (q->ca != NULL) {
		must_succeed(curl_easy_setopt(e, CURLOPT_CAINFO_BLOB, &ca));
		must_succeed(curl_easy_setopt(e, CURLOPT_CAPATH, NULL));
	}
}

static void
set_body(CURL *e, const struct https_request *q)
{
	must_succeed(curl_easy_setopt(e, CURLOPT_POST, 1L));
	must_succeed(curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE, (long)q->len));
	must_succeed(curl_easy_setopt(e, CURLOPT_COPYPOSTFIELDS, q->body));
}

static void
set_request(CURL *e, struct https_job *j, const struct https_request *q)
{
	must_succeed(curl_easy_setopt(e, CURLOPT_URL, q->url));
	if (q->body != NULL)
		set_body(e, q);
	if (j->resolve != NULL)
		must_succeed(curl_easy_setopt(e, CURLOPT_RESOLVE, j->resolve));
	must_succeed(curl_easy_setopt(e, CURLOPT_HTTPHEADER, j->headers));
	must_succeed(curl_easy_setopt(e, CURLOPT_USERAGENT, "Postern/" POSTERN_VERSION));
	must_succeed(curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L));
	must_succeed(curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)q->timeout_ms));
	must_succeed(curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS,
	    (long)q->timeout_ms < CONNECT_MS ? (long)q->timeout_ms : CONNECT_MS));
	must_succeed(curl_easy_setopt(e, CURLOPT_FORBID_REUSE, 1L));
	must_succeed(curl_easy_setopt(e, CURLOPT_ERRORBUFFER, j->error));
	must_succeed(curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body));
	must_succeed(curl_easy_setopt(e, CURLOPT_WRITEDATA, j));
	must_succeed(curl_easy_setopt(e, CURLOPT_PRIVATE, j));
}

struct https_job *
https_ask(struct https *h, const struct https_request *q)
{
	struct https_job *j = mem_new(struct https_job);
	char type[100];

	j->h = h;
	j->done = q->done;
	j->arg = q->arg;
	buf_init(&j->body, BODY_MAX);
	j->headers = curl_slist_append(NULL, q->type != NULL ? "Accept: */*" : q->body != NULL ?
	    "Accept: application/json" : "Accept: text/plain");
	if (q->type != NULL) {
		snprintf(type, sizeof(type), "Content-Type: %s", q->type);
		j->headers = curl_slist_append(j->headers, type);
	}
	if (q->resolve != NULL && (j->resolve = curl_slist_append(NULL, q->resolve)) == NULL)
		bug("libcurl: out of memory");
	j->easy = curl_easy_init();
	if (j->easy == NULL || j->headers == NULL)
		bug("libcurl: out of memory");
	set_security(j->easy, q);
	set_request(j->easy, j, q);
	if (curl_multi_add_handle(h->multi, j->easy) != CURLM_OK)
		bug("libcurl: a job cannot be added");
	return j;
}

void
https_cancel(struct https_job *j)
{
	if (j != NULL)
		free_job(j);
}

struct https *
https_new(struct loop *l)
{
	struct https *h = mem_new(struct https);

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || (h->multi = curl_multi_init()) == NULL)
		die(EX_SOFTWARE, "libcurl cannot be used");
	h->loop = l;
	h->timer = loop_timer_new(l, on_curl_timer, h);
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, want_timer);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
	return h;
}

void
https_free(struct https *h)
{
	curl_multi_cleanup(h->multi);
	loop_timer_free(h->timer);
	curl_global_cleanup();
	free(h);
}
