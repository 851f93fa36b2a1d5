/*
 * ticket_fault - why there is no ticket, in words that tell what to do
 *
 * Runs in:  auth, directory; on threads, as the Kerberos servers may be slow
 * Owns:     the table of words
 * Promise:  servers that do not answer, a keytab that does not fit, clocks that differ, names that are not
 *           known: each has words of its own. GSSAPI tells of an ended ticket "Ticket expired" only, and not
 *           why there is no newer one: the servers are asked once more for that
 * Fails by: the words of libkrb5
 */
#include "common/gssapi/ticket_fault.h"

#include <krb5.h>
#include <stdbool.h>
#include <stdio.h>

#include "common/base/mem.h"

static const struct row {
	krb5_error_code code;
	const char *words;
	bool vague;		/* there is a reason behind it */
} rows[] = {
	{ KRB5_KDC_UNREACH, "no Kerberos server answers", false },
	{ KRB5_REALM_CANT_RESOLVE, "the addresses of the Kerberos servers cannot be found now", false },
	{ KRB5_REALM_UNKNOWN, "neither krb5.conf nor the DNS names a Kerberos server of the realm", false },
	{ KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN, "the Kerberos servers do not know this principal", false },
	{ KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN, "the Kerberos servers know no such service", false },
	{ KRB5KDC_ERR_CLIENT_REVOKED, "the Kerberos servers have locked this principal", false },
	{ KRB5KDC_ERR_NAME_EXP, "the Kerberos servers say that this principal has expired", false },
	{ KRB5KDC_ERR_KEY_EXP, "the Kerberos servers say that its password has expired", false },
	{ KRB5KDC_ERR_PREAUTH_FAILED, "the keytab does not fit: the principal has another key now", false },
	{ KRB5KRB_AP_ERR_BAD_INTEGRITY, "the keytab does not fit: the principal has another key now", false },
	{ KRB5_KT_NOTFOUND, "the keytab has no key of this principal", false },
	{ KRB5_KEYTAB_BADVNO, "the keytab file is no keytab", false },
	{ KRB5_KT_END, "the keytab has no key of this principal", false },
	{ KRB5KDC_ERR_ETYPE_NOSUPP, "the Kerberos servers take no key of the kinds in the keytab", false },
	{ KRB5KRB_AP_ERR_SKEW, "the clock of this host is not that of the other end", false },
	{ KRB5_KDCREP_SKEW, "the clock of this host is not that of the Kerberos servers", false },
	{ KRB5KRB_AP_ERR_TKT_NYV, "the clock of this host is behind that of the Kerberos servers", false },
	{ KRB5KRB_AP_ERR_MODIFIED, "its key is not the one that the Kerberos servers have for it", false },
	{ KRB5KRB_AP_ERR_BADKEYVER, "its key is not the one that the Kerberos servers have for it", false },
	{ KRB5KRB_AP_ERR_NOKEY, "its key is not the one that the Kerberos servers have for it", false },
	{ KRB5KRB_AP_ERR_TKT_EXPIRED, "the ticket has ended", true },
};

static const struct row *
find_row(krb5_error_code code)
{
	for (size_t i = 0; i < nitems_of(rows); i++)
		if (rows[i].code == code)
			return &rows[i];
	return NULL;
}

const char *
ticket_fault_words(int32_t code)
{
	const struct row *row = find_row(code);

	return row != NULL ? row->words : NULL;
}

/* What the Kerberos servers say when they are asked for a ticket that is thrown away; 0: they give one. */
static krb5_error_code
try_keytab(krb5_context context, const char *user, const char *keytab)
{
	krb5_principal principal = NULL;
	krb5_keytab keys = NULL;
	krb5_creds creds;
	krb5_error_code code = krb5_parse_name(context, user, &principal);

	if (code == 0)
		code = krb5_kt_resolve(context, keytab, &keys);
	if (code == 0)
		code = krb5_get_init_creds_keytab(context, &creds, principal, keys, 0, NULL, NULL);
	if (code == 0)
		krb5_free_cred_contents(context, &creds);
	if (keys != NULL)
		krb5_kt_close(context, keys);
	krb5_free_principal(context, principal);
	return code;
}

void
ticket_fault_say(char *dst, size_t size, const char *user, const char *keytab, int32_t code)
{
	const struct row *row = find_row(code);
	krb5_context context;
	krb5_error_code reason = 0;
	const char *text;

	if (krb5_init_context(&context) != 0) {
		snprintf(dst, size, "Kerberos cannot be used: krb5.conf is not good");
		return;
	}
	if (row == NULL || row->vague)
		reason = try_keytab(context, user, keytab);
	if (reason == 0)
		reason = code;
	row = find_row(reason);
	text = row == NULL ? krb5_get_error_message(context, reason) : NULL;
	snprintf(dst, size, "no ticket for %s: %s", user, row != NULL ? row->words : text);
	krb5_free_error_message(context, text);
	krb5_free_context(context);
}
