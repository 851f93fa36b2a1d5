/*
 * convert_access - handlers: who may connect, log in and relay; pure
 *
 * Runs in:  import
 * Owns:     nothing
 * Promise:  nobody may do more than before. An empty relay list, which lets everybody relay in IIS, and one
 *           that is not understood let nobody
 * Fails by: a line of the report that has to be seen
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "master/import/import.h"

/* "AuthBasic | AuthAnonymous", or a number. */
static bool
parse_flags(const char *text, const char *const *names, const unsigned *bits, size_t count, uint64_t *flags)
{
	char *copy, *save = NULL;
	bool fine = true;

	if (convert_number(text, flags))
		return true;
	*flags = 0;
	copy = mem_strdup(text);
	for (char *word = strtok_r(copy, " |,\t\n", &save); word != NULL;
	    word = strtok_r(NULL, " |,\t\n", &save)) {
		size_t i = 0;

		while (i < count && strcasecmp(word, names[i]) != 0)
			i++;
		fine = fine && i < count;
		*flags |= i < count ? bits[i] : 0;
	}
	free(copy);
	return fine;
}

/* --- login --- */

enum { ANONYMOUS = 1, BASIC = 2, NTLM = 4 };

static void
ask_basic(struct convert *c, const struct property *p, const char *text, uint64_t flags)
{
	char *file = mem_printf("%s/%s.passwd", c->folder, c->name);
	char *a = mem_printf("access.authentication=%sbasic%s", flags & ANONYMOUS ? "anonymous," : "",
	    flags & NTLM ? ",integrated" : "");
	char *b = mem_printf("access.password-file=%s", file);
	char *k = mem_printf("access.keytab=%s/%s.keytab", c->folder, c->name);
	const char *passwd[] = { "passwd", file, "ACCOUNT" };
	const char *set[] = { "set", c->name, a, b, k };
	char *first = convert_command(c, NULL, passwd, 3);
	char *command = convert_command(c, first, set, flags & NTLM ? 5 : 4);

	convert_ask(c, p, text, !(flags & ANONYMOUS), command, flags & NTLM ?
	    "accounts of Windows are not carried: a password file, and a keytab for integrated" :
	    "accounts of Windows are not carried: give each of them a password, for ACCOUNT its name");
	free(file);
	free(a);
	free(b);
	free(k);
	free(first);
	free(command);
}

static void
ask_integrated(struct convert *c, const struct property *p, const char *text, uint64_t flags)
{
	char *a = mem_printf("access.authentication=%sintegrated", flags & ANONYMOUS ? "anonymous," : "");
	char *k = mem_printf("access.keytab=%s/%s.keytab", c->folder, c->name);
	const char *set[] = { "set", c->name, a, k };
	char *command = convert_command(c, NULL, set, 4);

	convert_ask(c, p, text, !(flags & ANONYMOUS), command,
	    "integrated is Kerberos (there is no NTLM): a keytab with the key of smtp/ and the name of this "
	    "host goes there");
	free(a);
	free(k);
	free(command);
}

void
convert_access_auth(struct convert *c, const struct property *p, const char *text)
{
	static const char *const names[] = { "AuthAnonymous", "AuthBasic", "AuthNTLM", "AuthMD5",
	    "AuthPassport" };
	static const unsigned bits[] = { ANONYMOUS, BASIC, NTLM, 16, 64 };
	uint64_t flags;

	if (!parse_flags(text, names, bits, nitems_of(names), &flags))
		flags &= ~(uint64_t)ANONYMOUS;	/* whatever it was to be */
	if (flags & (BASIC | NTLM)) {
		convert_changed(c, p, text, "anonymous", "the others need files: see below");
		if (flags & BASIC)
			ask_basic(c, p, text, flags);
		else
			ask_integrated(c, p, text, flags);
	} else if (flags == ANONYMOUS) {
		convert_carried(c, p, text, "anonymous");
	} else {
		c->shut |= !(flags & ANONYMOUS);
		convert_loud(c, p, text, "anonymous", "no login that there is: AuthMD5 and AuthPassport are "
		    "not available");
	}
}

/* --- TLS --- */

void
convert_access_certificate(struct convert *c, const struct property *p, const char *text, bool needed,
    const char *word, const char *why)
{
	char *a = mem_printf("access.certificate=%s/%s.crt", c->folder, c->name);
	char *b = mem_printf("access.key=%s/%s.key", c->folder, c->name);
	const char *set[] = { "set", c->name, a, b, word };
	char *command = convert_command(c, NULL, set, 5);

	convert_ask(c, p, text, needed, command, why);
	free(a);
	free(b);
	free(command);
}

void
convert_access_tls(struct convert *c, const struct property *p, const char *text)
{
	static const char *const names[] = { "AccessSSL", "AccessNegotiateCert", "AccessRequireCert",
	    "AccessMapCert", "AccessSSL128" };
	static const unsigned bits[] = { 8, 32, 64, 128, 256 };
	uint64_t flags;
	bool known = parse_flags(text, names, bits, nitems_of(names), &flags);

	if (known && !(flags & (8 | 64 | 256)))
		convert_carried(c, p, text, NULL);
	else
		convert_access_certificate(c, p, text, true, "access.tls=required", flags & 64 ?
		    "TLS with a certificate of the client was required; a client's certificate gives no "
		    "rights here" : "TLS was required: put certificate and key there");
}

