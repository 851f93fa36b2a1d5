/* web - the helper that serves the manager to web browsers; one block a file */
#ifndef MASTER_WEB_WEB_H
#define MASTER_WEB_WEB_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/base/base64.h"
#include "common/base/buf.h"
#include "common/boot/boot.h"
#include "common/msg/msg_web.h"

struct bufferevent;
struct evconnlistener;
struct evhttp;
struct evhttp_request;
struct json_t;
struct tls;
struct web;
struct web_asks;
struct web_connections;
struct web_events;
struct web_imports;
struct web_throttle;
struct web_tls_files;

extern const struct boot_role web_role;

/* --- web_page: the files of the front end --- */

struct web_page { const char *target, *file, *type; };
struct web_text {
	char *data; size_t len;		/* data NULL: the file is not there */
	char tag[36];			/* changes with the bytes, for browsers that have them already */
};

extern const struct web_page web_page_rows[];
extern const size_t web_page_count;

/* The row of a target, compared byte by byte; web_page_count: there is none. */
size_t web_page_find(const char *target);
struct web_text *web_page_load(void);		/* by the number of the row */
void web_page_forget(struct web_text *all);	/* NULL is fine */

/* --- web_judge: whether a request may be served; pure --- */

enum web_method { WEB_GET, WEB_HEAD, WEB_POST };
enum web_route { WEB_ROUTE_PAGE, WEB_ROUTE_WAYS, WEB_ROUTE_LOGIN, WEB_ROUTE_NEGOTIATE, WEB_ROUTE_SESSION,
    WEB_ROUTE_LOGOUT, WEB_ROUTE_COMMAND, WEB_ROUTE_IMPORT, WEB_ROUTE_EVENTS };
#define WEB_HEADERS_MAX 8192U		/* bytes of a header, but for a ticket of Kerberos */
#define WEB_TICKET_MAX 65536U		/* ... in base64 */

struct web_field { const char *name, *value; };
struct web_request {
	enum web_method method;
	const char *target;			/* as it came: "/api/login" */
	const struct web_field *field; size_t fields;	/* of the header */
	const struct sockaddr *local;		/* where the browser connected; NULL: a web server in front */
	bool secure;				/* TLS, or a web server in front that has it */
	const struct config_strings *hosts;
	const unsigned char *key;		/* of web_mac */
};
struct web_verdict {
	int status;				/* 0: serve it; else of HTTP, and why */
	const char *why;
	enum web_route route;
	size_t page;				/* WEB_ROUTE_PAGE */
	unsigned char handle[WEB_SECRET_SIZE];	/* where the route needs a session: what the browser showed */
	const char *ticket;			/* WEB_ROUTE_NEGOTIATE: Authorization; NULL: none */
	bool has_cookie;			/* of a login: another tab has one */
	unsigned char cookie[WEB_SECRET_SIZE];
	char watch[CONFIG_NAME_MAX + 1];	/* WEB_ROUTE_EVENTS: whose; "-": all, "": none */
};

void web_judge(struct web_verdict *v, const struct web_request *r);

/* --- web_cookie: a session's handle, half in a cookie and half in the token of a tab; pure --- */

#define WEB_TOKEN_TEXT (2U * (WEB_SECRET_TEXT - 1) + 1)

/* What token (NULL: none) and cookie make together; false: no cookie of the request goes with the token. */
bool web_cookie_find(unsigned char handle[WEB_SECRET_SIZE], const struct web_request *r, const char *token);
/* The cookie that the browser showed; false: none, several, or it cannot be one. */
bool web_cookie_only(unsigned char cookie[WEB_SECRET_SIZE], const struct web_request *r);
/* What makes `handle` together with `cookie`, which is random bytes. */
void web_cookie_token(char token[WEB_TOKEN_TEXT], const unsigned char handle[WEB_SECRET_SIZE],
    const unsigned char cookie[WEB_SECRET_SIZE]);
/* The value of Set-Cookie; NULL: the cookie goes. */
void web_cookie_format(char *dst, size_t size, const unsigned char *cookie, bool secure);

/* --- web_door: the ways in, by TCP with or without TLS and by a socket with a path --- */

