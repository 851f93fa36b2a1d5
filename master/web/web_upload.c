/*
 * web_upload - /api/import: the pieces of a file of IIS, and what postern-import makes of it
 *
 * Runs in:  web
 * Owns:     a call from its request until it is answered
 * Promise:  each piece counts for those alone who operate the service, and the master asks for that right
 *           before the file is read. What a process has said that read a file of strangers is judged before a
 *           browser gets it
 * Fails by: an answer with a status of HTTP
 */
#include <event2/http.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/answers/answers.h"
#include "common/base/base64.h"
#include "common/base/mem.h"
#include "common/import/import_offer.h"
#include "master/web/web.h"

#define PIECE_MAX 49152U	/* bytes: as base64 they fit a body */

struct upload {
	struct web *web;
	struct evhttp_request *q;
	unsigned char handle[WEB_SECRET_SIZE];
	char client[64];
	struct buf piece;
	size_t at;
	bool last;
};

static void
end(struct upload *u)
{
	explicit_bzero(u->handle, sizeof(u->handle));
	buf_done(&u->piece);
	free(u);
}

static void
refuse(struct upload *u, int status, const char *why)
{
	web_reply_error(u->q, status, why);
	end(u);
}

/* --- what became of it --- */

/* "posternctl -c FILE", a newline, the document. NULL: it may not be shown; *refused: the file is none. */
static json_t *
read_answer(const struct web *w, const char *text, size_t len, char **refused)
{
	const char *line = memchr(text, '\n', len);
	char *program = line != NULL ? mem_strndup(text, (size_t)(line - text)) : NULL;
	json_t *document = line != NULL ? json_loadb(line + 1, len - (size_t)(line + 1 - text),
	    JSON_REJECT_DUPLICATES, NULL) : NULL;

	*refused = NULL;
	if (document != NULL && !import_offer_make(document, program, w->boot->config->service.hostname)) {
		json_decref(document);
		document = NULL;
	} else if (json_object_get(document, "refused") != NULL) {
		*refused = mem_strdup(json_string_value(json_object_get(document, "refused")));
	}
	free(program);
	return document;
}

static void
reply(struct upload *u, int status, const char *text, json_t *data)
{
	json_t *body = json_pack("{s:i}", "status", status);

	answers_value_put_bytes(body, "text", text, strlen(text));
	json_object_set_new(body, "data", data != NULL ? data : json_null());
	web_reply_json(u->q, HTTP_OK, body);
	end(u);
}

static void
on_read(void *arg, const struct msg_web_session *s, int status, struct buf *text)
{
	struct upload *u = arg;
	json_t *document;
	char *refused;

	if (s != NULL) {
		web_reply_refused(u->web, u->q, u->handle, s);
		end(u);
		return;
	}
	if (status != EX_OK) {
		reply(u, status, buf_text(text), NULL);
		return;
	}
	document = read_answer(u->web, buf_text(text), text->len, &refused);
	if (document == NULL)
		refuse(u, HTTP_INTERNAL, "postern-import said what may not be shown");
	else if (refused != NULL)
		reply(u, EX_DATAERR, refused, NULL);
	else
		reply(u, EX_OK, "", json_incref(document));
	json_decref(document);
	free(refused);
}

/* --- the pieces --- */

static void
hand_to_master(struct upload *u)
{
	static const char words[] = "import\0-";
	struct msg_web_command *command;
	int fd = web_import_take(u->web->imports, u->handle);
	size_t len = offsetof(struct msg_web_command, words) + sizeof(words);
	bool sent = false;

	if (fd != -1) {
		command = mem_new(struct msg_web_command);
		memcpy(command->handle, u->handle, sizeof(command->handle));
		memcpy(command->words, words, sizeof(words));
		sent = web_ask_hand(u->web, CTL_WEB_COMMAND, command, len, fd, u->handle, u->client, on_read,
		    u);
		explicit_bzero(command, len);
		free(command);
		close(fd);
	}
	if (!sent)
		refuse(u, HTTP_SERVUNAVAIL, "the file cannot be read now: try again");
}

static void
on_session(void *arg, const struct msg_web_session *s, int status, struct buf *text)
{
	struct upload *u = arg;
	const char *why = NULL;
	int refused;

	if (s == NULL || s->result != WEB_OK) {
		static const struct msg_web_session none = { .result = WEB_BUSY };

		web_reply_refused(u->web, u->q, u->handle, s != NULL ? s : &none);
		end(u);
		return;
	}
	web_ask_know(u->web, u->handle, s);
	if (!s->serves) {
		refuse(u, 403, "import: you are no operator of the service");
		return;
	}
	refused = web_import_add(u->web->imports, u->handle, s->person, u->at, &u->piece, &why);
	if (refused != 0) {
		refuse(u, refused, why);
	} else if (u->last) {
		hand_to_master(u);
	} else {
		web_reply_json(u->q, HTTP_OK, json_pack("{s:I}", "at", (json_int_t)(u->at + u->piece.len)));
		end(u);
	}
}

/* False: the body is none. */
static bool
take_piece(struct upload *u, const json_t *body)
{
	const json_t *at = json_object_get(body, "at"), *data = json_object_get(body, "data");
	char *room = buf_room(&u->piece, PIECE_MAX);
	ssize_t n = json_is_string(data) && room != NULL ?
	    base64_decode(room, PIECE_MAX, json_string_value(data), json_string_length(data)) : -1;

	u->last = json_is_true(json_object_get(body, "last"));
	if (!json_is_integer(at) || json_integer_value(at) < 0 ||
	    json_integer_value(at) > (json_int_t)WEB_IMPORT_MAX || n < 0 || (n == 0 && !u->last))
		return false;
	u->at = (size_t)json_integer_value(at);
	u->piece.len += (size_t)n;
	return true;
}

void
web_upload_serve(struct web *w, struct evhttp_request *q, const struct web_verdict *v, const json_t *body,
    const char *client)
{
	struct upload *u = mem_new(struct upload);

	*u = (struct upload){ .web = w, .q = q, .piece = BUF_INIT(PIECE_MAX) };
	memcpy(u->handle, v->handle, sizeof(u->handle));
	snprintf(u->client, sizeof(u->client), "%s", client);
	if (!take_piece(u, body))
		refuse(u, HTTP_BADREQUEST, "the body is no piece of a file");
	else if (!web_ask_send(w, CTL_WEB_ASK, u->handle, sizeof(u->handle), u->handle, client, on_session,
	    u))
		refuse(u, HTTP_SERVUNAVAIL, "too many requests at this time: wait");
}
