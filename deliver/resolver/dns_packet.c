/*
 * dns_packet - reads a DNS answer packet into a msg_dns_answer: result, CNAME chain, records, ttl; pure
 *
 * Runs in:  resolver
 * Owns:     nothing
 * Promise:  never reads past `len`; follows pointers backwards only, and CHAIN_MAX CNAMEs at most; the result
 *           is that of the packet's header, as libunbound's rcode argument is 0 for its local zones
 * Fails by: -1 when the bytes are no answer packet (RFC 1035 4.1)
 */
#include <string.h>
#include <strings.h>

#include "deliver/resolver/resolver.h"

#define HEADER_SIZE 12
#define CHAIN_MAX 16		/* CNAMEs followed */
#define POINTERS_MAX 64		/* compression pointers in one name */
#define TTL_MAX 86400

struct reader {
	const uint8_t *data;
	size_t len;
	size_t at;
};

struct record {
	char owner[DNS_NAME_SIZE];
	uint16_t type, class;
	uint32_t ttl;
	size_t rdata, size;
};

static int
take16(struct reader *r, uint16_t *value)
{
	if (r->len - r->at < 2)
		return -1;
	*value = (uint16_t)(r->data[r->at] << 8 | r->data[r->at + 1]);
	r->at += 2;
	return 0;
}

static int
take32(struct reader *r, uint32_t *value)
{
	uint16_t high, low;

	if (take16(r, &high) == -1 || take16(r, &low) == -1)
		return -1;
	*value = (uint32_t)high << 16 | low;
	return 0;
}

/* One label as text. A byte that no host name has becomes '?', so that no label can look like two. */
static int
add_label(char *dst, size_t *used, const uint8_t *label, size_t len)
{
	if (*used + len + 2 > DNS_NAME_SIZE)
		return -1;
	if (*used > 0)
		dst[(*used)++] = '.';
	for (size_t i = 0; i < len; i++) {
		uint8_t c = label[i];

		dst[(*used)++] = c > ' ' && c < 0x7f && c != '.' && c != '\\' ? (char)c : '?';
	}
	return 0;
}

/* A possibly compressed name at r->at; pointers go backwards only. */
static int
take_dns_name(struct reader *r, char *dst)
{
	size_t at = r->at, used = 0, after = 0, pointers = 0;

	for (;;) {
		uint8_t size;

		if (at >= r->len)
			return -1;
		size = r->data[at];
		if ((size & 0xc0) == 0xc0) {
			size_t to;

			if (at + 1 >= r->len || ++pointers > POINTERS_MAX)
				return -1;
			to = (size_t)(size & 0x3f) << 8 | r->data[at + 1];
			if (to >= at)
				return -1;
			if (after == 0)
				after = at + 2;
			at = to;
			continue;
		}
		if ((size & 0xc0) != 0)
			return -1;
		at++;
		if (size == 0)
			break;
		if (r->len - at < size || add_label(dst, &used, r->data + at, size) == -1)
			return -1;
		at += size;
	}
	dst[used] = '\0';
	r->at = after != 0 ? after : at;
	return 0;
}

static int
take_record(struct reader *r, struct record *rec)
{
	uint16_t size;

	if (take_dns_name(r, rec->owner) == -1 || take16(r, &rec->type) == -1 ||
	    take16(r, &rec->class) == -1 || take32(r, &rec->ttl) == -1 || take16(r, &size) == -1 ||
	    r->len - r->at < size)
		return -1;
	rec->rdata = r->at;
	rec->size = size;
	r->at += size;
	return 0;
}

/* The record's data as msg_dns_record; 0 taken, -1 malformed. */
static int
convert_record(struct msg_dns_record *to, const struct reader *r, const struct record *rec)
{
	struct reader in = { r->data, rec->rdata + rec->size, rec->rdata };

	memset(to, 0, sizeof(*to));
	switch (rec->type) {
	case DNS_MX:
		if (take16(&in, &to->preference) == -1)
			return -1;
		/* fallthrough */
	case DNS_CNAME:
	case DNS_PTR:
		if (take_dns_name(&in, (char *)to->data) == -1 || in.at != in.len)
			return -1;
		to->len = (uint16_t)strlen((char *)to->data);
		return 0;
	case DNS_A:
	case DNS_AAAA:
		if (rec->size != (rec->type == DNS_A ? 4U : 16U))
			return -1;
		break;
	default:
		if (rec->size >= sizeof(to->data))
			return -1;
	}
	memcpy(to->data, r->data + rec->rdata, rec->size);
	to->len = (uint16_t)rec->size;
	return 0;
}

