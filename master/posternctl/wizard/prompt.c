/*
 * prompt - questions and answers on a terminal, line by line
 *
 * Runs in:  posternctl
 * Owns:     nothing; the terminal stays in the mode in which it is: any will do, and Ctrl-C ends the command
 * Promise:  what is no text that may be shown is told and asked again. An answer is never cut
 * Fails by: NULL: the input has ended
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/base/utf8.h"
#include "common/command/control_words.h"
#include "master/posternctl/wizard/wizard.h"

#define ANSWER_MAX (CONTROL_WORD_SIZE - 256)	/* bytes: with its key it is one word of a command */
#define WIDTH 80U
#define WIDTH_MIN 20U

bool
prompt_is_possible(void)
{
	return isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1;
}

/* --- text --- */

static size_t
width_of_terminal(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == -1 || size.ws_col < WIDTH_MIN)
		return WIDTH;
	return size.ws_col < WIDTH ? size.ws_col : WIDTH;
}

/* Characters; those of East Asia, which are wider, only make a line longer. */
static size_t
count_columns(const char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)text[i] & 0xc0) != 0x80;
	return n;
}

void
prompt_say(const char *text)
{
	size_t width = width_of_terminal() - 1, column = 0;

	while (*text != '\0') {
		size_t len = strcspn(text, " \n"), columns = count_columns(text, len);

		if (column > 0 && column + 1 + columns > width) {
			putchar('\n');
			column = 0;
		}
		printf("%s%.*s", column > 0 ? " " : "", (int)len, text);
		column += columns + (column > 0);
		text += len;
		if (*text == '\n') {
			putchar('\n');
			column = 0;
		}
		text += *text != '\0';
	}
	if (column > 0)
		putchar('\n');
}

/* --- answers --- */

static const char *
fault_of(const char *line, size_t len)
{
	if (len >= ANSWER_MAX)
		return "That is too long.";
	for (size_t at = 0, n; at < len; at += n)
		if ((n = utf8_take_printable((const unsigned char *)line + at, len - at)) == 0)
			return "That has a character that cannot be shown, or is no UTF-8.";
	return NULL;
}

static char *
trim(char *line)
{
	char *begin = line + strspn(line, " \t"), *end = begin + strlen(begin);

	while (end > begin && (end[-1] == ' ' || end[-1] == '\t'))
		*--end = '\0';
	memmove(line, begin, (size_t)(end - begin) + 1);
	return line;
}

/* Without its end; NULL: there is no more. A line that the end of the input cuts off is none. */
static char *
read_line(size_t *len)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t n;

	fflush(stdout);
	n = getline(&line, &room, stdin);
	if (n <= 0 || line[n - 1] != '\n') {
		free(line);
		putchar('\n');
		return NULL;
	}
	line[--n] = '\0';
	*len = (size_t)n;
	return line;
}

char *
prompt_ask(const char *question, const char *standard)
{
	for (;;) {
		const char *fault;
		char *line;
		size_t len;

		printf("%s%s%s%s: ", question, standard != NULL ? " [" : "", standard != NULL ? standard : "",
		    standard != NULL ? "]" : "");
		line = read_line(&len);
		if (line == NULL)
			return NULL;
		fault = fault_of(line, len);
		if (fault == NULL && *trim(line) != '\0')
			return line;
		free(line);
		if (fault != NULL)
			prompt_say(fault);
		else if (standard != NULL)
			return mem_strdup(standard);
	}
}

/* The word, or its first letter. */
static bool
is_word(const char *line, const char *word)
{
	return strcasecmp(line, word) == 0 || (line[1] == '\0' && strncasecmp(line, word, 1) == 0);
}

int
prompt_confirm(const char *question, bool standard)
{
	for (;;) {
		char *line = prompt_ask(question, standard ? "yes" : "no");
		int answer = line == NULL ? -1 : is_word(line, "yes") ? 1 : is_word(line, "no") ? 0 : 2;

		free(line);
		if (answer != 2)
			return answer;
		prompt_say("Say yes or no.");
	}
}
