/* dns_packet - answers of DNS servers: found, none, trouble; aliases, compression, damaged packets */
#include "t/unit/check_main.h"

#include <string.h>

#include "deliver/resolver/resolver.h"

/* Bytes of a packet being made; names in text, "\0" compression is written by hand. */
struct dns_packet {
	uint8_t data[8192];
	size_t len;
};

static void
put(struct dns_packet *p, const void *data, size_t len)
{
	ck_assert_uint_le(p->len + len, sizeof(p->data));
	memcpy(p->data + p->len, data, len);
	p->len += len;
}

static void
put16(struct dns_packet *p, unsigned value)
{
	put(p, (uint8_t[]){ (uint8_t)(value >> 8), (uint8_t)value }, 2);
}

static void
put_name(struct dns_packet *p, const char *name)
{
	while (*name != '\0') {
		size_t len = strcspn(name, ".");

		put(p, (uint8_t[]){ (uint8_t)len }, 1);
		put(p, name, len);
		name += len + (name[len] == '.');
	}
	put(p, "", 1);
}

static void
begin(struct dns_packet *p, unsigned rcode, unsigned answers, const char *name, unsigned type)
{
	p->len = 0;
	put16(p, 1);
	put16(p, 0x8180 | rcode);
	put16(p, 1);
	put16(p, answers);
	put16(p, 0);
	put16(p, 0);
	put_name(p, name);
	put16(p, type);
	put16(p, 1);
}

static void
put_head(struct dns_packet *p, const char *owner, unsigned type, unsigned ttl, unsigned size)
{
	put_name(p, owner);
	put16(p, type);
	put16(p, 1);
	put16(p, 0);
	put16(p, ttl);
	put16(p, size);
}

static void
put_mx(struct dns_packet *p, const char *owner, unsigned ttl, unsigned preference, const char *host)
{
	struct dns_packet rdata = { .len = 0 };

	put16(&rdata, preference);
	put_name(&rdata, host);
	put_head(p, owner, DNS_MX, ttl, (unsigned)rdata.len);
	put(p, rdata.data, rdata.len);
}

static void
put_cname(struct dns_packet *p, const char *owner, const char *to)
{
	struct dns_packet rdata = { .len = 0 };

	put_name(&rdata, to);
	put_head(p, owner, DNS_CNAME, 60, (unsigned)rdata.len);
	put(p, rdata.data, rdata.len);
}

static void
put_a(struct dns_packet *p, const char *owner, unsigned last)
{
	put_head(p, owner, DNS_A, 120, 4);
	put(p, (uint8_t[]){ 192, 0, 2, (uint8_t)last }, 4);
}

static struct msg_dns_answer answer;

static int
read_packet(const struct dns_packet *p, uint16_t type)
{
	/* a copy of exactly that size: the sanitizer sees each byte read beyond */
	uint8_t *copy = mem_zalloc(p->len > 0 ? p->len : 1);
	int result;

	memcpy(copy, p->data, p->len);
	memset(&answer, 0, sizeof(answer));
	result = dns_packet_read(&answer, type, copy, p->len);
	free(copy);
	return result;
}

START_TEST(test_mx)
{
	struct dns_packet p;

	begin(&p, 0, 2, "d.example", DNS_MX);
	put_mx(&p, "d.example", 300, 20, "b.example");
	put_mx(&p, "D.EXAMPLE", 100, 10, "a.example");
	ck_assert_int_eq(read_packet(&p, DNS_MX), 0);
	ck_assert_int_eq(answer.result, DNS_FOUND);
	ck_assert_uint_eq(answer.count, 2);
	ck_assert_uint_eq(answer.ttl, 100);
	ck_assert_str_eq(answer.canonical, "d.example");
	ck_assert_uint_eq(answer.record[0].preference, 20);
	ck_assert_str_eq((char *)answer.record[0].data, "b.example");
	ck_assert_uint_eq(answer.record[1].len, strlen("a.example"));
}
END_TEST

START_TEST(test_null_mx)
{
	struct dns_packet p;

	begin(&p, 0, 1, "d.example", DNS_MX);
	put_mx(&p, "d.example", 300, 0, "");
	ck_assert_int_eq(read_packet(&p, DNS_MX), 0);
	ck_assert_uint_eq(answer.count, 1);
	ck_assert_str_eq((char *)answer.record[0].data, "");
	ck_assert_uint_eq(answer.record[0].len, 0);
}
END_TEST

START_TEST(test_alias_chain_in_any_order)
{
	struct dns_packet p;

	begin(&p, 0, 4, "d.example", DNS_A);
	put_a(&p, "f.example", 1);
	put_cname(&p, "e.example", "f.example");
	put_cname(&p, "d.example", "e.example");
	put_a(&p, "other.example", 2);
	ck_assert_int_eq(read_packet(&p, DNS_A), 0);
	ck_assert_str_eq(answer.canonical, "f.example");
	ck_assert_uint_eq(answer.count, 1);
	ck_assert_mem_eq(answer.record[0].data, "\xc0\0\2\1", 4);
	ck_assert_uint_eq(answer.ttl, 60);
}
END_TEST