/* --- lists --- */

void
convert_access_relay(struct convert *c, const struct property *p, const char *text)
{
	struct ip_list l;

	if (c->domain != NULL) {
		convert_none(c, p, text, "relay-list is of the virtual server; relay = yes of the domain "
		    "lets everybody send there");
		return;
	}
	if (text == NULL) {
		outcome_key(c->out, NULL, "access.relay", "only");
		convert_carried(c, p, "(absent: nobody)", NULL);
		return;
	}
	ip_list_parse(&l, text);
	outcome_key(c->out, NULL, "access.relay", "only");
	if (l.mode == IP_LIST_ONLY && l.items.len > 0)
		convert_carried(c, p, text, buf_text(&l.items));
	else if (l.mode == IP_LIST_ONLY)
		convert_carried(c, p, text, NULL);
	else if (l.mode == IP_LIST_EMPTY)
		convert_loud(c, p, "(empty: EVERYBODY could relay)", NULL, "an empty list was an open relay, "
		    "also where it was the cure for a console that ended: NOBODY may relay now. Say who may: "
		    "access.relay-list");
	else if (l.mode == IP_LIST_ALL_EXCEPT) {
		char *why = mem_printf("everybody but %.1000s could relay: NOBODY may now. Say who may: "
		    "access.relay-list", buf_text(&l.items));

		convert_loud(c, p, text, NULL, why);
		free(why);
	} else {
		char *why = mem_printf("the list is not understood (%s): NOBODY may relay. Say who may: "
		    "access.relay-list", buf_text(&l.why));

		convert_loud(c, p, text, NULL, why);
		free(why);
	}
	ip_list_done(&l);
}

void
convert_access_disable_relay(struct convert *c, const struct property *p, const char *text)
{
	uint64_t n;

	if (!convert_number(text, &n) || n != 0)
		convert_none(c, p, text, "RelayIpList decides");
	else
		convert_loud(c, p, text, NULL, "relay was not disabled: RelayIpList decides alone here");
}

void
convert_access_connect(struct convert *c, const struct property *p, const char *text)
{
	struct ip_list l;

	ip_list_parse(&l, text);
	if (l.mode == IP_LIST_EMPTY) {
		convert_carried(c, p, text[0] != '\0' ? text : "(empty: everybody)", NULL);
	} else if (l.mode != IP_LIST_UNKNOWN) {
		outcome_key(c->out, NULL, "access.connection-control",
		    l.mode == IP_LIST_ONLY ? "only" : "all-except");
		convert_carried(c, p, text, l.items.len > 0 ? buf_text(&l.items) : NULL);
	} else {
		char *why = mem_printf("the list is not understood (%s): NOBODY may connect. Say who may: "
		    "access.connection-control, access.connection-list", buf_text(&l.why));

		outcome_key(c->out, NULL, "access.connection-control", "only");
		convert_loud(c, p, text, NULL, why);
		free(why);
	}
	ip_list_done(&l);
}

/* --- the rest --- */

/* MAIL without HELO. */
void
convert_access_hello(struct convert *c, const struct property *p, const char *text)
{
	uint64_t n;

	if (!convert_number(text, &n))
		convert_changed(c, p, text, "no",
		    "it is neither TRUE nor FALSE: the value of a new IIS counts");
	else
		convert_carried(c, p, text, n != 0 ? "no" : "yes");
}

void
convert_access_verbs(struct convert *c, const struct property *p, const char *text)
{
	static const struct { unsigned bit; const char *verb; } verbs[] = {
		{ 0x80, "ETRN" }, { 0x400, "TURN" }, { 0x1000, "ENHANCEDSTATUSCODES" },
		{ 0x100000, "CHUNKING" }, { 0x200000, "BINARYMIME" }, { 0x400000, "8BITMIME" },
	};
	struct buf why = BUF_INIT(300);
	uint64_t n = 0;

	if (!convert_number(text, &n))
		n = 7697601;
	for (size_t i = 0; i < nitems_of(verbs); i++)
		if (!(n & verbs[i].bit))
			buf_printf(&why, "%s%s", why.len > 0 ? ", " : "", verbs[i].verb);
	if (why.len > 0)
		buf_puts(&why, " cannot be switched off");
	if (n & 0x40 && why.len == 0)
		convert_carried(c, p, text, NULL);
	else
		convert_changed(c, p, text, n & 0x40 ? NULL : "none", why.len > 0 ? buf_text(&why) :
		    "DSN was switched off");
	buf_done(&why);
}

void
convert_access_operators(struct convert *c, const struct property *p, const char *text)
{
	const char *set[] = { "set", c->name, "security.operators=ACCOUNT,@GROUP" };
	char *command = convert_command(c, NULL, set, 3);

	if (*text != '\0')
		convert_ask(c, p, "(accounts of Windows)", false, command,
		    "who may control this virtual server: accounts and groups of this host; root always may");
	free(command);
}
