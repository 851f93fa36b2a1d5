/*
 * health - status --check: one line for monitoring about what runs, and what would not run again
 *
 * Runs in:  master
 * Owns:     nothing
 * Promise:  0 good, 1 a warning, 2 a virtual server should run and does not; each reason says what is wrong
 * Fails by: not at all
 */
#include <string.h>

#include "common/base/clock.h"
#include "common/command/msg_queue.h"
#include "common/process/counters.h"
#include "master/control/control.h"
#include "master/control/control_private.h"
#include "master/processes/processes.h"
#include "master/servers/servers.h"

/* Children that do the same work say the same. */
static bool
is_said_before(const struct child *c)
{
	const struct child *other;

	TAILQ_FOREACH(other, &c->m->children, link) {
		if (other == c)
			return false;
		if (other->server == c->server && other->trouble != NULL && other->phase <= CHILD_READY &&
		    strcmp(other->trouble, c->trouble) == 0)
			return true;
	}
	return false;
}

/* What the children of `s`, NULL: the helpers, cannot do although they run. */
static void
put_children(struct buf *b, const struct master *m, const struct server *s)
{
	const struct child *c;

	TAILQ_FOREACH(c, &m->children, link)
		if (c->server == s && c->trouble != NULL && c->phase <= CHILD_READY && !is_said_before(c))
			buf_printf(b, "%s%s", b->len > 0 ? "; " : "", c->trouble);
}

static void
put_crashes(struct buf *b, const struct crash_record *r)
{
	if (crash_record_is_often(r, clock_mono_ms()))
		buf_printf(b, "%sprocesses keep dying: %u within %u minutes, the last one %s: %s",
		    b->len > 0 ? "; " : "", CRASH_RECORD_OFTEN, CRASH_RECORD_MS / 60000,
		    roster_roles[r->role].name, r->words);
}

void
health_put_troubles(struct buf *b, const struct server *s)
{
	if (s->reason != NULL)
		buf_puts(b, s->reason);
	put_crashes(b, &s->crashes);
	put_children(b, s->m, s);
}

/* Helpers that are configured: an address that could not be opened, and one that does not stay alive. */
static void
put_sockets(struct buf *b, const char *what, const struct socket_post *p)
{
	const struct listen_set *set = &p->sockets;
	const struct post *post = &p->post;

	if (set->missing != NULL)
		buf_printf(b, "%s%s not served at %s", b->len > 0 ? "; " : "", what, set->missing);
	if (set->count > 0 && post->child == NULL && post->waits)
		buf_printf(b, "%s%s not served: its process ended, and is started again",
		    b->len > 0 ? "; " : "", what);
}

void
health_put_service(struct buf *b, const struct master *m)
{
	put_crashes(b, &m->crashes);
	put_children(b, m, NULL);
	put_sockets(b, "the metrics are", &m->metrics);
	put_sockets(b, "the manager is", &m->web);
}

static int
judge_server(const struct server *s, bool troubles)
{
	if (s->state == STATE_STOPPED)
		return s->wanted || s->home_lost ? 2 : 0;
	if (s->trouble)
		return s->state == STATE_STARTING ? 2 : 1;
	return s->state == STATE_STARTED && !troubles ? 0 : 1;
}

static const char *const words[] = { "OK", "WARNING", "CRITICAL" };

void
health_put_queue(struct buf *b, const struct server *s)
{
	if (s == NULL || (s->state == STATE_STOPPED && !s->queue_counted))
		buf_puts(b, "-");
	else
		buf_printf(b, "%lld", (long long)counters_get(s->counters, COUNTER_QUEUE_LENGTH));
}

/* The answer as it comes together: a line for people, and a row for each of its parts. */
struct health_answer { struct buf line, rows; };

