/* oauth_grant - answers of token endpoints; the first byte chooses the HTTP status */
#include <string.h>

#include "t/fuzz/fuzz.h"
#include "deliver/fetch/fetch.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const long statuses[] = { 200, 400, 401, 429, 503, 302 };
	struct oauth_grant g;

	if (len == 0)
		return 0;
	/* a buffer of its own: reading past its end shows */
	char *copy = malloc(len);
	memcpy(copy, data, len);
	oauth_grant_read(&g, statuses[data[0] % 6], copy + 1, len - 1);
	oauth_grant_hide(&g, "secret");
	fuzz_check((g.token != NULL) == (g.result == OAUTH_GRANT_TOKEN) &&
	    (g.text[0] == '\0') == (g.result == OAUTH_GRANT_TOKEN));
	fuzz_check(g.token == NULL || (msg_token_is_token(g.token, strlen(g.token)) && g.lifetime > 0));
	fuzz_check(strstr(g.text, "secret") == NULL && strpbrk(g.text, "\r\n\1\33") == NULL);
	oauth_grant_done(&g);
	free(copy);
	return 0;
}
