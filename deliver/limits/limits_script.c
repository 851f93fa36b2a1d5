/*
 * limits_script - what the engine runs for a question, the commands for it, and its answers; pure
 *
 * Runs in:  limits
 * Owns:     nothing
 * Promise:  the engine's clock alone says when a lease ends. After a restart of the engine, or when it has
 *           lost its data, nothing new is given for the length of a lease: what was given before has ended
 *           then. A question that comes late changes nothing that a later one has said
 * Fails by: false: what came is no answer
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#include <hiredis/hiredis.h>

#include "common/base/mem.h"
#include "deliver/limits/limits.h"

#define GRANTED_MAX 1000000000LL

/* KEYS: the limit, the engine's life. ARGV: run, length, and more. */
#define CLOCK \
	"if redis.replicate_commands then redis.replicate_commands() end\n" \
	"local t=redis.call('TIME')\n" \
	"local now=t[1]*1000+math.floor(t[2]/1000)\n"
/* `young`: ms that nothing new is given. */
#define BEGINNING CLOCK \
	"local length=tonumber(ARGV[2])\n" \
	"local e=redis.call('HMGET',KEYS[2],'run','born')\n" \
	"local born=tonumber(e[2] or '')\n" \
	"if e[1]~=ARGV[1] or not born or born>now then\n" \
	" born=now redis.call('HSET',KEYS[2],'run',ARGV[1],'born',string.format('%d',now))\n" \
	"end\n" \
	"local young=math.max(born+length-now,0)\n"

/*
 * A field of the hash is one holder: sequence, permits, permits wanted, limit, end. Where holders want more
 * than the limit it is divided: who wants less than an equal part gets that, the others equal parts; where
 * these are 0, each in its turn gets 1. `keep` of a holder whose lease runs is never taken from it. The more
 * wait, the later each asks again.
 */
static const char hold_text[] = BEGINNING
	"local me,seq,keep,want=ARGV[3],tonumber(ARGV[4]),tonumber(ARGV[5]),tonumber(ARGV[6])\n"
	"local own,claim=tonumber(ARGV[7]),ARGV[8]=='1'\n"
	"local limit,others,mine,last=own,0,nil,now+length\n"
	"local ids,wants,sum={},{},0\n"
	"local all=redis.call('HGETALL',KEYS[1])\n"
	"for i=1,#all,2 do\n"
	" local s,g,w,l,z=string.match(all[i+1],'^(%d+) (%d+) (%d+) (%d+) (%d+)$')\n"
	" if not s or tonumber(z)<=now then redis.call('HDEL',KEYS[1],all[i])\n"
	" elseif all[i]==me then mine={tonumber(s),tonumber(g)}\n"
	" else\n"
	"  others=others+tonumber(g) limit=math.min(limit,tonumber(l)) last=math.max(last,tonumber(z))\n"
	"  if tonumber(w)>0 then ids[#ids+1]=all[i] wants[all[i]]=tonumber(w) sum=sum+tonumber(w) end\n"
	" end\n"
	"end\n"
	"if mine and mine[1]>=seq then return {-1,0,0} end\n"
	"local total=math.max(want,keep)\n"
	"if total>0 then ids[#ids+1]=me wants[me]=total sum=sum+total end\n"
	"local target=total\n"
	"if total>0 and sum>limit then\n"
	" local rest,base,more,rank,inside=ids,0,limit,0,false\n"
	" if #ids<=limit then\n"	/* else no part is equal, and nothing needs to be sorted */
	"  table.sort(ids,function(a,b)\n"
	"   if wants[a]~=wants[b] then return wants[a]<wants[b] end return a<b\n"
	"  end)\n"
	"  local left,n,i=limit,#ids,1\n"
	"  while i<=#ids and wants[ids[i]]<=math.floor(left/n) do left=left-wants[ids[i]] n=n-1 i=i+1 end\n"
	"  base=math.floor(left/n) more=left-base*n rest={}\n"
	"  for k=i,#ids do rest[#rest+1]=ids[k] end\n"
	" end\n"
	" for k=1,#rest do\n"
	"  if rest[k]==me then inside=true elseif rest[k]<me then rank=rank+1 end\n"
	" end\n"
	" local turn=base==0 and math.floor(now/length) or 0\n"
	" if inside then target=base+((rank+turn)%#rest<more and 1 or 0) end\n"
	"end\n"
	"local kept=keep\n"
	"if not claim then\n"
	" if mine then kept=math.min(keep,mine[2]) elseif young==0 then kept=0 end\n"
	"end\n"
	"local grant=kept\n"
	"if young==0 then grant=math.max(kept,math.min(total,target,math.max(limit-others,0))) end\n"
	"if grant==0 and want==0 then redis.call('HDEL',KEYS[1],me)\n"
	"else\n"
	" redis.call('HSET',KEYS[1],me,string.format('%d %d %d %d %d',seq,grant,total,own,now+length))\n"
	" redis.call('PEXPIREAT',KEYS[1],string.format('%d',last+1))\n"
	"end\n"
	"local wait=grant<total and math.min(#ids*20,math.floor(length/3)) or 0\n"
	"return {grant,target,math.max(young,wait)}\n";

