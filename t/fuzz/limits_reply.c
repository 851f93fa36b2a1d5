/*
 * limits_reply - bytes from an engine of the limits, after one that says in what portions they come: what is taken
 * of them is an answer of bounded numbers, and no length makes room for more than came
 */
#include "t/fuzz/fuzz.h"

#include <hiredis/hiredis.h>

#include "common/base/mem.h"
#include "deliver/limits/limits.h"

static void
take_reply(const redisReply *r)
{
	struct msg_limits_answer a;
	char word[32];

	for (enum limits_kind kind = 0; kind < LIMITS_KINDS; kind++)
		if (limits_script_take(&a, kind, r))
			fuzz_check(a.result < LIMITS_RESULTS && a.granted <= 1000000000U &&
			    a.target <= 1000000000U && a.wait_ms <= 1000000000U);
	if (r->type == REDIS_REPLY_ERROR)
		fuzz_check(!limits_script_is_local(r->str) || !limits_script_is_forgotten(r->str));
	if (r->type != REDIS_REPLY_STRING)
		return;
	if (limits_script_info(word, sizeof(word), r->str, r->len, "run_id"))
		for (const char *p = word; *p != '\0'; p++)
			fuzz_check(*p > ' ' && *p <= '~');
}

/* False: the connection is of no use any more. */
static bool
feed(struct limits_engine *e, redisReader *reader, const char *data, size_t n)
{
	void *reply = NULL;

	if (limits_engine_is_huge(e, data, n) || redisReaderFeed(reader, data, n) != REDIS_OK)
		return false;
	while (redisReaderGetReply(reader, &reply) == REDIS_OK) {
		if (reply == NULL)
			return true;
		take_reply(reply);
		freeReplyObject(reply);
	}
	return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct limits_engine e = { .fd = -1 };
	redisReader *reader = redisReaderCreate();
	size_t portion = len > 0 ? data[0] % 64U + 1 : 1;

	fuzz_check(reader != NULL);
	for (size_t at = 1, n; at < len; at += n) {
		n = portion < len - at ? portion : len - at;
		if (!feed(&e, reader, (const char *)data + at, n))
			break;
	}
	redisReaderFree(reader);
	return 0;
}
