/*
 * heard_verdicts - a simulation: hosts that answer each recipient as they like and end connections at any time
 * For many seeds: no recipient is asked about after a final answer, each good one is delivered, each bad one is
 * refused by the word of a host, in a bounded number of attempts. Some need SMTPUTF8, and a host may have none:
 * it is not asked about these, and they are refused when no host has it, only then.
 */
#include <string.h>
#include <unistd.h>

#include "deliver/outbound/outbound.h"
#include "t/unit/deliver/outbound_fixture.h"

#define SEEDS 10
#define HOSTS 2
#define MESSAGES 6
#define RECIPIENTS 10
#define ATTEMPTS 60
#define FULL_TIMES 3

enum kind { GOOD, BAD, FULL, KINDS };	/* FULL: 452 4.2.2 for some time */
static const char letters[] = "gbf";

static struct sink hosts[HOSTS];
static unsigned limit[HOSTS], mood[HOSTS];	/* recipients a transaction, 0 any; percent of ill-tempered answers */
static bool utf8[HOSTS], needs_utf8[MESSAGES][RECIPIENTS];
static bool pipelining[HOSTS], at_data[HOSTS];	/* at_data: content for more than one is put off */
static enum kind kinds[MESSAGES][RECIPIENTS];
static bool final[MESSAGES][RECIPIENTS];		/* a host has said its last word */
static unsigned asked[MESSAGES][RECIPIENTS];
static uint32_t seed;

static unsigned
chance(unsigned below)
{
	seed = seed * 1664525U + 1013904223U;
	return (seed >> 10) % below;
}

static size_t
host_of(const struct session *s)
{
	return (size_t)(s->sink - hosts);
}

static const char *
ill_tempered(const struct session *s)
{
	static const char *const answers[] = { "", "421 4.3.2 enough\r\n", "451 4.3.0 later\r\n",
	    "450 later\r\n", "421 4.7.0 slow down\r\n", "452 4.3.1 no space\r\n" };

	return chance(100) < mood[host_of(s)] ? answers[chance(nitems_of(answers))] : NULL;
}

static const char *
answer_rcpt(struct session *s, const char *line)
{
	unsigned i, m;
	char kind;

	ck_assert_int_eq(sscanf(line, "RCPT TO:<%c%u.m%u", &kind, &i, &m), 3);
	ck_assert_msg(utf8[host_of(s)] || !needs_utf8[m][i], "asked without SMTPUTF8: %s", line);
	ck_assert_msg(!final[m][i], "asked again: %s", line);
	if (m != s->message)
		return "503 5.5.1 no MAIL\r\n";
	if (kinds[m][i] == BAD) {
		final[m][i] = true;
		return chance(2) == 0 ? "550 5.1.1 no such user\r\n" : "553 no\r\n";
	}
	if (kinds[m][i] == FULL && asked[m][i]++ < FULL_TIMES)
		return "452 4.2.2 mailbox full\r\n";
	if (limit[host_of(s)] != 0 && (unsigned)__builtin_popcountll(s->accepted) >= limit[host_of(s)])
		return "452 4.5.3 too many recipients\r\n";
	s->accepted |= 1ULL << i;
	return "250 ok\r\n";
}

static const char *
answer_content(struct session *s)
{
	const char *ill = ill_tempered(s);
	uint64_t accepted = s->accepted;

	s->accepted = 0;
	if (ill != NULL)
		return ill;
	for (size_t i = 0; i < RECIPIENTS; i++)
		if (accepted & 1ULL << i)
			final[s->message][i] = true;
	return "250 2.0.0 taken\r\n";
}

/* With PIPELINING x with SMTPUTF8 */
static const char *const offers[2][2] = { { "250 sink\r\n", "250-sink\r\n250 SMTPUTF8\r\n" },
    { "250-sink\r\n250 PIPELINING\r\n", "250-sink\r\n250-SMTPUTF8\r\n250 PIPELINING\r\n" } };

static const char *
answer(struct session *s, const char *line)
{
	const char *ill;

	if (strncmp(line, "EHLO", 4) == 0)
		return offers[pipelining[host_of(s)]][utf8[host_of(s)]];
	if (line[0] == '.')
		return answer_content(s);
	if (strncmp(line, "QUIT", 4) == 0 || strncmp(line, "RSET", 4) == 0) {
		s->message = MESSAGES;
		return "250 ok\r\n";
	}
	if (strncmp(line, "MAIL", 4) == 0) {
		s->message = MESSAGES;
		s->accepted = 0;
	}
	if ((ill = ill_tempered(s)) != NULL)
		return ill;
	if (strncmp(line, "MAIL", 4) == 0) {
		ck_assert_int_eq(sscanf(line, "MAIL FROM:<m%u@", &s->message), 1);
		return "250 ok\r\n";
	}
	if (strncmp(line, "DATA", 4) != 0)
		return answer_rcpt(s, line);
	if (s->accepted == 0)
		return "554 5.5.1 no valid recipients\r\n";
	return at_data[host_of(s)] && (s->accepted & (s->accepted - 1)) != 0 ? "451 4.3.0 for fewer\r\n" :
	    "354 go\r\n";
}