/*
 * A bucket of messages, of one second; the lowest limit that a holder said in the last minute counts. It
 * fills so slowly that no minute has more than the limit, when what was given is used two seconds later.
 */
static const char take_text[] = BEGINNING
	"local rate,want=tonumber(ARGV[3]),tonumber(ARGV[4])\n"
	"local r=redis.call('HMGET',KEYS[1],'at','left','low','low_end')\n"
	"local low,low_end=tonumber(r[3] or ''),tonumber(r[4] or '')\n"
	"if low and low_end and low_end>now and low<rate then rate=low else low=rate low_end=now+60000 end\n"
	"local burst=math.max(1,math.floor(rate/60))\n"
	"local speed=(rate+1-burst)*0.999/62000\n"
	"local at,left=tonumber(r[1] or ''),tonumber(r[2] or '')\n"
	"if at and left and at>=born then left=left+math.max(now-at,0)*speed\n"
	"elseif young>0 then left=(now-born)*speed\n"
	"else left=burst end\n"
	"left=math.min(left,burst)\n"
	"local n=math.min(want,math.floor(left))\n"
	"left=left-n\n"
	"local wait=n==0 and math.ceil((1-left)/speed) or 0\n"
	"redis.call('HSET',KEYS[1],'at',string.format('%d',now),'left',string.format('%.9f',left),\n"
	" 'low',string.format('%d',low),'low_end',string.format('%d',low_end))\n"
	"redis.call('PEXPIRE',KEYS[1],string.format('%d',math.ceil((burst-left)/speed)+60000))\n"
	"return {n,0,wait}\n";

/* Failures. Where the engine has forgotten them, each node says what it knows. */
static const char fail_text[] = CLOCK
	"local keep,want=tonumber(ARGV[3]),tonumber(ARGV[4])\n"
	"local limit,forgive=tonumber(ARGV[5]),tonumber(ARGV[6])\n"
	"local r=redis.call('HMGET',KEYS[1],'count','since')\n"
	"local count,since=tonumber(r[1] or ''),tonumber(r[2] or '')\n"
	"if not count or not since or since>now then count=0 since=now end\n"
	"local n=math.floor((now-since)/forgive)\n"
	"count=math.max(count-n,0) since=since+n*forgive\n"
	"if count==0 then since=now end\n"
	"local before=math.min(math.max(count,keep),limit)\n"
	"local after=math.min(before+want,limit)\n"
	"if ARGV[7]=='1' then after=math.floor(after/2) end\n"
	"if after==0 then redis.call('HDEL',KEYS[1],'count','since')\n"
	"else\n"
	" redis.call('HSET',KEYS[1],'count',string.format('%d',after),'since',string.format('%d',since))\n"
	" redis.call('PEXPIRE',KEYS[1],string.format('%d',after*forgive))\n"
	"end\n"
	"return {before,after,0}\n";

const char *const limits_script_text[LIMITS_KINDS] = { [LIMITS_HOLD] = hold_text, [LIMITS_TAKE] = take_text,
    [LIMITS_FAIL] = fail_text };
static const char *const places[LIMITS_KINDS] = { [LIMITS_HOLD] = "hold", [LIMITS_TAKE] = "rate",
    [LIMITS_FAIL] = "fail" };

void
limits_script_put(struct buf *out, size_t count, const char *const *word, const size_t *len)
{
	char *text = NULL;
	const char **words = mem_zalloc(count * sizeof(*words));
	int64_t n;

	memcpy(words, word, count * sizeof(*words));
	n = redisFormatCommandArgv(&text, (int)count, words, len);
	free(words);
	if (n > 0)
		buf_add(out, text, (size_t)n);
	redisFreeCommand(text);
}

