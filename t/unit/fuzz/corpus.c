/*
 * corpus - each fuzz target takes the inputs of t/fuzz/corpus, without libFuzzer; the last name shown is the one
 * that failed
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "t/unit/check_main.h"

/* TARGETS comes from the Makefile: TARGET(address) TARGET(bdat) ... */
typedef int run_target(const uint8_t *data, size_t len);
#define TARGET(name) run_target fuzz_##name;
TARGETS
#undef TARGET
#define TARGET(name) { #name, fuzz_##name },
static const struct { const char *name; run_target *run; } targets[] = { TARGETS };

static void
run_file(run_target *run, const char *path)
{
	static uint8_t data[1U << 20];
	FILE *file = fopen(path, "rb");
	size_t len;

	ck_assert_ptr_nonnull(file);
	len = fread(data, 1, sizeof(data), file);
	fclose(file);
	fprintf(stderr, "%s\n", path);
	ck_assert_int_eq(run(data, len), 0);
}

START_TEST(test_corpus)
{
	char *folder = mem_printf("t/fuzz/corpus/%s", targets[_i].name);
	DIR *dir = opendir(folder);
	struct dirent *entry;
	unsigned files = 0;

	ck_assert_msg(dir != NULL, "no %s: see t/fuzz/keep", folder);
	while ((entry = readdir(dir)) != NULL) {
		char *path = mem_printf("%s/%s", folder, entry->d_name);

		if (entry->d_name[0] != '.') {
			run_file(targets[_i].run, path);
			files++;
		}
		free(path);
	}
	closedir(dir);
	free(folder);
	ck_assert_msg(files > 0, "%s has no inputs", targets[_i].name);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("corpus");
	TCase *tc = tcase_create("corpus");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tc, 200);
	tcase_add_loop_test(tc, test_corpus, 0, (int)nitems_of(targets));
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
