/*
 * sessions_command - posternctl sessions: from options to a command, its answer as a table or as JSON
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  rows go to the standard output, remarks to the standard error output
 * Fails by: an exit status
 */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/answers/answers.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/config/key.h"
#include "common/msg/msg_sessions.h"
#include "master/posternctl/posternctl.h"
#include "master/posternctl/table/table.h"

#define COLUMNS (MSG_SESSIONS_COLUMNS + 1)	/* the master adds the name of the virtual server */
enum { COLUMN_ID, COLUMN_SERVER, COLUMN_CLIENT, COLUMN_SINCE, COLUMN_IDLE, COLUMN_STATE, COLUMN_MESSAGES,
    COLUMN_TLS,
	COLUMN_CERTIFICATE, COLUMN_KIND, COLUMN_NAME };

/* --- options --- */

static bool
is_session_id(const char *word)
{
	size_t pid = strspn(word, "0123456789");

	return pid > 0 && word[pid] == '-' && word[pid + 1] != '\0' &&
	    word[pid + 1 + strspn(word + pid + 1, "0123456789")] == '\0';
}

static bool
add_word(struct sessions_command *s, const char *key, const char *value)
{
	if (s->count == COMMAND_WORDS_MAX || strlen(key) + strlen(value) >= COMMAND_WORD_SIZE)
		return false;
	snprintf(s->word[s->count++], COMMAND_WORD_SIZE, "%s%s", key, value);
	return true;
}

static bool
add_idle(struct sessions_command *s, const char *value)
{
	char ms[24];
	uint64_t n;

	if (key_parse_time(value, &n) == -1)
		return false;
	snprintf(ms, sizeof(ms), "%llu", (unsigned long long)n);
	return add_word(s, "idle=", ms);
}

static const struct session_option {
	const char *option, *key;
	const char *value;		/* what the value is; NULL: it has none */
	bool ending;			/* for terminate only */
} option_rows[] = {
	{ "--from", "from=", "an address or network", false }, { "--user", "user=", "a user's name", false },
	{ "--idle", "idle=", COMPLAINT_TIME, false }, { "--json", NULL, NULL, false },
	{ "--all", "all", NULL, true }, { "--yes", "yes", NULL, true },
};

static const char *
option_name(const void *arg, size_t i)
{
	const struct sessions_command *s = arg;

	while (i < nitems_of(option_rows) && option_rows[i].ending && !s->terminate)
		i++;
	return i < nitems_of(option_rows) ? option_rows[i].option : NULL;
}

/* Takes one option and its value: how many words; 0: not understood. */
static size_t
take_option(struct sessions_command *s, const char *const *words, size_t count, struct buf *why)
{
	for (size_t i = 0; i < nitems_of(option_rows); i++) {
		const struct session_option *row = &option_rows[i];
		const char *value = "";
		size_t used = 1;
		bool good;

		if (row->ending && !s->terminate)
			continue;
		if (row->value == NULL ? strcmp(words[0], row->option) != 0 :
		    !options_match(words, count, row->option, &value, &used))
			continue;
		if (row->key == NULL)
			return s->json = true;
		good = value != NULL && (strcmp(row->key, "idle=") == 0 ? add_idle(s, value) :
		    add_word(s, row->key, value));
		if (!good)
			complaint_value(why, row->option, value,
			    row->value != NULL ? row->value : "fewer words");
		return good ? used : 0;
	}
	complaint_unknown(why, "option", words[0], option_name, s);
	return 0;
}

bool
sessions_command_parse(struct sessions_command *s, const char *const *words, size_t count, struct buf *why)
{
	const char *name = NULL;
	size_t chosen;

	memset(s, 0, sizeof(*s));
	s->terminate = count > 0 && strcmp(words[0], "terminate") == 0;
	(void)add_word(s, "", "-");
	(void)add_word(s, "", s->terminate ? "terminate" : "list");
	for (size_t i = s->terminate ? 1 : 0, used; i < count; i += used) {
		used = 1;
		if (s->terminate && is_session_id(words[i])) {
			if (!add_word(s, "id=", words[i])) {
				buf_puts(why, "there are too many ids for one command");
				return false;
			}
		} else if (words[i][0] == '-') {
			used = take_option(s, words + i, count - i, why);
			if (used == 0)
				return false;
		} else if (name == NULL) {
			name = words[i];
		} else {
			buf_printf(why, "%.60s: one virtual server is named already, %.60s", words[i], name);
			return false;
		}
	}
	if (name != NULL)
		snprintf(s->word[0], COMMAND_WORD_SIZE, "%s", name);
	chosen = 0;
	for (size_t i = 2; i < s->count; i++)
		chosen += strcmp(s->word[i], "yes") != 0;
	if (!s->terminate || chosen > 0)
		return true;
	if (name != NULL)
		buf_printf(why, "%.60s is no id of a session, and so names a virtual server; ", name);
	buf_puts(why, "say which sessions: ids, --all, --from, --user or --idle");
	return false;
}

/* --- the answer --- */

/* Cuts a row into its columns. False: it has another number of them. */
static bool
cut_fields(char *line, char *column[COLUMNS])
{
	size_t n = 0;

	for (char *one; (one = strsep(&line, "\t")) != NULL; n++)
		if (n < COLUMNS)
			column[n] = one;
	return n == COLUMNS;
}

static void
print_row(char *column[COLUMNS])
{
	static const char form[] = "%-12s %-12s %-24s %-20s %7s %-10s %8s %-8s %s\n";
	char since[CLOCK_DATE_SIZE], idle[24], name[1200];
	bool user, certificate;

	answers_value_time(since, column[COLUMN_SINCE]);
	snprintf(idle, sizeof(idle), "%llus", strtoull(column[COLUMN_IDLE], NULL, 10) / 1000);
	user = strcmp(column[COLUMN_KIND], "user") == 0 || strcmp(column[COLUMN_KIND], "-") == 0;
	certificate = strcmp(column[COLUMN_CERTIFICATE], "-") != 0;
	snprintf(name, sizeof(name), user ? "%s%s%s" : "(%s)%s%s", column[COLUMN_NAME],
	    certificate ? " certificate " : "", certificate ? column[COLUMN_CERTIFICATE] : "");
	printf(form, column[COLUMN_ID], column[COLUMN_SERVER], column[COLUMN_CLIENT], since, idle,
	    column[COLUMN_STATE], column[COLUMN_MESSAGES], column[COLUMN_TLS], name);
}

void
sessions_command_print(char *text)
{
	const struct answers_table *table = answers_rows_find("sessions", "list");
	json_t *rows = json_array(), *row;

	for (char *line; (line = strsep(&text, "\n")) != NULL;) {
		char *column[COLUMNS];

		if (line[0] == '!')
			fprintf(stderr, "posternctl: %s\n", line + 1);
		else if (line[0] == '=')
			printf("%s\n", line + 1);
		else if (columns_are_for_people() && strchr(line, '\t') != NULL) {
			row = answers_line_tabs(table, NULL, line);
			if (row != NULL)
				json_array_append_new(rows, row);
		} else if (cut_fields(line, column)) {
			print_row(column);
		} else if (line[0] != '\0')
			fprintf(stderr, "posternctl: %s\n", line); /* a refusal */
	}
	columns_print(table, rows, true);
	json_decref(rows);
}
