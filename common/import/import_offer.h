/* import_offer - what postern-import says, judged, with the words that make each virtual server */
#ifndef COMMON_IMPORT_IMPORT_OFFER_H
#define COMMON_IMPORT_IMPORT_OFFER_H

#include <jansson.h>
#include <stdbool.h>

/*
 * Each of "servers" gets "create", the words of the command, or null: it cannot be made by one. False: the
 * document may not be shown. program, hostname: as for the command lines and judges of an import.
 */
bool import_offer_make(json_t *document, const char *program,
    const char *hostname) __attribute__((warn_unused_result));

#endif
