/*
 * passwd_file - the password file: what was taken is found again, is fair, and is the same once it was
 * written anew
 */
#include "t/fuzz/fuzz.h"
#include "common/account/passwd_file.h"
#include "common/base/mem.h"
#include "listener/auth/auth.h"

static void
on_fault(void *arg, unsigned line, const char *why)
{
	fuzz_check(line > 0 && line <= *(unsigned *)arg && why != NULL && why[0] != '\0');
}

static void
check_scram(const struct passwd_account *a)
{
	struct buf text = BUF_INIT(4096);
	struct passwd_account again;
	const char *why = NULL;

	fuzz_check(a->iterations >= PASSWD_ITERATIONS_MIN && a->iterations <= PASSWD_ITERATIONS_MAX &&
	    a->salt_len <= PASSWD_SALT_MAX);
	buf_printf(&text, "%s:", a->name);
	passwd_file_format_scram(&text, a);
	fuzz_check(passwd_file_parse(&again, buf_text(&text), text.len, &why) == 1);
	fuzz_check(again.hash == NULL && again.iterations == a->iterations && again.salt_len == a->salt_len);
	fuzz_check(memcmp(again.salt, a->salt, a->salt_len) == 0 && memcmp(again.stored, a->stored,
	    sizeof(a->stored)) == 0);
	passwd_file_done(&again);
	buf_done(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	unsigned lines = 1;
	char *copy = malloc(len + 1);
	struct passwd_account decoy;
	static const struct password_check check;

	memcpy(copy, data, len);
	copy[len] = '\0';
	for (size_t i = 0; i < len; i++)
		lines += data[i] == '\n';
	struct passwd_account_list *l = passwd_file_list_parse(copy, len, on_fault, &lines);
	for (size_t i = 0; i < l->count; i++) {
		const struct passwd_account *a = &l->account[i];

		fuzz_check(passwd_file_name_is_good(a->name, strlen(a->name)) &&
		    passwd_file_find(l, a->name) == a);
		if (a->hash == NULL)
			check_scram(a);
	}
	password_check_decoy(&check, l, copy, &decoy);
	fuzz_check(decoy.iterations >= PASSWD_ITERATIONS_MIN && decoy.salt_len <= PASSWD_SALT_MAX);
	passwd_file_list_free(l);
	free(copy);
	return 0;
}