/* In the line when it says something (`told`); in the rows always: name, state, health, why, and numbers. */
static void
put_part(struct health_answer *a, const struct server *s, bool told, const char *state, int health,
    const struct buf *why)
{
	const char *name = s != NULL ? s->name : "(service)";

	if (told)
		buf_printf(&a->line, "%s%s %s", a->line.len > 0 ? ", " : "", name, state);
	if (told && why->len > 0)
		buf_printf(&a->line, " (%s)", buf_text(why));
	buf_printf(&a->rows, "%s\t%s\t%s\t", name, state, words[health]);
	msg_queue_put(&a->rows, buf_text(why), MASTER_TEXT_MAX);
	if (s != NULL)
		buf_printf(&a->rows, "\t%lld\t",
		    (long long)counters_get(s->counters, COUNTER_INBOUND_CURRENT));
	else
		buf_puts(&a->rows, "\t-\t");
	health_put_queue(&a->rows, s);
	buf_puts(&a->rows, "\n");
}

/* `why`: empty when all is well. */
static int
blame_server(const struct server *s, const struct health_disk *disk, struct buf *why)
{
	int health;

	health_put_troubles(why, s);
	health_disk_blame(disk, s, why);
	health = judge_server(s, why->len > 0);
	if (health == 0)
		buf_clear(why);
	return health;
}

int
health_of_server(const struct server *s, const struct health_disk *disk)
{
	struct buf why = BUF_INIT(MASTER_TEXT_MAX);
	int health = blame_server(s, disk, &why);

	buf_done(&why);
	return health;
}

static int
put_server(struct health_answer *a, const struct server *s, const struct health_disk *disk)
{
	struct buf why = BUF_INIT(MASTER_TEXT_MAX);
	int health = blame_server(s, disk, &why);

	put_part(a, s, true, state_name(s->state), health, &why);
	if (s->state == STATE_STOPPED && health == 0)
		buf_puts(&a->line, " as ordered");
	buf_done(&why);
	return health;
}

static int
blame_service(const struct master *m, const struct health_disk *disk, struct buf *why)
{
	bool none = TAILQ_EMPTY(&m->servers);

	if (none)
		buf_puts(why, "there is no virtual server: posternctl create NAME makes one");
	health_put_service(why, m);
	health_disk_blame_service(disk, why);
	return none ? 2 : why->len > 0;
}

int
health_of_service(const struct master *m, const struct health_disk *disk)
{
	struct buf why = BUF_INIT(MASTER_TEXT_MAX);
	int health = blame_service(m, disk, &why);

	buf_done(&why);
	return health;
}

/* What concerns every virtual server: helpers, postern.ini. Nothing is said when all is well. */
static int
put_all(struct health_answer *a, const struct master *m, const struct health_disk *disk)
{
	struct buf why = BUF_INIT(MASTER_TEXT_MAX);
	int health = blame_service(m, disk, &why);

	put_part(a, NULL, health > 0, m->stopping ? "stopping" : "started", health, &why);
	buf_done(&why);
	return health;
}

/* Reasons quote files and hosts; monitoring reads the first line only. */
static void
keep_one_line(struct buf *line)
{
	for (size_t i = 0; i < line->len; i++)
		if ((unsigned char)line->data[i] < ' ' || line->data[i] == 127)
			line->data[i] = '?';
}

void
health_show(struct control_command *cmd, struct master *m, struct server *only,
    const struct control_words *w)
{
	struct health_answer a = { .line = BUF_INIT(MASTER_TEXT_MAX), .rows = BUF_INIT(MASTER_TEXT_MAX) };
	const struct health_disk *disk;
	const struct server *s;
	int worst = 0, health;

	if (w->count > 3 || (w->count == 3 && strcmp(w->word[2], "each") != 0)) {
		control_answer_say(cmd, CONTROL_NO_MATCH,
		    "UNKNOWN: the service does not understand this question");
		return;
	}

	disk = health_disk_get(m, 0);
	TAILQ_FOREACH(s, &m->servers, link)
		if (control_answer_covers(cmd, s, only)) {
			health = put_server(&a, s, disk);
			worst = health > worst ? health : worst;
		}
	/* what helpers say may be about a virtual server that this user knows nothing of */
	health = control_rights_service(m, cmd->peer) >= cmd->right ? put_all(&a, m, disk) : 0;
	worst = health > worst ? health : worst;
	keep_one_line(&a.line);
	buf_printf(&cmd->text, "%s: %s\n", words[worst], buf_text(&a.line));
	if (w->count == 3)
		buf_add(&cmd->text, buf_text(&a.rows), a.rows.len);
	cmd->status = worst;
	buf_done(&a.line);
	buf_done(&a.rows);
}
