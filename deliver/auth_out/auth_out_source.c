/*
 * auth_out_source - which source has the words for a value of outbound-auth
 *
 * Runs in:  deliver
 * Owns:     nothing
 * Promise:  one row a value: code that asks for words knows no source by its name
 * Fails by: NULL: no words are needed
 */
#include "common/base/mem.h"
#include "deliver/auth_out/auth_out.h"

static const struct auth_out_source *const sources[] = {
	[CONFIG_OUT_BASIC] = &auth_out_client_basic,
	[CONFIG_OUT_INTEGRATED] = &auth_out_client_integrated,
	[CONFIG_OUT_OAUTH2] = &token_client_oauth2,
};

const struct auth_out_source *
auth_out_source_of(enum config_outbound_auth auth)
{
	return (size_t)auth < nitems_of(sources) ? sources[auth] : NULL;
}
