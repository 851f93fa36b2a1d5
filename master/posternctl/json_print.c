/*
 * json_print - strings of JSON on the standard output
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  quotes and backslashes are escaped; control bytes are not, the caller has none
 * Fails by: not at all
 */
#include <stdio.h>

#include "master/posternctl/posternctl.h"

void
json_print_string(const char *text)
{
	putchar('"');
	for (; *text != '\0'; text++)
		printf(*text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
	putchar('"');
}
