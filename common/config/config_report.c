/*
 * config_report - the mail address in reports about TLS; pure
 *
 * Runs in:  posternctl, deliver
 * Owns:     nothing
 * Promise:  the domain of the address is the one whose key signs the reports
 * Fails by: cannot
 */
#include "common/config/config_report.h"

#include <stdio.h>

#include "common/config/config.h"

void
config_report_contact(char *dst, size_t size, const struct config_server *s)
{
	if (s->tls_report_contact != NULL)
		snprintf(dst, size, "%s", s->tls_report_contact);
	else
		snprintf(dst, size, "postmaster@%s",
		    s->masquerade != NULL ? s->masquerade : s->default_domain->name);
}
