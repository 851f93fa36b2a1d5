/*
 * passwd_file - the password file, parsed; pure
 *
 * Runs in:  every process
 * Owns:     struct passwd_account_list
 * Promise:  an entry that was accepted costs no more to check than the limits of its row allow; memory with
 *           hashes is wiped
 * Fails by: -1 and a reason; a bad line is left out and reported
 */
#include "common/account/passwd_file.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/base64.h"
#include "common/base/mem.h"

enum { HASH_MAX = 384 };

/* --- crypt(3): which methods, and how much work a file may ask for --- */

/* "$y$j9T$": N is 2^(value + 1), of 32 blocks of 128 bytes; up to 64 MiB. */
static bool
yescrypt_is_fair(const char *rest)
{
	return rest[0] == 'j' && ((rest[1] >= '5' && rest[1] <= '9') || (rest[1] >= 'A' && rest[1] <= 'B')) &&
	    (rest[2] == 'T' || rest[2] == '5') && rest[3] == '$';
}

/* "$7$CU..../....": the first letter is log2 N, then r and p in five letters each. N to 2^16, r 32, p 1. */
static bool
scrypt_is_fair(const char *rest)
{
	return rest[0] >= '6' && rest[0] <= 'E' && strncmp(rest + 1, "U..../....", 10) == 0;
}

static bool
bcrypt_is_fair(const char *rest)
{
	return rest[0] >= '0' && rest[0] <= '1' && rest[1] >= '0' && rest[1] <= '9' &&
	    (rest[0] == '0' || rest[1] <= '4') && rest[2] == '$';
}

static bool
sha_is_fair(const char *rest)
{
	char *end;
	unsigned long rounds;

	if (strncmp(rest, "rounds=", 7) != 0)
		return true;
	rounds = strtoul(rest + 7, &end, 10);
	return *end == '$' && rounds <= 1000000;
}

static const struct method {
	const char *prefix;
	bool (*is_fair)(const char *rest);
} methods[] = {
	{ "$y$", yescrypt_is_fair }, { "$gy$", yescrypt_is_fair }, { "$7$", scrypt_is_fair },
	{ "$2b$", bcrypt_is_fair },
	{ "$2a$", bcrypt_is_fair }, { "$2y$", bcrypt_is_fair }, { "$6$", sha_is_fair },
	{ "$5$", sha_is_fair },
};

/* Words that other programs put before a crypt(3) hash. */
static const char *const crypt_words[] = { "{CRYPT}", "{SHA512-CRYPT}", "{SHA256-CRYPT}", "{BLF-CRYPT}" };

static const char *
crypt_fault(const char *hash)
{
	for (const char *c = hash; *c != '\0'; c++)
		if (*c <= ' ' || *c > '~' || strchr(":;*!\\", *c) != NULL)
			return "the hash has a byte that stands in none";
	for (size_t i = 0; i < nitems_of(methods); i++) {
		size_t n = strlen(methods[i].prefix);

		if (strncmp(hash, methods[i].prefix, n) == 0)
			return methods[i].is_fair(hash + n) ? NULL :
			    "the hash asks for more work, or other parameters, than are allowed";
	}
	return "no known kind of hash: $y$, $gy$, $7$, $2b$, $6$, $5$ or {SCRAM-SHA-256}";
}

/* --- one line --- */

static const char scram_word[] = "{SCRAM-SHA-256}";

/* The bytes of the next of the comma-separated base64 fields; -1. */
static ssize_t
take_field(uint8_t *dst, size_t size, const char **at)
{
	const char *end = strchrnul(*at, ',');
	ssize_t n = base64_decode(dst, size, *at, (size_t)(end - *at));

	*at = *end == ',' ? end + 1 : end;
	return n;
}

static const char *
parse_scram(struct passwd_account *a, const char *text)
{
	char *end;
	unsigned long iterations = strtoul(text, &end, 10);
	const char *at;
	ssize_t salt;

	if (*text < '1' || *text > '9' || *end != ',' || iterations < PASSWD_ITERATIONS_MIN ||
	    iterations > PASSWD_ITERATIONS_MAX)
		return "SCRAM iterations must be from 1000 to 1000000";
	at = end + 1;
	salt = take_field(a->salt, sizeof(a->salt), &at);
	if (salt < 4 || take_field(a->stored, sizeof(a->stored), &at) != PASSWD_KEY_SIZE ||
	    take_field(a->server, sizeof(a->server), &at) != PASSWD_KEY_SIZE || *at != '\0')
		return "a SCRAM verifier is iterations,salt,stored-key,server-key with the last three in "
		    "base64";
	a->iterations = (uint32_t)iterations;
	a->salt_len = (size_t)salt;
	return NULL;
}

static const char *
parse_hash(struct passwd_account *a, const char *text)
{
	const char *why;

	if (strncasecmp(text, scram_word, sizeof(scram_word) - 1) == 0)
		return parse_scram(a, text + sizeof(scram_word) - 1);
	for (size_t i = 0; i < nitems_of(crypt_words); i++)
		if (strncasecmp(text, crypt_words[i], strlen(crypt_words[i])) == 0) {
			text += strlen(crypt_words[i]);
			break;
		}
	why = crypt_fault(text);
	if (why == NULL)
		a->hash = mem_strdup(text);
	return why;
}

