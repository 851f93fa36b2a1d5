/*
 * import_offer - what postern-import says, judged, with the words that make each virtual server: for the
 * manager, which shows it and has it made
 *
 * Runs in:  posternctl, web
 * Owns:     nothing
 * Promise:  what a process has said that read a file of strangers is shown and offered only when it was
 *           judged
 * Fails by: false
 */
#include "common/import/import_offer.h"

#include "common/base/buf.h"
#include "common/import/import_command_line.h"
#include "common/import/import_judge.h"
#include "common/import/import_words.h"

#define SERVER_MAX (1U << 20)	/* bytes of the file of one */

bool
import_offer_make(json_t *document, const char *program, const char *hostname)
{
	json_t *server, *words;
	size_t i;

	if (!import_command_line_judge(document, program))
		return false;
	json_array_foreach(json_object_get(document, "servers"), i, server) {
		struct buf text = BUF_INIT(SERVER_MAX);

		words = import_judge_server(server, hostname, &text) ? import_words_make(server) : NULL;
		json_object_set_new(server, "create", words != NULL ? words : json_null());
		buf_done(&text);
	}
	return true;
}
