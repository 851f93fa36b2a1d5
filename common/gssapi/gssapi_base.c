/*
 * gssapi_base - what both ends of RFC 4752 need: the library's words for an error, and no security layer
 *
 * Runs in:  auth, directory
 * Owns:     nothing
 * Promise:  no layer is used: TLS protects the connection
 * Fails by: the library's status
 */
#include "common/gssapi/gssapi_base.h"

#include <gssapi/gssapi_krb5.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

void
gssapi_base_say(char *dst, size_t size, const char *what, OM_uint32 major, OM_uint32 minor)
{
	static const char nothing[] = "Success";
	OM_uint32 ignored, more = 0;
	gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
	bool general;

	(void)gss_display_status(&ignored, minor, GSS_C_MECH_CODE, gss_mech_krb5, &more, &text);
	/* The mechanism has nothing to say about a token that it could not even read. */
	general = minor == 0 || text.length == 0 ||
	    (text.length == sizeof(nothing) - 1 && memcmp(text.value, nothing, text.length) == 0);
	more = 0;
	if (general) {
		gss_release_buffer(&ignored, &text);
		(void)gss_display_status(&ignored, major, GSS_C_GSS_CODE, GSS_C_NO_OID, &more, &text);
	}
	snprintf(dst, size, "%s: %.*s", what, (int)text.length,
	    text.length > 0 ? (const char *)text.value : "");
	gss_release_buffer(&ignored, &text);
}

OM_uint32
gssapi_base_wrap_none(OM_uint32 *minor, gss_ctx_id_t context, gss_buffer_t wrapped)
{
	static const char none[4] = { GSSAPI_BASE_NO_LAYER, 0, 0, 0 };
	/* The library does not write there. */
	gss_buffer_desc plain = { sizeof(none), (void *)(uintptr_t)none };

	return gss_wrap(minor, context, 0, GSS_C_QOP_DEFAULT, &plain, NULL, wrapped);
}
