/*
 * nodes_list - the names behind --on; pure
 *
 * Runs in:  posternctl
 * Owns:     the nodes
 * Promise:  no name is an option of ssh, and none is there twice
 * Fails by: NULL, and it says which name is wrong
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "master/posternctl/nodes/nodes.h"

#define TEXT_MAX (64U << 20)	/* bytes that a node may answer */
#define REMARKS_MAX 65536U
#define NAME_MAX_LEN 255

static bool
judge(const struct node *nodes, size_t count, const char *name, struct buf *why)
{
	bool good = *name != '\0' && *name != '-' && strlen(name) <= NAME_MAX_LEN;

	for (const char *c = name; good && *c != '\0'; c++)
		good = (unsigned char)*c > ' ' && *c != 0x7f;
	if (!good)
		buf_printf(why, "--on: \"%.60s\" is no name of a host", log_safe(name));
	else if (count == NODES_MAX)
		buf_printf(why, "--on: these are more than %d hosts", NODES_MAX);
	for (size_t i = 0; good && i < count; i++)
		if (strcmp(nodes[i].name, name) == 0) {
			buf_printf(why, "--on: %.60s is there twice", name);
			break;
		}
	return why->len == 0;
}

struct node *
nodes_list_parse(const char *list, size_t *count, struct buf *why)
{
	struct node *nodes = NULL;
	char *copy = mem_strdup(list), *rest = copy, *name;

	*count = 0;
	while ((name = strsep(&rest, ",")) != NULL && judge(nodes, *count, name, why)) {
		nodes = mem_array(nodes, *count + 1, sizeof(*nodes));
		nodes[(*count)++] = (struct node){ .name = mem_strdup(name), .process = -1, .out = -1,
			.err = -1, .text = BUF_INIT(TEXT_MAX), .remarks = BUF_INIT(REMARKS_MAX),
			.error = BUF_INIT(REMARKS_MAX) };
	}
	free(copy);
	if (why->len == 0)
		return nodes;
	nodes_list_free(nodes, *count);
	return NULL;
}

void
nodes_list_free(struct node *nodes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(nodes[i].name);
		buf_done(&nodes[i].text);
		buf_done(&nodes[i].remarks);
		buf_done(&nodes[i].error);
		json_decref(nodes[i].document);
	}
	free(nodes);
}
