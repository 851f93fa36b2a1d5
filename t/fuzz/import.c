/*
 * import - configurations of IIS: MetaBase.xml and JSON. Each text of the outcome may be shown, each key is in the
 * table of keys, each command is one line, and nobody gets more rights: a relay list is "only"
 */
#include "t/fuzz/fuzz.h"

#include "common/base/mem.h"
#include "common/base/utf8.h"
#include "common/config/key.h"
#include "master/import/import.h"

static void
check_text(const char *text)
{
	size_t len = strlen(text), n;

	for (size_t at = 0; at < len; at += n) {
		n = utf8_take_printable((const unsigned char *)text + at, len - at);
		fuzz_check(n > 0);
	}
}

static void
check_all(json_t *value)
{
	const char *key;
	json_t *item;
	size_t i;

	if (json_is_string(value))
		check_text(json_string_value(value));
	json_array_foreach(value, i, item)
		check_all(item);
	json_object_foreach(value, key, item)
		check_all(item);
}

static void
check_keys(json_t *keys, bool domain)
{
	const char *key;
	json_t *value;

	json_object_foreach(keys, key, value) {
		char section[16] = "domain";
		const char *dot = strchr(key, '.');

		fuzz_check(json_is_string(value) && domain == (dot == NULL));
		if (dot != NULL)
			snprintf(section, sizeof(section), "%.*s", (int)(dot - key), key);
		fuzz_check(key_find(key_section_find(section), dot != NULL ? dot + 1 : key) != NULL);
	}
}

static void
check_server(json_t *server)
{
	const char *name = json_string_value(json_object_get(server, "name")), *domain;
	json_t *keys = json_object_get(server, "keys"), *of_domain;
	const char *relay = json_string_value(json_object_get(keys, "access.relay"));

	fuzz_check(name != NULL && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(name) &&
	    name[0] != '-' && strlen(name) <= 32);
	fuzz_check(relay != NULL && strcmp(relay, "only") == 0);
	check_keys(keys, false);
	json_object_foreach(json_object_get(server, "domains"), domain, of_domain)
		check_keys(of_domain, true);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct node_tree tree;
	struct outcome out;
	json_t *server;
	size_t i;
	/* a buffer of its own: reading past its end shows */
	char *copy = malloc(len > 0 ? len : 1);

	memcpy(copy, data, len);
	node_tree_init(&tree, &property_rows);
	import_input_read(&tree, copy, len);
	free(copy);
	outcome_init(&out, &tree);
	if (node_tree_ok(&tree))
		convert_server_run(&out, &tree, "/etc/postern", "posternctl");
	else
		outcome_refuse(&out, buf_text(&tree.why));
	check_all(out.root);
	fuzz_check(node_tree_ok(&tree) || json_array_size(json_object_get(out.root, "servers")) == 0);
	json_array_foreach(json_object_get(out.root, "servers"), i, server)
		check_server(server);
	outcome_done(&out);
	node_tree_done(&tree);
	return 0;
}