struct mail {
	struct message_envelope e;
	struct outbound_job job;
	size_t index[RECIPIENTS], count;
	struct verdict verdict[RECIPIENTS];
	unsigned attempts;
};

static void
one_done(void *arg, struct outbound_job *job)
{
	if (--jobs_open == 0)
		loop_stop(loop);
}

/* What the job was told, against what was said. */
static void
collect(struct mail *x, unsigned m)
{
	size_t left = 0;

	for (size_t k = 0; k < x->count; k++) {
		size_t i = x->index[k];
		const struct verdict *v = &x->verdict[k];

		if (v->what == VERDICT_LATER) {
			ck_assert_msg(!final[m][i], "a final answer was forgotten: %s", v->text);
			x->index[left++] = i;
			continue;
		}
		if (v->code == 0) {
			ck_assert_msg(v->what == VERDICT_REFUSED && needs_utf8[m][i] && !utf8[0] && !utf8[1],
			    "%s %s", v->status, v->text);
			ck_assert_str_eq(v->status, "5.6.7");
			continue;
		}
		ck_assert(final[m][i]);
		ck_assert_int_eq(v->what, kinds[m][i] == BAD ? VERDICT_REFUSED : VERDICT_DELIVERED);
		ck_assert_int_ne(v->code, 0);
	}
	x->count = left;
}

/* Hosts that want less rest for a minute: as an operator does, this round does not wait for that. */
static void
attempt_all(struct mail *mails, const struct destination *d, int fd)
{
	outbound_release(outbound);
	for (unsigned m = 0; m < MESSAGES; m++) {
		struct mail *x = &mails[m];

		if (x->count == 0)
			continue;
		x->job = (struct outbound_job){ .e = &x->e, .fd = fd, .sender = x->e.sender, .index = x->index,
		    .count = x->count, .verdict = x->verdict, .careful = x->attempts++ > 0, .done = one_done };
		jobs_open++;
		outbound_submit(outbound, d, &x->job);
	}
	if (jobs_open > 0)
		loop_run(loop);
	for (unsigned m = 0; m < MESSAGES; m++)
		collect(&mails[m], m);
}

static void
make_mail(struct mail *x, unsigned m)
{
	char address[40];

	x->e.sender = mem_printf("m%u@us.example", m);
	x->e.content_size = (off_t)SMALL;
	x->count = 1 + chance(RECIPIENTS);
	for (unsigned i = 0; i < x->count; i++) {
		kinds[m][i] = chance(4) == 0 ? BAD : chance(6) == 0 ? FULL : GOOD;
		needs_utf8[m][i] = chance(4) == 0;
		snprintf(address, sizeof(address), "%c%u.m%u%s@x.example", letters[kinds[m][i]], i, m,
		    needs_utf8[m][i] ? "\xc3\xbc" : "");
		message_envelope_add(&x->e, address);
		x->index[i] = i;
	}
}

static void
run_seed(uint32_t number)
{
	struct mail *mails = mem_zalloc(MESSAGES * sizeof(*mails));
	int fd = content_file(small, SMALL);
	struct destination d;
	size_t left = 1;

	seed = number * 2654435761U;
	memset(final, 0, sizeof(final));
	memset(asked, 0, sizeof(asked));
	set_up();
	for (size_t h = 0; h < HOSTS; h++) {
		sink_open(&hosts[h], SINK_TAKES);
		hosts[h].answer = answer;
		limit[h] = chance(4);
		mood[h] = chance(12);
		pipelining[h] = chance(2);
		utf8[h] = chance(2);
		at_data[h] = chance(4) == 0;
	}
	d = to_sinks((struct sink *[]){ &hosts[0], &hosts[1] }, HOSTS);
	for (unsigned m = 0; m < MESSAGES; m++)
		make_mail(&mails[m], m);
	for (unsigned n = 0; n < ATTEMPTS && left > 0; n++) {
		attempt_all(mails, &d, fd);
		left = 0;
		for (unsigned m = 0; m < MESSAGES; m++)
			left += mails[m].count;
	}
	ck_assert_msg(left == 0, "seed %u: %zu recipients are left", number, left);
	for (size_t h = 0; h < HOSTS; h++)
		sink_close(&hosts[h]);
	tear_down();
	for (unsigned m = 0; m < MESSAGES; m++)
		message_envelope_done(&mails[m].e);
	free(mails);
	close(fd);
}

START_TEST(test_seeds)
{
	for (uint32_t n = 1; n <= SEEDS; n++)
		run_seed(n);
}
END_TEST

UNIT_MAIN("heard_verdicts", test_seeds)
