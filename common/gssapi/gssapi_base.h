/* gssapi_base - what both ends of RFC 4752 need: the library's words for an error, and no security layer */
#ifndef COMMON_GSSAPI_GSSAPI_BASE_H
#define COMMON_GSSAPI_GSSAPI_BASE_H

#include <gssapi/gssapi.h>
#include <stddef.h>

#define GSSAPI_BASE_NO_LAYER 1	/* the bit of RFC 4752 3.3 */

/* "WHAT: the library's words for it", cut to `size`. */
void gssapi_base_say(char *dst, size_t size, const char *what, OM_uint32 major, OM_uint32 minor);
/*
 * The four bytes that offer or choose no layer and a buffer of 0 bytes, ready for the peer. `wrapped` is the
 * caller's, for gss_release_buffer. GSS_ERROR(major) of the result tells a failure.
 */
OM_uint32 gssapi_base_wrap_none(OM_uint32 *minor, gss_ctx_id_t context, gss_buffer_t wrapped);

#endif