enum web_door_kind { WEB_PLAIN, WEB_TLS, WEB_PATH, WEB_DOORS };
struct web_door {
	struct web *web;
	enum web_door_kind kind;
	struct evhttp *http;			/* NULL: closed */
	struct evconnlistener *socket[CONFIG_LISTEN_MAX]; size_t sockets;
};

void web_door_open(struct web *w, enum web_door_kind kind);	/* serves the sockets of that kind */
void web_door_close_all(struct web *w);
void web_door_stop(void *web, bool stop);	/* no further connection is taken, for a while */

/* --- web_connections: how many there are, and how long they may take --- */

#define WEB_CONNECTIONS_MAX 256U
#define WEB_CONNECTIONS_PER_CLIENT 48U
#define WEB_REQUEST_MS 15000U		/* for a whole request, from the first byte or the connection */
#define WEB_IDLE_MS 60000U		/* between two requests */

/* `full` is told when there are as many as there may be, and when there are fewer again. */
struct web_connections *web_connections_new(struct loop *loop, void (*full)(void *arg, bool is), void *arg);
void web_connections_free(struct web_connections *c);
void web_connections_add(struct web_connections *c, struct bufferevent *b, bool by_client);
/* The connection of that descriptor has a whole request now, or waits for the next one. */
void web_connections_serving(struct web_connections *c, int fd, bool serving);

/* --- web_tls: certificate and key of [manager] --- */

void web_tls_ask(struct web *w);	/* for the files; w->tls_ready follows when they are good */
void web_tls_take(struct web *w, const struct ctl_message *m);
struct ssl_st *web_tls_link(struct web *w);	/* of a fresh connection; NULL: no memory */
void web_tls_done(struct web *w);

/* --- web_negotiate: the token of Kerberos in a header (RFC 4559); pure --- */

/* Fills t->token from "Negotiate BASE64". False: it is something else, or too large. */
bool web_negotiate_take(struct msg_web_ticket *t, const char *value) __attribute__((warn_unused_result));
#define WEB_NEGOTIATE_SIZE (16U + BASE64_SIZE(WEB_ANSWER_MAX))
void web_negotiate_format(char dst[WEB_NEGOTIATE_SIZE], const uint8_t *token, size_t len);

/* --- web_wipe: memory of libraries that may have had a password --- */

void web_wipe_begin(void);	/* from now on libevent and libjansson wipe what they free */

/* --- web_reply: what every answer has in common --- */

void web_reply_page(struct web *w, struct evhttp_request *q, size_t page);
/* {"error": why} */
void web_reply_error(struct evhttp_request *q, int status, const char *why);
void web_reply_last(struct evhttp_request *q);	/* the answer to come ends the connection */
void web_reply_headers(struct evhttp_request *q, bool api);	/* all but Content-Type */
void web_reply_json(struct evhttp_request *q, int status, struct json_t *body);	/* takes over the body */
/* What the master has said of that session, which is not WEB_OK. */
void web_reply_refused(struct web *w, struct evhttp_request *q, const unsigned char handle[WEB_SECRET_SIZE],
    const struct msg_web_session *s);

/* --- web_ask: questions to the master --- */

/* `s`: of a session; NULL: a command was answered, with a status and its text. */
typedef void web_ask_done(void *arg, const struct msg_web_session *s, int status, struct buf *text);
struct web_ask {
	TAILQ_ENTRY(web_ask) link;
	uint32_t number;
	web_ask_done *done;
	void (*take_fd)(void *arg, int fd);	/* NULL: it gets none */
	void *arg;
	struct buf text;
};

struct web_asks *web_ask_new(void);
void web_ask_free(struct web_asks *a);		/* answers what is open with WEB_BUSY */
/* `handle`: whose question it is; NULL: a login. `client`: its address. False: it cannot be asked now. */
bool web_ask_send(struct web *w, enum ctl_type type, const void *data, size_t len,
    const unsigned char *handle, const char *client, web_ask_done *done, void *arg)
    __attribute__((warn_unused_result));
/* The same with a descriptor, which stays the caller's. */
bool web_ask_hand(struct web *w, enum ctl_type type, const void *data, size_t len, int fd,
    const unsigned char *handle, const char *client, web_ask_done *done, void *arg)
    __attribute__((warn_unused_result));
