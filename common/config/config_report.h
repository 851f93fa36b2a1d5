/* config_report - the mail address in reports about TLS */
#ifndef COMMON_CONFIG_CONFIG_REPORT_H
#define COMMON_CONFIG_CONFIG_REPORT_H

#include <stddef.h>

struct config_server;

/* tls-report-contact, or postmaster of the default domain; as reports of failures, of masquerade. */
void config_report_contact(char *dst, size_t size, const struct config_server *s);

#endif
