/*
 * answers_topic - what an event is about, for those who watch; pure
 *
 * Runs in:  posternctl, web
 * Owns:     the table
 * Promise:  an event of a message that stands in no list is about messages; one that is no fact is trouble
 * Fails by: cannot
 */
#include <stdio.h>
#include <string.h>

#include "common/answers/answers.h"
#include "common/base/mem.h"

const char *const answers_topic_names[ANSWERS_TOPICS] = {
	[ANSWERS_TOPIC_SESSIONS] = "sessions", [ANSWERS_TOPIC_MESSAGES] = "messages",
	[ANSWERS_TOPIC_STATE] = "state", [ANSWERS_TOPIC_OPERATORS] = "operators",
	[ANSWERS_TOPIC_TROUBLE] = "trouble", [ANSWERS_TOPIC_COUNTERS] = "counters",
};

/* Those of the list; messages also have ids. */
static const char *const events[ANSWERS_TOPICS] = {
	[ANSWERS_TOPIC_SESSIONS] = " session auth lockout ",
	[ANSWERS_TOPIC_MESSAGES] = " refused badmailed accepted delivered deferred failed dropped ",
	[ANSWERS_TOPIC_STATE] = " state service exit crash bug config child lost ",
	[ANSWERS_TOPIC_OPERATORS] = " operator change ",
	[ANSWERS_TOPIC_TROUBLE] = " trouble crash bug ",
	[ANSWERS_TOPIC_COUNTERS] = "",
};

static bool
is_among(const char *list, const char *event)
{
	char word[64];

	return snprintf(word, sizeof(word), " %s ", event) < (int)sizeof(word) && strstr(list, word) != NULL;
}

unsigned
answers_topic_bits(const json_t *row)
{
	const char *event = json_string_value(json_object_get(row, "event"));
	const char *level = json_string_value(json_object_get(row, "level"));
	unsigned found = 0;

	for (size_t i = 0; event != NULL && i < ANSWERS_TOPICS; i++)
		if (is_among(events[i], event))
			found |= 1U << i;
	if (found == 0 && json_is_string(json_object_get(row, "id")))
		found = 1U << ANSWERS_TOPIC_MESSAGES;
	if (level != NULL && strcmp(level, "fact") != 0)
		found |= 1U << ANSWERS_TOPIC_TROUBLE;
	return found;
}

json_t *
answers_topic_list(const json_t *row)
{
	json_t *list = json_array();
	unsigned topics = answers_topic_bits(row);

	for (size_t i = 0; i < ANSWERS_TOPICS; i++)
		if ((topics & 1U << i) != 0)
			json_array_append_new(list, json_string(answers_topic_names[i]));
	return list;
}
