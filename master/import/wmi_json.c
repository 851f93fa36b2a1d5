/*
 * wmi_json - objects of the WMI classes of the SMTP service, as ConvertTo-Json of PowerShell writes them: one
 * or an array, several documents one behind the other
 *
 * Runs in:  import
 * Owns:     a document while it reads
 * Promise:  an array of bytes becomes what MetaBase.xml has: hexadecimal digits
 * Fails by: node_tree_refuse
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "master/import/import.h"

/* What PowerShell and WMI add to each object. */
static const char *const system_members[] = {
	"CimClass", "CimInstanceProperties", "CimSystemProperties", "PSComputerName", "RunspaceId",
	"PSShowComputerName", "Caption", "Description", "ElementName", "InstanceID", "SettingID", "Name",
	"Properties", "SystemProperties", "Qualifiers", "ClassPath", "Site", "Container", "Scope", "Options",
	"Path",
};

static bool
is_system(const char *name)
{
	if (name[0] == '_' && name[1] == '_')
		return true;
	for (size_t i = 0; i < nitems_of(system_members); i++)
		if (strcasecmp(name, system_members[i]) == 0)
			return true;
	return false;
}

/* A member in any letter case; NULL: there is none. */
static json_t *
member(json_t *object, const char *name)
{
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value)
		if (strcasecmp(key, name) == 0)
			return value;
	return NULL;
}

/* PowerShell 5 writes some arrays as {"value": [...], "Count": 2}. */
static json_t *
unwrap(json_t *value)
{
	json_t *inner = json_is_object(value) && json_object_size(value) == 2 &&
	    member(value, "Count") != NULL ? member(value, "value") : NULL;

	return inner != NULL ? inner : value;
}

static void
put_scalar(struct buf *text, json_t *value)
{
	if (json_is_string(value))
		buf_add(text, json_string_value(value), json_string_length(value));
	else if (json_is_integer(value))
		buf_printf(text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else if (json_is_real(value))
		buf_printf(text, "%.0f", json_real_value(value));
	else if (json_is_boolean(value))
		buf_puts(text, json_is_true(value) ? "TRUE" : "FALSE");
}

/* {IP, Port, Hostname} of a binding: "192.0.2.1:25:". */
static bool
put_binding(struct buf *text, json_t *value)
{
	json_t *ip = member(value, "IP"), *port = member(value, "Port");

	if (port == NULL)
		return false;
	if (ip != NULL)
		put_scalar(text, ip);
	buf_puts(text, ":");
	put_scalar(text, port);
	buf_puts(text, ":");
	return true;
}

static bool
is_bytes(json_t *array)
{
	size_t i;
	json_t *item;

	json_array_foreach(array, i, item)
		if (!json_is_integer(item) || json_integer_value(item) < 0 || json_integer_value(item) > 255)
			return false;
	return json_array_size(array) > 0;
}

/* False: it cannot be read as a value. */
static bool
put_array(struct buf *text, json_t *array)
{
	bool bytes = is_bytes(array);
	size_t i;
	json_t *item;

	json_array_foreach(array, i, item) {
		if (bytes) {
			buf_printf(text, "%02x", (unsigned)json_integer_value(item));
			continue;
		}
		if (i > 0)
			buf_puts(text, "\n");
		if (json_is_object(item) && !put_binding(text, item))
			return false;
		if (json_is_array(item))
			return false;
		put_scalar(text, item);
	}
	return true;
}

/* An IIsIPSecuritySetting: a line an entry, as ip_list reads it. */
static bool
put_security(struct buf *text, json_t *value)
{
	static const char *const lists[] = { "IPGrant", "IPDeny", "DomainGrant", "DomainDeny" };
	json_t *grant = member(value, "GrantByDefault");
	size_t found = 0, k;
	json_t *item;

	buf_printf(text, "GrantByDefault %s\n", grant != NULL && json_is_false(grant) ? "FALSE" : "TRUE");
	for (size_t i = 0; i < nitems_of(lists); i++) {
		json_t *list = unwrap(member(value, lists[i]));

		found += list != NULL;
		json_array_foreach(list, k, item)
			if (json_is_string(item))
				buf_printf(text, "%s %s\n", lists[i], json_string_value(item));
		if (json_is_string(list))
			buf_printf(text, "%s %s\n", lists[i], json_string_value(list));
	}
	return found > 0 || grant != NULL;
}

static void
take_value(struct node_tree *t, struct node *n, const char *name, json_t *value)
{
	struct buf text = BUF_INIT(IMPORT_VALUE_MAX);
	bool fine = true;

	value = unwrap(value);
	if (json_is_array(value))
		fine = put_array(&text, value);
	else if (json_is_object(value) && json_object_size(value) > 0)
		fine = put_security(&text, value) || put_binding(&text, value);
	else
		put_scalar(&text, value);
	if (!buf_ok(&text))
		node_tree_refuse(t, "the value of %.*s is too long: no IIS has it", IMPORT_NAME_MAX, name);
	else if (!fine || strncmp(buf_text(&text), "System.", 7) == 0)
		node_tree_remark(t, "%.*s was cut when the file was written: say ConvertTo-Json -Depth 5",
		    IMPORT_NAME_MAX, name);
	else
		node_tree_put(t, n, name, 0, buf_text(&text), text.len);
	buf_done(&text);
}

static void
take_object(struct node_tree *t, json_t *object)
{
	json_t *name = member(object, "Name"), *value;
	struct node *n = json_is_string(name) ? node_tree_add(t, json_string_value(name)) : NULL;
	const char *key;

	if (!json_is_string(name))
		node_tree_remark(t, "an object without a Name, such as SmtpSvc/1; left out");
	if (n == NULL)
		return;
	json_object_foreach(object, key, value)
		if (!is_system(key) && !json_is_null(value))
			take_value(t, n, key, value);
}

static void
take_document(struct node_tree *t, json_t *document)
{
	json_t *list = unwrap(document), *item;
	size_t i;

	if (json_is_object(list))
		take_object(t, list);
	json_array_foreach(list, i, item)
		if (json_is_object(unwrap(item)))
			take_object(t, unwrap(item));
}

void
wmi_json_read(struct node_tree *t, const char *text, size_t len)
{
	size_t objects = t->count;

	while (node_tree_ok(t)) {
		size_t blanks = 0;
		json_error_t error;
		json_t *document;

		while (blanks < len && strchr(" \t\r\n", text[blanks]) != NULL && text[blanks] != '\0')
			blanks++;
		text += blanks;
		len -= blanks;
		if (len == 0)
			break;
		document = json_loadb(text, len, JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL |
		    JSON_REJECT_DUPLICATES, &error);
		if (document == NULL) {
			node_tree_refuse(t, "line %d, column %d: %s", error.line, error.column, error.text);
			return;
		}
		text += error.position;
		len -= (size_t)error.position;
		take_document(t, document);
		json_decref(document);
	}
	if (node_tree_ok(t) && t->count == objects)
		node_tree_refuse(t, "it is JSON, but has no object of the SMTP service (Name is SmtpSvc or "
		    "SmtpSvc/1)");
}
