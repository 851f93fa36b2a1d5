/*
 * login_name - who logged in to the manager by a password file or with Kerberos: "account:bob",
 * "kerberos:bob@EXAMPLE.COM"; no user of this host can have a name with a colon
 */
#ifndef COMMON_ACCOUNT_LOGIN_NAME_H
#define COMMON_ACCOUNT_LOGIN_NAME_H

#include <stdbool.h>
#include <stddef.h>

#define LOGIN_NAME_SIZE 268		/* a name of 255 bytes with what stands before it */
#define LOGIN_NAME_AUTHOR_SIZE 608	/* of what an event says of who gave a command */

enum login_name_kind { LOGIN_NAME_ACCOUNT, LOGIN_NAME_KERBEROS, LOGIN_NAME_KINDS };

/* The kind that `text` begins with, and in *name (NULL is fine) what follows; LOGIN_NAME_KINDS: none. */
enum login_name_kind login_name_kind(const char *text, const char **name);
/* False: no name, or it is too long. */
bool login_name_format(char dst[LOGIN_NAME_SIZE], enum login_name_kind kind, const char *name)
    __attribute__((warn_unused_result));
/* Accounts are told apart as in their file, without regard to ASCII letter case; principals are exact. */
bool login_name_is_same(const char *a, const char *b);
/* For events and the history: "uid=0"; "user=account:bob" where there is such a name ("": none). */
void login_name_put_author(char dst[LOGIN_NAME_AUTHOR_SIZE], unsigned uid, const char *login);

#endif
