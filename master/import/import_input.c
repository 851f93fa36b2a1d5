/*
 * import_input - an input, whichever form it has, as objects of the SMTP service
 *
 * Runs in:  import
 * Owns:     nothing
 * Promise:  what it is, its bytes say, not its name
 * Fails by: node_tree_refuse
 */
#include <string.h>

#include "master/import/import.h"

void
import_input_read(struct node_tree *t, const char *data, size_t len)
{
	struct buf text = BUF_INIT(2 * IMPORT_FILE_MAX), why = BUF_INIT(300);
	bool utf8 = true;
	const char *start;
	size_t left;

	if (import_text_decode(&text, data, len, &utf8, &why) == -1)
		node_tree_refuse(t, "%s", buf_text(&why));
	start = buf_text(&text) + strspn(buf_text(&text), " \t\r\n");
	left = text.len - (size_t)(start - buf_text(&text));
	if (!node_tree_ok(t))
		;
	else if (*start == '<')
		metabase_xml_read(t, start, left, utf8 ? "UTF-8" : NULL);
	else if (*start != '{' && *start != '[')
		node_tree_refuse(t, "it is neither XML nor JSON");
	else if (!utf8)
		node_tree_refuse(t, "it is JSON, but neither in UTF-8 nor in UTF-16");
	else if (left > IMPORT_JSON_MAX)
		node_tree_refuse(t, "it is JSON of more than %uM", IMPORT_JSON_MAX >> 20);
	else
		wmi_json_read(t, start, left);
	buf_done(&text);
	buf_done(&why);
}