void web_ask_take(struct web *w, const struct ctl_message *m);	/* an answer */
/* The question just sent gets a descriptor, too, before its answer: `take` owns it. */
void web_ask_expect_fd(struct web *w, void (*take)(void *arg, int fd));
/* The master called that session good, or it is over. */
void web_ask_trust(struct web *w, const unsigned char handle[WEB_SECRET_SIZE], bool good);
/* It is good, and this is what it is: a part of all questions is for those who operate the service. */
void web_ask_know(struct web *w, const unsigned char handle[WEB_SECRET_SIZE],
    const struct msg_web_session *s);

/* --- web_throttle: how often an address may have the master asked; pure, times are monotonic ms --- */

/* So many times at once, and then one each `each_ms`. */
struct web_throttle *web_throttle_new(unsigned most, unsigned each_ms);
void web_throttle_free(struct web_throttle *t);
bool web_throttle_take(struct web_throttle *t, const char *client, uint64_t now)
    __attribute__((warn_unused_result));

/* --- web_events: the stream of events of a page --- */

#define WEB_STREAMS_MAX 64U
#define WEB_STREAMS_KEPT 16U		/* of these, for those who operate the service */
#define WEB_STREAMS_PER_SESSION 8U
#define WEB_STREAMS_PER_PERSON 16U	/* in all its sessions; twice of one who operates the service */

struct web_events *web_events_new(struct web *w);
void web_events_free(struct web_events *e);	/* after the doors are closed */
/* A request for a stream, of a session that is good. */
void web_events_begin(struct web_events *e, struct evhttp_request *q,
    const unsigned char handle[WEB_SECRET_SIZE], const struct msg_web_session *s,
    const char *watch);			/* as in web_verdict */

/* --- web_tail: the events of the service as they come, for one stream --- */

struct web_tail;
/* Sends an event of the stream; false: there is no room for it now. It may not end the tail. */
typedef bool web_tail_send(void *arg, const char *event);
/* `server`: a word for the master, "-": the service. */
struct web_tail *web_tail_begin(struct web *w, const unsigned char handle[WEB_SECRET_SIZE],
    const char *server, web_tail_send *send, void *arg);
void web_tail_end(struct web_tail *t);		/* the stream has ended; NULL is fine */

/* --- web_api: /api --- */

/* A good request; `client`: its address. */
void web_api_serve(struct web *w, struct evhttp_request *q, const struct web_verdict *v,
    enum web_door_kind kind, const char *client);

/* --- web_upload: /api/import --- */

void web_upload_serve(struct web *w, struct evhttp_request *q, const struct web_verdict *v,
    const struct json_t *body, const char *client);

/* --- web_import: files on their way to postern-import, in pieces --- */

#define WEB_IMPORT_MAX (8U << 20)	/* bytes of a file */

struct web_imports;
struct web_imports *web_import_new(struct loop *loop);
void web_import_free(struct web_imports *i);
/*
 * A piece of the session's file, from byte `at` on; 0 begins one, and that person's file before is forgotten.
 * 0; or a status of HTTP and why.
 */
int web_import_add(struct web_imports *i, const unsigned char handle[WEB_SECRET_SIZE],
    uint64_t person, size_t at, const struct buf *piece,
    const char **why) __attribute__((warn_unused_result));
/* The whole as a descriptor, which is the caller's; -1: it cannot be made. It is forgotten. */
int web_import_take(struct web_imports *i,
    const unsigned char handle[WEB_SECRET_SIZE]) __attribute__((warn_unused_result));

/* --- web: the helper --- */

struct web {
	struct boot *boot;
	/* a whole request */
	void (*serve)(struct web *w, struct evhttp_request *q, enum web_door_kind kind);
	void (*tls_ready)(struct web *w);	/* the first good certificate is there */
	const struct config_manager *config;
	struct web_text *page;
	struct web_door door[WEB_DOORS];
	struct web_connections *connections;
	struct tls *tls;
	struct web_tls_files *tls_files;
	struct web_asks *asks;
	struct web_throttle *strangers, *logins;	/* sessions not known; passwords and tickets */
	struct web_events *events;
	struct web_imports *imports;
	unsigned char key[WEB_KEY_SIZE];	/* of web_mac; served once it is here */
	uint64_t forged_at;			/* the latest event of a forged link; 0: none */
	unsigned forged;			/* since then */
};

#endif
