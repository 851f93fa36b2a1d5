/*
 * signing_keys - the private keys that sign outgoing mail, and which of them sign for a domain today
 *
 * Runs in:  deliver; keys are looked for on pool threads, too
 * Owns:     sets of keys: the present one, and earlier ones until the last message that uses them is signed
 * Promise:  the master opens the files, and only this process has their text: no process that strangers
 *           connect to has a key, and the helpers that talk HTTPS, LDAP or DNS have none. A process of its
 *           own for the keys would sign whatever deliver asks, and deliver may already send anything in our
 *           name; it would add a way through two more queues for each message. No mail goes before each file
 *           was judged once. A file that has no good key changes nothing: the key before stays in use
 * Fails by: mail of that domain goes without the signature; a trouble for operators
 */
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/boot/boot.h"
#include "deliver/signing/signing.h"

enum { DAYS_AGAIN_MS = 3600000 };

struct signing_set {
	unsigned users;			/* messages at work, and the present one is in use itself */
	struct signing_key *key;
	size_t count;
};

struct signing_keys {
	struct boot *boot;
	struct signing_set *set;	/* in use; NULL: before the first round */
	struct signing_set *next;	/* of this round */
	char (*why)[CTL_REASON_MAX];	/* the fault of each key's file in this round; "" none */
	size_t missing;			/* files that have not come */
	uint32_t round;			/* of asking: answers to an earlier round are ignored */
	struct loop_timer *days_again;	/* a key may have become valid, or have come to its end */
	void (*ready)(void *arg);
	void *arg;
};

/* --- sets --- */

static struct signing_set *
new_set(const struct config_server *s)
{
	struct signing_set *set = mem_new(struct signing_set);

	set->users = 1;
	set->count = s->dkim_key.count;
	set->key = mem_zalloc(set->count * sizeof(*set->key));
	for (size_t i = 0; i < set->count; i++)
		(void)config_dkim_at(&set->key[i].place, s, i);	/* it was judged: each item has its form */
	return set;
}

struct signing_set *
signing_keys_use(struct signing_keys *k)
{
	k->set->users++;
	return k->set;
}

void
signing_keys_leave(struct signing_set *s)
{
	if (s == NULL || --s->users > 0)
		return;
	for (size_t i = 0; i < s->count; i++)
		dkim_key_done(&s->key[i].key);
	free(s->key);
	free(s);
}

/* The better of two of a kind: its days began later, or it stands first. */
static bool
is_better(const struct signing_key *a, const struct signing_key *b)
{
	return b == NULL || a->place.from > b->place.from;
}

size_t
signing_keys_find(const struct signing_set *s, const char *domain, int64_t now,
    const struct signing_key *found[DKIM_KEY_KINDS])
{
	const struct signing_key *best[DKIM_KEY_KINDS] = { NULL };
	size_t longest = 0, n = 0;

	for (size_t i = 0; i < s->count; i++) {
		const struct signing_key *k = &s->key[i];
		size_t len = strlen(k->place.domain);

		if (k->key.pkey == NULL || len < longest || !config_dkim_is_valid(&k->place, now) ||
		    !config_dkim_serves(&k->place, domain))
			continue;
		if (len > longest)
			memset(best, 0, sizeof(best));
		longest = len;
		if (is_better(k, best[k->key.kind]))
			best[k->key.kind] = k;
	}
	for (size_t i = 0; i < DKIM_KEY_KINDS; i++)
		if (best[i] != NULL)
			found[n++] = best[i];
	return n;
}

/* --- what is told --- */

static void
add_trouble(struct buf *text, const char *words)
{
	buf_printf(text, "%s%s", text->len > 0 ? "; " : "", words);
}

static void
tell_faults(const struct signing_keys *k)
{
	struct buf text = BUF_INIT(CTL_TROUBLE_MAX);
	char words[CTL_REASON_MAX + 100];

	for (size_t i = 0; i < k->set->count; i++) {
		if (k->why[i][0] == '\0')
			continue;
		snprintf(words, sizeof(words), "a key of dkim-key cannot be used: %s; %s", k->why[i],
		    k->set->key[i].key.pkey != NULL ? "the old one is in use" : "mail goes unsigned");
		add_trouble(&text, words);
	}
	boot_trouble(k->boot, "dkim-key", buf_text(&text));
	buf_done(&text);
}

/* An earlier key of the list has the domain, too: each is told once. */
static bool
is_first_of_domain(const struct signing_set *s, size_t i)
{
	for (size_t n = 0; n < i; n++)
		if (strcmp(s->key[n].place.domain, s->key[i].place.domain) == 0)
			return false;
	return true;
}

static bool
has_valid(const struct signing_set *s, const char *domain, int64_t now)
{
	for (size_t i = 0; i < s->count; i++)
		if (strcmp(s->key[i].place.domain, domain) == 0 &&
		    config_dkim_is_valid(&s->key[i].place, now))
			return true;
	return false;
}

