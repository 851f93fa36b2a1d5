/*
 * metabase_xml - MetaBase.xml and what the console of IIS exports
 *
 * Runs in:  import
 * Owns:     the parser while it reads
 * Promise:  a document type, and with it every entity of its own, is refused at its first byte; elements are
 *           bounded in depth, attributes by the tree
 * Fails by: node_tree_refuse, with the line
 */
#include <expat.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "master/import/import.h"

struct metabase_xml {
	XML_Parser parser;
	struct node_tree *tree;
	unsigned depth;
	unsigned inside;	/* depth of the object that is open; 0: none */
	struct node *node;	/* that object; NULL: it is of no use here */
	size_t objects;		/* all elements with a location */
};

static const char *
attribute(const char **pairs, const char *name)
{
	for (; pairs[0] != NULL; pairs += 2)
		if (strcasecmp(pairs[0], name) == 0)
			return pairs[1];
	return NULL;
}

static void
refuse(struct metabase_xml *x, const char *why)
{
	node_tree_refuse(x->tree, "line %lu: %s", (unsigned long)XML_GetCurrentLineNumber(x->parser), why);
	XML_StopParser(x->parser, XML_FALSE);
}

static void
take_custom(struct metabase_xml *x, const char **pairs)
{
	const char *name = attribute(pairs, "Name"), *id = attribute(pairs, "ID"),
	    *value = attribute(pairs, "Value");
	uint64_t number = 0;

	if (x->node == NULL || (name == NULL && id == NULL))
		return;
	if (id != NULL && (!convert_number(id, &number) || number > UINT32_MAX))
		number = 0;
	node_tree_put(x->tree, x->node, name, (uint32_t)number, value != NULL ? value : "",
	    value != NULL ? strlen(value) : 0);
}

static void
take_object(struct metabase_xml *x, const char *location, const char **pairs)
{
	x->objects++;
	x->inside = x->depth;
	x->node = node_tree_add(x->tree, location);
	for (; x->node != NULL && pairs[0] != NULL; pairs += 2)
		if (strcasecmp(pairs[0], "Location") != 0)
			node_tree_put(x->tree, x->node, pairs[0], 0, pairs[1], strlen(pairs[1]));
}

static void
on_start(void *arg, const char *element, const char **pairs)
{
	struct metabase_xml *x = arg;
	const char *location = attribute(pairs, "Location");

	if (++x->depth > IMPORT_DEPTH_MAX) {
		refuse(x, "elements in elements, deeper than any metabase has them");
		return;
	}
	if (x->inside == 0 && location != NULL)
		take_object(x, location, pairs);
	else if (x->inside == 0 && strncasecmp(element, "IIsSmtp", 7) == 0)
		node_tree_remark(x->tree, "line %lu: %.60s has no Location; left out",
		    (unsigned long)XML_GetCurrentLineNumber(x->parser), element);
	else if (x->inside != 0 && strcasecmp(element, "Custom") == 0)
		take_custom(x, pairs);
	if (!node_tree_ok(x->tree))
		XML_StopParser(x->parser, XML_FALSE);
}

static void
on_end(void *arg, const char *element)
{
	struct metabase_xml *x = arg;

	if (x->depth == x->inside) {
		x->inside = 0;
		x->node = NULL;
	}
	x->depth--;
}

static void
on_doctype(void *arg, const char *name, const char *sysid, const char *pubid, int internal)
{
	refuse(arg, "a document type: no metabase has one, and entities are not taken");
}

void
metabase_xml_read(struct node_tree *t, const char *text, size_t len, const char *encoding)
{
	struct metabase_xml x = { .tree = t, .parser = XML_ParserCreate(encoding) };
	enum XML_Status status = XML_STATUS_ERROR;

	if (x.parser != NULL) {
		XML_SetUserData(x.parser, &x);
		XML_SetElementHandler(x.parser, on_start, on_end);
		XML_SetStartDoctypeDeclHandler(x.parser, on_doctype);
		status = XML_Parse(x.parser, text, (int)len, XML_TRUE);	/* IMPORT_FILE_MAX fits */
	}
	if (status != XML_STATUS_OK)
		node_tree_refuse(t, "line %lu: %s", x.parser != NULL ?
		    (unsigned long)XML_GetCurrentLineNumber(x.parser) : 0,
		    x.parser != NULL ? XML_ErrorString(XML_GetErrorCode(x.parser)) : "no memory");
	else if (x.objects == 0)
		node_tree_refuse(t, "it is XML, but has no object with a Location: no MetaBase.xml and no "
		    "export of IIS");
	if (x.parser != NULL)
		XML_ParserFree(x.parser);
}
