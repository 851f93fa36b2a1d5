/*
 * sample - prints the commented sample INI files and the manual's key lists from the key table
 *
 * Runs in:  the build (`make samples`), lints
 * Owns:     nothing
 * Promise:  what it prints is what the programs know
 * Fails by: exit 64 on a word it does not know
 */
#include <stdio.h>
#include <string.h>

#include "common/process/key.h"

static int
print_section(const char *name)
{
	for (enum key_section section = 0; section < KEY_SECTION_COUNT; section++) {
		if (strcmp(name, key_section_name(section)) == 0) {
			key_print_manual(stdout, section);
			return 0;
		}
	}
	fprintf(stderr, "sample: no section %s\n", name);
	return 64;
}

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "service") == 0)
		key_print_sample(stdout, false);
	else if (argc == 2 && strcmp(argv[1], "server") == 0)
		key_print_sample(stdout, true);
	else if (argc == 3 && strcmp(argv[1], "manual") == 0)
		return print_section(argv[2]);
	else {
		fprintf(stderr, "usage: sample service | server | manual SECTION\n");
		return 64;
	}
	return 0;
}
