/*
 * inbound_long - the connections on which a long line of AUTH is coming: they are few at a time
 *
 * Runs in:  listener
 * Owns:     the list, and the places in it
 * Promise:  who sends such a line is not known yet, so all of them together hold INBOUND_LONG_MAX lines of at
 *           most CONN_SCRATCH_SIZE bytes. A further one takes the place of the oldest: a client that begins a
 *           line and rests keeps nobody out
 * Fails by: 454 to the oldest
 */
#include "common/base/log.h"
#include "listener/connection/connection.h"
#include "listener/listener.h"

static void
cut_oldest(struct listener *l)
{
	struct inbound *c = TAILQ_FIRST(&l->long_lines);

	log_event(LOG_FACT, NULL, "auth", "result=replaced user=- client=%s mechanism=GSSAPI reason=%s",
	    c->ip, log_safe("too many long lines at a time"));
	inbound_long_line(c, false);
	session_cut_line(&c->session);
	conn_resume(c->conn);
}

void
inbound_long_line(struct inbound *c, bool begins)
{
	struct listener *l = c->listener;

	if (!begins) {
		TAILQ_REMOVE(&l->long_lines, c, long_entry);
		l->long_count--;
		return;
	}
	TAILQ_INSERT_TAIL(&l->long_lines, c, long_entry);
	if (++l->long_count > INBOUND_LONG_MAX)
		cut_oldest(l);
}