START_TEST(test_alias_circle_ends)
{
	struct dns_packet p;

	begin(&p, 0, 2, "d.example", DNS_A);
	put_cname(&p, "d.example", "e.example");
	put_cname(&p, "e.example", "d.example");
	ck_assert_int_eq(read_packet(&p, DNS_A), -1);
}
END_TEST

START_TEST(test_results)
{
	struct dns_packet p;

	begin(&p, 3, 0, "d.example", DNS_MX);
	ck_assert_int_eq(read_packet(&p, DNS_MX), 0);
	ck_assert_int_eq(answer.result, DNS_NO_NAME);
	begin(&p, 0, 0, "d.example", DNS_MX);
	ck_assert_int_eq(read_packet(&p, DNS_MX), 0);
	ck_assert_int_eq(answer.result, DNS_NO_DATA);
	begin(&p, 2, 0, "d.example", DNS_MX);
	ck_assert_int_eq(read_packet(&p, DNS_MX), 0);
	ck_assert_int_eq(answer.result, DNS_TROUBLE);
}
END_TEST

START_TEST(test_compressed_names)
{
	struct dns_packet p;

	begin(&p, 0, 1, "d.example", DNS_MX);
	put16(&p, 0xc00c);		/* the question's name */
	put16(&p, DNS_MX);
	put16(&p, 1);
	put16(&p, 0);
	put16(&p, 60);
	put16(&p, 2 + 3 + 2);
	put16(&p, 10);
	put(&p, "\2mx", 3);
	put16(&p, 0xc00c);
	ck_assert_int_eq(read_packet(&p, DNS_MX), 0);
	ck_assert_uint_eq(answer.count, 1);
	ck_assert_str_eq((char *)answer.record[0].data, "mx.d.example");
}
END_TEST

START_TEST(test_a_label_cannot_look_like_two)
{
	struct dns_packet p;

	begin(&p, 0, 1, "d.example", DNS_MX);
	put_head(&p, "d.example", DNS_MX, 60, 2 + 6 + 1);
	put16(&p, 1);
	put(&p, "\5a.b\0c", 6);
	put(&p, "", 1);
	ck_assert_int_eq(read_packet(&p, DNS_MX), 0);
	ck_assert_str_eq((char *)answer.record[0].data, "a?b?c");
}
END_TEST

START_TEST(test_more_records_than_kept)
{
	struct dns_packet p;

	begin(&p, 0, 100, "d.example", DNS_A);
	for (unsigned i = 0; i < 100; i++)
		put_a(&p, "d.example", i);
	ck_assert_int_eq(read_packet(&p, DNS_A), 0);
	ck_assert_uint_eq(answer.count, DNS_RECORDS_MAX);
}
END_TEST

/* One malformed record hides only itself; where all are, the answer is trouble, and mail waits: it is no "no MX". */
START_TEST(test_malformed_records)
{
	static const unsigned types[] = { DNS_MX, DNS_A, DNS_AAAA, DNS_CNAME, DNS_PTR };
	struct dns_packet p;

	for (size_t i = 0; i < nitems_of(types); i++) {
		begin(&p, 0, 1, "d.example", types[i]);
		put_head(&p, "d.example", types[i], 60, 3);
		put(&p, (const uint8_t *)"\0\7a", 3);
		ck_assert_int_eq(read_packet(&p, types[i]), -1);
	}
	begin(&p, 0, 2, "d.example", DNS_A);
	put_head(&p, "d.example", DNS_A, 60, 3);
	put(&p, (const uint8_t *)"\0\7a", 3);
	put_a(&p, "d.example", 1);
	ck_assert_int_eq(read_packet(&p, DNS_A), 0);
	ck_assert_uint_eq(answer.count, 1);
}
END_TEST

/* TLSA data of any legal length arrives whole; what has no room is still there. */
START_TEST(test_tlsa)
{
	static const size_t sizes[] = { 0, 1, 35, 494, 495, 496, 990, 991, 1800, 2000 };
	uint8_t data[8000], got[DNS_LONG_MAX];
	struct dns_packet p;
	size_t at = 0, n = 0;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 31 + i / 256);
	begin(&p, 0, nitems_of(sizes), "_25._tcp.a.example", DNS_TLSA);
	for (size_t i = 0; i < nitems_of(sizes); i++) {
		put_head(&p, "_25._tcp.a.example", DNS_TLSA, 60, (unsigned)sizes[i]);
		put(&p, data, sizes[i]);
	}
	ck_assert_int_eq(read_packet(&p, DNS_TLSA), 0);
	for (; at < answer.count; n++) {
		size_t len = msg_dns_answer_long(&answer, &at, got);

		ck_assert_uint_eq(len, sizes[n]);
		ck_assert_mem_eq(got, data, len);
	}
	ck_assert_uint_eq(n, nitems_of(sizes));

	begin(&p, 0, 1, "_25._tcp.a.example", DNS_TLSA);
	put_head(&p, "_25._tcp.a.example", DNS_TLSA, 60, 7995);
	p.len = p.len + 7995 <= sizeof(p.data) ? p.len + 7995 : sizeof(p.data);
	ck_assert_int_eq(read_packet(&p, DNS_TLSA), 0);
	ck_assert_uint_eq(answer.count, 1);
	ck_assert_uint_eq(answer.record[0].len, 1);
	ck_assert_uint_eq(answer.record[0].preference, 0);
}
END_TEST

