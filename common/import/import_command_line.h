/* import_command_line - texts and commands of an import's report: whether they may be shown; pure */
#ifndef COMMON_IMPORT_IMPORT_COMMAND_LINE_H
#define COMMON_IMPORT_IMPORT_COMMAND_LINE_H

#include <jansson.h>
#include <stdbool.h>

/* `program`: how posternctl is called, "posternctl -c FILE". */
bool import_command_line_is_good(const char *command, const char *program);
/* All texts in the document may be shown, and all commands are good. */
bool import_command_line_judge(json_t *value, const char *program);

#endif
