/*
 * msg_accounts - the accounts of a password file for an operator: messages between the master and the auth
 * helper
 *
 * The master opens the files and looks into none of them. What is to be done comes behind the descriptors
 * that it needs: OLD, the file as it is, to be read; NEW, an empty one that takes its place, to be written.
 * The answer is CTL_TEST_TEXT and CTL_TEST_END.
 */
#ifndef COMMON_MSG_MSG_ACCOUNTS_H
#define COMMON_MSG_MSG_ACCOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/account/passwd_file.h"

enum msg_accounts_verb {
	ACCOUNTS_OLD, ACCOUNTS_NEW,	/* with a descriptor for what follows at once; no answer */
	/* "kind TAB name TAB last login"; lines without a tab: what is wrong */
	ACCOUNTS_LIST,
	ACCOUNTS_SET,		/* with the password as a descriptor: it is made, or has that password */
	ACCOUNTS_REMOVE,
	ACCOUNTS_FORGET,		/* password files are opened anew before they are used again */
	ACCOUNTS_VERBS
};

struct msg_accounts {		/* payload of CTL_ACCOUNTS */
	uint8_t verb;
	uint8_t yescrypt;
	char server[64];	/* whose logins are told; "": those to the manager */
	char name[PASSWD_NAME_MAX + 1];
};

/* Copies a received payload; false when it is none. */
bool msg_accounts_take(struct msg_accounts *a, const void *data, size_t len);

#endif
