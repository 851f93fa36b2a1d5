/* passwords - the password file: what was taken is found again, is fair, and is the same once it was written anew */
#include "t/fuzz/fuzz.h"
#include "common/base/account.h"
#include "common/base/mem.h"
#include "listener/auth/auth.h"

static void
on_fault(void *arg, unsigned line, const char *why)
{
	fuzz_check(line > 0 && line <= *(unsigned *)arg && why != NULL && why[0] != '\0');
}

static void
check_scram(const struct account *a)
{
	struct buf text = BUF_INIT(4096);
	struct account again;
	const char *why = NULL;

	fuzz_check(a->iterations >= ACCOUNT_ITERATIONS_MIN && a->iterations <= ACCOUNT_ITERATIONS_MAX && a->salt_len <= ACCOUNT_SALT_MAX);
	buf_printf(&text, "%s:", a->name);
	account_format_scram(&text, a);
	fuzz_check(account_parse(&again, buf_text(&text), text.len, &why) == 1);
	fuzz_check(again.hash == NULL && again.iterations == a->iterations && again.salt_len == a->salt_len);
	fuzz_check(memcmp(again.salt, a->salt, a->salt_len) == 0 && memcmp(again.stored, a->stored, sizeof(a->stored)) == 0);
	account_done(&again);
	buf_done(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	unsigned lines = 1;
	char *copy = malloc(len + 1);
	struct account decoy;

	memcpy(copy, data, len);
	copy[len] = '\0';
	for (size_t i = 0; i < len; i++)
		lines += data[i] == '\n';
	struct account_list *l = account_list_parse(copy, len, on_fault, &lines);
	for (size_t i = 0; i < l->count; i++) {
		const struct account *a = &l->account[i];
		fuzz_check(account_name_is_good(a->name, strlen(a->name)) && account_find(l, a->name) == a);
		if (a->hash == NULL)
			check_scram(a);
	}
	verify_decoy(l, copy, &decoy);
	fuzz_check(decoy.iterations >= ACCOUNT_ITERATIONS_MIN && decoy.salt_len <= ACCOUNT_SALT_MAX);
	account_list_free(l);
	free(copy);
	return 0;
}
