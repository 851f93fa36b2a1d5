/*
 * json_print - strings of JSON on the standard output
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  quotes and backslashes are escaped; the text holds no control byte
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