void
limits_script_ask(struct buf *out, const struct limits_place *p, const char *sha, const char *server,
    const struct msg_limits_ask *ask)
{
	/* one place in a cluster of engines */
	struct buf key = BUF_INIT(4096), life = BUF_INIT(1024), holder = BUF_INIT(1024);
	char length[24], sequence[24], keep[24], want[24], limit[24], forgive[24];
	const char *word[16];
	size_t len[16], n = 0;

	buf_printf(&key, "{%s}:%s:%s:%s", p->prefix, places[ask->kind], server, ask->name);
	buf_printf(&life, "{%s}:engine", p->prefix);
	buf_printf(&holder, "%s/%s/%016" PRIx64, p->node, server, ask->holder);
	snprintf(length, sizeof(length), "%" PRIu64, p->length);
	snprintf(sequence, sizeof(sequence), "%" PRIu64, ask->sequence);
	snprintf(keep, sizeof(keep), "%" PRIu64, ask->keep);
	snprintf(want, sizeof(want), "%" PRIu64, ask->want);
	snprintf(limit, sizeof(limit), "%" PRIu64, ask->limit);
	snprintf(forgive, sizeof(forgive), "%" PRIu64, ask->forgive_ms);
	word[n++] = sha != NULL ? "EVALSHA" : "EVAL";
	word[n++] = sha != NULL ? sha : limits_script_text[ask->kind];
	word[n++] = "2";
	word[n++] = buf_text(&key);
	word[n++] = buf_text(&life);
	word[n++] = p->run;
	word[n++] = length;
	if (ask->kind == LIMITS_HOLD) {
		word[n++] = buf_text(&holder);
		word[n++] = sequence;
		word[n++] = keep;
		word[n++] = want;
		word[n++] = limit;
		word[n++] = ask->claim ? "1" : "0";
	} else if (ask->kind == LIMITS_FAIL) {
		word[n++] = keep;
		word[n++] = want;
		word[n++] = limit;
		word[n++] = forgive;
		word[n++] = ask->claim ? "1" : "0";
	} else {
		word[n++] = limit;
		word[n++] = want;
	}
	for (size_t i = 0; i < n; i++)
		len[i] = strlen(word[i]);
	limits_script_put(out, n, word, len);
	buf_done(&key);
	buf_done(&life);
	buf_done(&holder);
}

bool
limits_script_take(struct msg_limits_answer *a, enum limits_kind kind, const struct redisReply *r)
{
	long long value[3];

	if (r->type != REDIS_REPLY_ARRAY || r->elements != nitems_of(value))
		return false;
	for (size_t i = 0; i < nitems_of(value); i++) {
		if (r->element[i]->type != REDIS_REPLY_INTEGER)
			return false;
		value[i] = r->element[i]->integer;
	}
	*a = (struct msg_limits_answer){ .result = LIMITS_FAULT };
	if (value[0] == -1)
		return true;	/* a later question was there before */
	for (size_t i = 0; i < nitems_of(value); i++)
		if (value[i] < 0 || value[i] > GRANTED_MAX)
			return false;
	*a = (struct msg_limits_answer){ .result = LIMITS_GRANTED, .granted = (uint64_t)value[0],
	    .target = (uint64_t)value[1], .wait_ms = (uint64_t)value[2] };
	return true;
}

bool
limits_script_info(char *dst, size_t size, const char *info, size_t len, const char *name)
{
	size_t want = strlen(name), used = 0;

	for (const char *line = info, *end = info + len; line < end; line++) {
		if ((line == info || line[-1] == '\n') && (size_t)(end - line) > want &&
		    memcmp(line, name, want) == 0 && line[want] == ':') {
			for (line += want + 1; line < end && *line > ' ' && *line <= '~'; line++)
				if (used + 1 < size)
					dst[used++] = *line;
				else
					return false;
			dst[used] = '\0';
			return used > 0;
		}
		line = memchr(line, '\n', (size_t)(end - line));
		if (line == NULL)
			break;
	}
	return false;
}

bool
limits_script_is_local(const char *error)
{
	return strncmp(error, "WRONGTYPE", 9) == 0 || strncmp(error, "ERR", 3) == 0;
}

bool
limits_script_is_forgotten(const char *error)
{
	return strncmp(error, "NOSCRIPT", 8) == 0;
}
