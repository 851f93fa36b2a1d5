/*
 * refresh_file - the file with the latest refresh token: the token, and which operator's token it
 * replaces; pure
 *
 * Runs in:  fetch
 * Owns:     nothing
 * Promise:  once the operator's file has another token, that one is used; the operator's token is in the file
 *           as a hash only
 * Fails by: NULL: the operator's own token is to be used
 */
#include <openssl/evp.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "deliver/fetch/fetch.h"

#define MAGIC "postern-refresh-token 1\n"

void
refresh_file_mark(char mark[REFRESH_FILE_MARK_SIZE], const char *token)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (EVP_Digest(token, strlen(token), digest, &len, EVP_sha256(), NULL) != 1 || len != 32)
		bug("no SHA-256");
	for (unsigned i = 0; i < len; i++)
		snprintf(mark + 2 * i, 3, "%02x", digest[i]);
}

void
refresh_file_format(struct buf *out, const char *mark, const char *token)
{
	buf_printf(out, MAGIC "of %s\n%s\n", mark, token);
}

char *
refresh_file_parse(const char *text, const char *mark)
{
	const char *of = text + strlen(MAGIC), *token, *end;

	if (strncmp(text, MAGIC, strlen(MAGIC)) != 0 || strncmp(of, "of ", 3) != 0)
		return NULL;
	if (strncmp(of + 3, mark, REFRESH_FILE_MARK_SIZE - 1) != 0 ||
	    of[3 + REFRESH_FILE_MARK_SIZE - 1] != '\n')
		return NULL;
	token = of + 3 + REFRESH_FILE_MARK_SIZE;
	end = strchr(token, '\n');
	return end != NULL && end > token && end[1] == '\0' ?
	    mem_strndup(token, (size_t)(end - token)) : NULL;
}