bool
passwd_file_name_is_good(const char *name, size_t len)
{
	if (len == 0 || len > PASSWD_NAME_MAX || name[0] == '#' || name[0] == ' ' || name[len - 1] == ' ')
		return false;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)name[i] < ' ' || name[i] == 127 || name[i] == ':')
			return false;
	return true;
}

int
passwd_file_parse(struct passwd_account *a, const char *line, size_t len, const char **why)
{
	char hash[HASH_MAX];
	const char *text, *end, *colon;
	size_t size;

	*a = (struct passwd_account){ 0 };
	if (len > 0 && line[len - 1] == '\r')
		len--;
	if (len == 0 || line[0] == '#')
		return 0;
	colon = memchr(line, ':', len);
	if (colon == NULL || !passwd_file_name_is_good(line, (size_t)(colon - line))) {
		*why = colon == NULL ? "no colon between name and hash" :
		    "the name is empty, too long, or has a control byte or a blank at its end";
		return -1;
	}
	text = colon + 1;
	end = memchr(text, ':', len - (size_t)(text - line));
	size = end != NULL ? (size_t)(end - text) : len - (size_t)(text - line);
	*why = size >= sizeof(hash) ? "the hash is too long" : memchr(text, '\0', size) != NULL ?
	    "there is a NUL in it" : NULL;
	if (*why != NULL)
		return -1;
	memcpy(hash, text, size);
	hash[size] = '\0';
	*why = parse_hash(a, hash);
	explicit_bzero(hash, sizeof(hash));
	if (*why != NULL) {
		passwd_file_done(a);
		return -1;
	}
	a->name = mem_strndup(line, (size_t)(colon - line));
	return 1;
}

void
passwd_file_done(struct passwd_account *a)
{
	free(a->name);
	if (a->hash != NULL)
		explicit_bzero(a->hash, strlen(a->hash));
	free(a->hash);
	explicit_bzero(a, sizeof(*a));
}

void
passwd_file_format_scram(struct buf *out, const struct passwd_account *a)
{
	char salt[BASE64_SIZE(PASSWD_SALT_MAX)], stored[BASE64_SIZE(PASSWD_KEY_SIZE)],
	    server[BASE64_SIZE(PASSWD_KEY_SIZE)];

	base64_encode(salt, a->salt, a->salt_len);
	base64_encode(stored, a->stored, sizeof(a->stored));
	base64_encode(server, a->server, sizeof(a->server));
	buf_printf(out, "%s%u,%s,%s,%s", scram_word, a->iterations, salt, stored, server);
}

/* --- a whole file --- */

static int
compare_accounts(const void *a, const void *b)
{
	return strcasecmp(((const struct passwd_account *)a)->name, ((const struct passwd_account *)b)->name);
}

struct numbered {
	struct passwd_account account;		/* first: compared as one */
	unsigned line;
};

static int
compare_numbered(const void *a, const void *b)
{
	int order = compare_accounts(a, b);

	return order != 0 ? order : (int)((const struct numbered *)a)->line -
	    (int)((const struct numbered *)b)->line;
}

struct passwd_account_list *
passwd_file_list_parse(const char *text, size_t len, void (*fault)(void *arg, unsigned line, const char *why),
    void *arg)
{
	struct passwd_account_list *l = mem_new(struct passwd_account_list);
	struct numbered *all = NULL, one = { .line = 0 };
	size_t count = 0;

	for (size_t at = 0; at < len;) {
		const char *lf = memchr(text + at, '\n', len - at), *why = NULL;
		size_t size = lf != NULL ? (size_t)(lf - (text + at)) : len - at;
		int rc;

		one.line++;
		rc = passwd_file_parse(&one.account, text + at, size, &why);
		if (rc == -1)
			fault(arg, one.line, why);
		if (rc == 1) {
			if ((count & (count - 1)) == 0)
				all = mem_array(all, count == 0 ? 1 : count * 2, sizeof(*all));
			all[count++] = one;
		}
		at += size + 1;
	}
	if (count > 0)
		qsort(all, count, sizeof(*all), compare_numbered);
	l->account = mem_array(NULL, count + 1, sizeof(*l->account));
	for (size_t i = 0; i < count; i++) {
		if (l->count > 0 && compare_accounts(&l->account[l->count - 1], &all[i].account) == 0) {
			fault(arg, all[i].line, "a second line for the same name");
			passwd_file_done(&all[i].account);
		} else {
			l->account[l->count++] = all[i].account;
		}
	}
	if (all != NULL)
		explicit_bzero(all, count * sizeof(*all));
	free(all);
	explicit_bzero(&one, sizeof(one));
	return l;
}

void
passwd_file_list_free(struct passwd_account_list *l)
{
	if (l == NULL)
		return;
	for (size_t i = 0; i < l->count; i++)
		passwd_file_done(&l->account[i]);
	free(l->account);
	free(l);
}

const struct passwd_account *
passwd_file_find(const struct passwd_account_list *l, const char *name)
{
	struct passwd_account key = { .name = mem_unconst(name) };

	return l->count == 0 ? NULL : bsearch(&key, l->account, l->count, sizeof(key), compare_accounts);
}