/* Domains whose keys all have had their days, or have them still before them. */
static void
tell_days(void *arg)
{
	struct signing_keys *k = arg;
	struct buf text = BUF_INIT(CTL_TROUBLE_MAX);
	int64_t now = clock_wall_us() / 1000000;
	char words[400];

	for (size_t i = 0; i < k->set->count; i++) {
		const char *domain = k->set->key[i].place.domain;

		if (!is_first_of_domain(k->set, i) || has_valid(k->set, domain, now))
			continue;
		snprintf(words, sizeof(words), "dkim-key has no key of %.250s for this day: mail goes "
		    "unsigned", domain);
		add_trouble(&text, words);
	}
	boot_trouble(k->boot, "dkim-key-days", buf_text(&text));
	buf_done(&text);
	loop_timer_set(k->days_again, DAYS_AGAIN_MS);
}

static void
tell_file(const struct signing_keys *k, size_t i)
{
	const struct signing_key *key = &k->next->key[i];

	if (k->why[i][0] == '\0')
		log_event(LOG_FACT, NULL, "dkim-key", "result=loaded domain=%s selector=%s kind=%s bits=%d "
		    "file=%s", log_safe(key->place.domain), log_value(key->place.selector),
		    dkim_key_word(key->key.kind), key->key.bits, log_safe(key->place.file));
	else
		log_event(LOG_FAULT, NULL, "dkim-key", "result=refused domain=%s selector=%s%s reason=%s",
		    log_safe(key->place.domain), log_value(key->place.selector),
		    key->key.pkey != NULL ? " kept=old" : "", log_safe(k->why[i]));
}

/* --- files --- */

static void
ask_files(struct signing_keys *k)
{
	signing_keys_leave(k->next);
	k->next = new_set(k->boot->server);
	k->missing = k->next->count;
	k->round++;
	for (size_t i = 0; i < k->next->count; i++) {
		k->why[i][0] = '\0';
		boot_open(k->boot, k->round, CTL_FILE_DKIM_KEY, (unsigned)i, "");
	}
}

static void
read_text(struct signing_key *key, const char *text, size_t len, char why[CTL_REASON_MAX])
{
	struct buf words = BUF_INIT(CTL_REASON_MAX);

	buf_printf(&words, "%s ", key->place.file);
	if (dkim_key_read(&key->key, text, len, &words) == -1)
		snprintf(why, CTL_REASON_MAX, "%s", buf_text(&words));
	buf_done(&words);
}

static void
read_file(struct signing_key *key, const struct ctl_opened *opened, int fd, char why[CTL_REASON_MAX])
{
	size_t len;
	char *text;

	if (fd == -1) {
		snprintf(why, CTL_REASON_MAX, "%s", opened->why);
		return;
	}
	text = disk_read_whole(fd, DKIM_KEY_FILE_MAX, &len);
	if (text == NULL) {
		snprintf(why, CTL_REASON_MAX, "%s: %s", key->place.file, strerror(errno));
		return;
	}
	read_text(key, text, len, why);
	explicit_bzero(text, len);
	free(text);
}

/* The file has none that is good: the one in use stays. */
static void
keep_old(const struct signing_keys *k, size_t i)
{
	struct signing_key *key = &k->next->key[i];

	if (k->set == NULL || k->set->key[i].key.pkey == NULL)
		return;
	key->key = k->set->key[i].key;
	EVP_PKEY_up_ref(key->key.pkey);
}

static void
end_round(struct signing_keys *k)
{
	bool began = k->set != NULL;

	signing_keys_leave(k->set);
	k->set = k->next;
	k->next = NULL;
	tell_faults(k);
	tell_days(k);
	if (!began)
		k->ready(k->arg);
}

void
signing_keys_take_file(struct signing_keys *k, const struct ctl_message *m)
{
	struct ctl_opened opened;
	size_t i;

	memcpy(&opened, m->data, sizeof(opened));
	opened.why[sizeof(opened.why) - 1] = '\0';
	i = opened.file.index;
	if (k == NULL || m->request != k->round || k->next == NULL || i >= k->next->count)
		return;
	read_file(&k->next->key[i], &opened, m->fd, k->why[i]);
	if (k->why[i][0] != '\0')
		keep_old(k, i);
	tell_file(k, i);
	if (--k->missing == 0)
		end_round(k);
}

/* --- what others call --- */

struct signing_keys *
signing_keys_new(struct boot *b, void (*ready)(void *arg), void *arg)
{
	struct signing_keys *k;

	if (b->server->dkim_key.count == 0)
		return NULL;
	k = mem_new(struct signing_keys);
	k->boot = b;
	k->ready = ready;
	k->arg = arg;
	k->why = mem_zalloc(b->server->dkim_key.count * sizeof(*k->why));
	k->days_again = loop_timer_new(b->loop, tell_days, k);
	return k;
}

bool
signing_keys_begin(struct signing_keys *k)
{
	if (k == NULL)
		return true;
	ask_files(k);
	return false;
}

void
signing_keys_renew(struct signing_keys *k)
{
	if (k != NULL)
		ask_files(k);
}

void
signing_keys_free(struct signing_keys *k)
{
	if (k == NULL)
		return;
	signing_keys_leave(k->set);
	signing_keys_leave(k->next);
	loop_timer_free(k->days_again);
	free(k->why);
	free(k);
}
