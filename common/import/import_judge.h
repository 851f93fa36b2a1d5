/* import_judge - what postern-import says of a virtual server, judged */
#ifndef COMMON_IMPORT_IMPORT_JUDGE_H
#define COMMON_IMPORT_IMPORT_JUDGE_H

#include <jansson.h>
#include <stdbool.h>

struct buf;

/*
 * `text` gets the sections of the file. Keys and domains that cannot be written go from `server`, and have
 * lines in its report. `hostname`: its default domain when it has none. False: it is no virtual server.
 */
bool import_judge_server(json_t *server, const char *hostname,
    struct buf *text) __attribute__((warn_unused_result));

#endif
