/*
 * sample - writes the files of etc/ that are made from the key rows; not installed
 *
 * Runs in:  the build: make samples
 * Owns:     nothing
 * Promise:  "sample service" and "sample server" write a commented INI file; "sample keys" writes a line for
 *           each key; "sample manual FILE" writes the page with new text between
 *           `.\" keys SECTION`, or `.\" metrics`, and `.\" end`; all on standard output
 * Fails by: exit 64, 65, 66 or 74
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "common/config/key.h"
#include "common/process/counters_text.h"

/* Copies the page, with new text between the markers. -1: the markers are wrong, or a read error. */
static int
renew_page(FILE *page, FILE *out)
{
	char line[1024], name[32];
	bool inside = false;

	while (fgets(line, sizeof(line), page) != NULL) {
		enum key_section section;

		if (strncmp(line, ".\\\" end", 7) == 0)
			inside = false;
		if (!inside)
			fputs(line, out);
		if (strncmp(line, ".\\\" metrics", 11) == 0) {
			counters_text_manual(out);
			inside = true;
		}
		if (sscanf(line, ".\\\" keys %31s", name) != 1)
			continue;
		section = key_section_find(name);
		if (section == KEY_SECTION_COUNT)
			return -1;
		key_print_manual(out, section);
		inside = true;
	}
	return inside || ferror(page) ? -1 : 0;
}

static int
print_page(const char *path)
{
	FILE *page = fopen(path, "re");
	int result;

	if (page == NULL) {
		perror(path);
		return EX_NOINPUT;
	}
	result = renew_page(page, stdout);
	fclose(page);
	if (result == -1)
		fprintf(stderr, "%s: the key markers are not in order\n", path);
	return result == -1 ? EX_DATAERR : EX_OK;
}

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "service") == 0)
		key_print_sample(stdout, false);
	else if (argc == 2 && strcmp(argv[1], "server") == 0)
		key_print_sample(stdout, true);
	else if (argc == 2 && strcmp(argv[1], "keys") == 0)
		key_print_names(stdout);
	else if (argc == 3 && strcmp(argv[1], "manual") == 0)
		return print_page(argv[2]);
	else {
		fputs("usage: sample service | server | keys | manual FILE\n", stderr);
		return EX_USAGE;
	}
	return fflush(stdout) == 0 ? EX_OK : EX_IOERR;
}