static void
put_txt(struct dns_packet *p, const char *owner, const char *const *string, size_t count)
{
	struct dns_packet rdata = { .len = 0 };

	for (size_t i = 0; i < count; i++) {
		put(&rdata, (uint8_t[]){ (uint8_t)strlen(string[i]) }, 1);
		put(&rdata, (const uint8_t *)string[i], strlen(string[i]));
	}
	put_head(p, owner, DNS_TXT, 60, (unsigned)rdata.len);
	put(p, rdata.data, rdata.len);
}

/* The strings of a TXT record are one text (RFC 7208 3.3), of any length; a broken record hides only itself. */
START_TEST(test_txt)
{
	static const char *const parts[] = { "v=STSv1", "; ", "", "id=1;" };
	const char *many[8];
	char long_part[256];
	uint8_t got[DNS_LONG_MAX];
	struct dns_packet p;
	size_t at = 0;

	memset(long_part, 'k', 255);
	long_part[255] = '\0';
	for (size_t i = 0; i < nitems_of(many); i++)
		many[i] = long_part;
	begin(&p, 0, 4, "_mta-sts.a.example", DNS_TXT);
	put_txt(&p, "_mta-sts.a.example", parts, nitems_of(parts));
	put_head(&p, "_mta-sts.a.example", DNS_TXT, 60, 3);
	put(&p, (const uint8_t *)"\5ab", 3);
	put_txt(&p, "_mta-sts.a.example", many, nitems_of(many));
	put_txt(&p, "_mta-sts.a.example", NULL, 0);
	ck_assert_int_eq(read_packet(&p, DNS_TXT), 0);
	ck_assert_uint_eq(answer.result, DNS_FOUND);
	ck_assert_uint_eq(msg_dns_answer_long(&answer, &at, got), 14);
	ck_assert_mem_eq(got, "v=STSv1; id=1;", 14);
	ck_assert_uint_eq(msg_dns_answer_long(&answer, &at, got), 255 * nitems_of(many));
	ck_assert_uint_eq(msg_dns_answer_long(&answer, &at, got), 0);
	ck_assert_uint_eq(at, answer.count);

	begin(&p, 0, 1, "_mta-sts.a.example", DNS_TXT);
	put_head(&p, "_mta-sts.a.example", DNS_TXT, 60, 3);
	put(&p, (const uint8_t *)"\3ab", 3);
	ck_assert_int_eq(read_packet(&p, DNS_TXT), 0);
	ck_assert_uint_eq(answer.result, DNS_NO_DATA);
}
END_TEST

/* Every cut and every single changed byte: any answer, but no read outside and no end without end. */
START_TEST(test_damaged_packets)
{
	struct dns_packet p, q;

	begin(&p, 0, 3, "d.example", DNS_MX);
	put_cname(&p, "d.example", "e.example");
	put_mx(&p, "e.example", 300, 20, "b.example");
	put_head(&p, "e.example", DNS_MX, 60, 4);
	put16(&p, 5);
	put16(&p, 0xc00c);
	for (size_t len = 0; len < p.len; len++) {
		q = p;
		q.len = len;
		ck_assert_int_eq(read_packet(&q, DNS_MX), -1);
	}
	for (size_t at = 0; at < p.len; at++)
		for (unsigned value = 0; value < 256; value++) {
			q = p;
			q.data[at] = (uint8_t)value;
			if (read_packet(&q, DNS_MX) == 0)
				for (size_t i = 0; i < answer.count; i++)
					ck_assert_uint_lt(strlen((char *)answer.record[i].data),
					    DNS_NAME_SIZE);
		}
	/* a pointer to itself, one forward */
	for (unsigned to = 0; to < 2; to++) {
		begin(&q, 0, 1, "d.example", DNS_MX);
		put16(&q, 0xc000 | (unsigned)(q.len + to * 4));
		put(&q, p.data, 40);
		ck_assert_int_eq(read_packet(&q, DNS_MX), -1);
	}
}
END_TEST

UNIT_MAIN("dns_packet", test_mx, test_txt, test_null_mx, test_alias_chain_in_any_order, test_alias_circle_ends,
    test_results, test_compressed_names, test_a_label_cannot_look_like_two, test_more_records_than_kept,
    test_malformed_records, test_tlsa, test_damaged_packets)