/* Data of any length takes several records of an answer; there must be room: pieces_of. */
static void
add_pieces(struct msg_dns_answer *a, const uint8_t *data, size_t size, size_t pieces)
{
	size_t at = 0;

	for (size_t i = 0; i < pieces; i++) {
		struct msg_dns_record *to = &a->record[a->count++];
		size_t part = size - at < DNS_DATA_SIZE - 1 ? size - at : DNS_DATA_SIZE - 1;

		memset(to, 0, sizeof(*to));
		memcpy(to->data, data + at, part);
		to->len = (uint16_t)part;
		to->preference = i == 0 ? (uint16_t)(pieces - 1) : 0;
		at += part;
	}
}

/* 0: there is no room for so much. */
static size_t
pieces_of(const struct msg_dns_answer *a, size_t size)
{
	size_t pieces = size / (DNS_DATA_SIZE - 1) + (size % (DNS_DATA_SIZE - 1) != 0 || size == 0);

	return pieces > DNS_PIECES_MAX || a->count + pieces > DNS_RECORDS_MAX ? 0 : pieces;
}

/*
 * A TLSA record without room is cut to one byte, so that it is still seen to be there: TLS is required then
 * (RFC 7672 2.2).
 */
static void
add_tlsa(struct msg_dns_answer *a, const struct reader *r, const struct record *rec)
{
	size_t pieces = pieces_of(a, rec->size);

	if (pieces > 0)
		add_pieces(a, r->data + rec->rdata, rec->size, pieces);
	else
		add_pieces(a, r->data + rec->rdata, 1, 1);
}

/* The strings without their lengths. A record that is malformed, or has no room, hides only itself. */
static void
add_txt(struct msg_dns_answer *a, const struct reader *r, const struct record *rec)
{
	const uint8_t *data = r->data + rec->rdata;
	uint8_t text[DNS_LONG_MAX];
	size_t used = 0, pieces;

	for (size_t at = 0; at < rec->size; at += 1U + data[at]) {
		if (rec->size - at - 1 < data[at] || sizeof(text) - used < data[at])
			return;
		memcpy(text + used, data + at + 1, data[at]);
		used += data[at];
	}
	pieces = pieces_of(a, used);
	if (pieces > 0)
		add_pieces(a, text, used, pieces);
}

struct pass {
	bool moved;	/* a CNAME gave another canonical name, and another pass is needed */
	bool broken;	/* a record of that type was there and malformed */
};

/* One pass over the answer section: takes the records of `type` that a->canonical has. 0; -1: malformed. */
static int
pass_answers(struct msg_dns_answer *a, uint16_t type, struct reader r, uint16_t count, struct pass *p)
{
	struct record rec;

	*p = (struct pass){ 0 };
	for (uint16_t i = 0; i < count; i++) {
		if (take_record(&r, &rec) == -1)
			return -1;
		if (rec.class != 1 || strcasecmp(rec.owner, a->canonical) != 0)
			continue;
		if (rec.type == DNS_CNAME && type != DNS_CNAME) {
			struct msg_dns_record alias;

			if (convert_record(&alias, &r, &rec) == -1)
				return -1;
			memcpy(a->canonical, alias.data, sizeof(a->canonical));
			p->moved = true;
		} else if (rec.type == type) {
			if (a->count == DNS_RECORDS_MAX)
				continue;
			if (type == DNS_TLSA)
				add_tlsa(a, &r, &rec);
			else if (type == DNS_TXT)
				add_txt(a, &r, &rec);
			else if (convert_record(&a->record[a->count], &r, &rec) == 0)
				a->count++;
			else {
				p->broken = true;	/* and hides only itself */
				continue;
			}
		} else
			continue;
		if (rec.ttl < a->ttl)
			a->ttl = rec.ttl;
		if (p->moved)
			return 0;
	}
	return 0;
}

int
dns_packet_read(struct msg_dns_answer *a, uint16_t type, const uint8_t *data, size_t len)
{
	struct reader r = { data, len, 4 };
	struct pass pass = { .moved = true };
	uint16_t questions, count, ignored;

	if (len < HEADER_SIZE || (data[2] & 0x80) == 0)
		return -1;
	if (take16(&r, &questions) == -1 || take16(&r, &count) == -1 || questions != 1)
		return -1;
	r.at = HEADER_SIZE;
	if (take_dns_name(&r, a->canonical) == -1 || take16(&r, &ignored) == -1 || take16(&r, &ignored) == -1)
		return -1;
	a->count = 0;
	a->ttl = TTL_MAX;
	for (int hops = 0; pass.moved && a->count == 0; hops++)
		if (hops == CHAIN_MAX || pass_answers(a, type, r, count, &pass) == -1)
			return -1;
	if (pass.broken && a->count == 0)
		return -1;	/* hosts are named, and not told: not "no such record", which returns mail */
	switch (data[3] & 0x0f) {
	case 0:
		a->result = a->count > 0 ? DNS_FOUND : DNS_NO_DATA;
		break;
	case 3:
		a->result = DNS_NO_NAME;
		a->count = 0;
		break;
	default:
		a->result = DNS_TROUBLE;
		a->count = 0;
	}
	if (a->count == 0)
		a->ttl = 0;
	return 0;
}
