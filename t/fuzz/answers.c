/*
 * answers - the text that the service answers, as JSON: whatever stands in it, the document is JSON that a reader
 * takes, and does a terminal no harm. The first line has the words of the command; the rest is the text.
 */
#include "common/answers/answers.h"
#include "common/base/utf8.h"
#include "t/fuzz/fuzz.h"

#define WORDS_MAX 8

static void
check_document(const json_t *document)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	json_t *again;

	answers_print(document, out);
	fclose(out);
	for (size_t i = 0, n; i < len; i += n) {
		n = text[i] == '\n' ? 1 : utf8_take_printable((const unsigned char *)text + i, len - i);
		fuzz_check(n > 0);
	}
	again = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
	fuzz_check(json_is_object(again) && json_is_integer(json_object_get(again, "schema")));
	json_decref(again);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text = malloc(len + 1), *rest = text, *line, *word;
	const char *words[WORDS_MAX];
	size_t count = 0;
	json_t *document;

	memcpy(text, data, len);
	text[len] = '\0';
	line = strsep(&rest, "\n");
	while ((word = strsep(&line, " ")) != NULL && count < WORDS_MAX)
		words[count++] = word;
	document = answers_json(words, count, rest != NULL ? rest : "");
	if (document != NULL)
		check_document(document);
	json_decref(document);
	free(text);
	return 0;
}
