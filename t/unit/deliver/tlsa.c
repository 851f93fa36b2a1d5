/* tlsa - long TLSA records are put together from their parts; names that are too long for a question */

#include <stdio.h>
#include <string.h>

#include "deliver/hosts/hosts.h"
#include "t/unit/check_main.h"

static struct msg_dns_answer answer;

static void
begin(void)
{
	memset(&answer, 0, sizeof(answer));
	answer.result = DNS_FOUND;
	answer.secure = 1;
}

/* A record of that usage and size, as the resolver makes it. */
static void
add(uint8_t usage, size_t size)
{
	size_t left = size, pieces = (size + DNS_DATA_SIZE - 2) / (DNS_DATA_SIZE - 1);

	for (size_t i = 0; i < pieces; i++) {
		struct msg_dns_record *r = &answer.record[answer.count++];

		r->len = (uint16_t)(left < DNS_DATA_SIZE - 1 ? left : DNS_DATA_SIZE - 1);
		memset(r->data, 'a' + (int)i, r->len);
		r->preference = i == 0 ? (uint16_t)(pieces - 1) : 0;
		if (i == 0)
			memcpy(r->data, (uint8_t[]){ usage, 0, 0 }, 3);
		left -= r->len;
	}
}

static struct tlsa *
ask(void)
{
	struct tlsa *t = tlsa_new("mx.example", "mx.example", 25, true);
	uint16_t type;
	const char *name;

	ck_assert(tlsa_ask(t, &type, &name));
	ck_assert_str_eq(name, "_25._tcp.mx.example");
	tlsa_answer(t, &answer);
	ck_assert(tlsa_is_over(t));
	return t;
}

START_TEST(test_long)
{
	static const size_t sizes[] = { 495, 496, 990, 991, 1800, DNS_LONG_MAX };
	struct tlsa *t;
	struct tlsa_set *set;

	begin();
	add(3, 35);
	for (size_t i = 0; i < nitems_of(sizes); i++)
		add(2 + i % 2, sizes[i]);
	add(1, 1800);
	add(3, 67);
	t = ask();
	set = tlsa_set_copy(tlsa_found(t));
	tlsa_free(t);
	ck_assert_uint_eq(set->count, nitems_of(sizes) + 2);
	ck_assert_uint_eq(set->record[0].len, 35);
	ck_assert_uint_eq(set->record[set->count - 1].len, 67);
	for (size_t i = 0; i < nitems_of(sizes); i++) {
		const uint8_t *data = set->data + set->record[i + 1].at;

		ck_assert_uint_eq(set->record[i + 1].len, sizes[i]);
		ck_assert_uint_eq(data[0], 2 + i % 2);
		for (size_t k = 3; k < sizes[i]; k++)
			ck_assert_uint_eq(data[k], 'a' + k / (DNS_DATA_SIZE - 1));
	}
	free(set);
}
END_TEST

/* Pieces that are not there, or too many of them: nothing is read beyond the records. */
START_TEST(test_wrong_pieces)
{
	struct tlsa *t;

	begin();
	add(3, 35);
	add(3, 35);
	answer.record[0].preference = 60000;
	answer.record[1].preference = 1;
	t = ask();
	ck_assert_uint_eq(tlsa_found(t)->count, 2);
	tlsa_free(t);
}
END_TEST

/* `len` characters that are a name. */
static void
make_name(char *name, size_t len)
{
	for (size_t i = 0; i < len; i++)
		name[i] = i % 50 == 49 ? '.' : 'n';
	name[len] = '\0';
}

/*
 * Where the alias leads the question would be too long: there are no records, and its own name is asked for.
 */
START_TEST(test_names)
{
	static const struct { size_t host, canonical; bool first, second; } rows[] = {
		{ 20, 244, true, true }, { 20, 245, false, true }, { 20, 253, false, true },
		{ 245, 20, true, false }, { 253, 245, false, false },
	};
	uint16_t type;
	const char *name;

	for (size_t i = 0; i < nitems_of(rows); i++) {
		char host[DNS_NAME_SIZE], canonical[DNS_NAME_SIZE], wanted[DNS_NAME_SIZE + 16];
		struct tlsa *t;

		make_name(host, rows[i].host);
		make_name(canonical, rows[i].canonical);
		t = tlsa_new(host, canonical, 25, true);
		for (size_t k = 0; k < 2; k++) {
			if (!(k == 0 ? rows[i].first : rows[i].second))
				continue;
			snprintf(wanted, sizeof(wanted), "_25._tcp.%s", k == 0 ? canonical : host);
			ck_assert_msg(tlsa_ask(t, &type, &name), "row %zu: question %zu", i, k);
			ck_assert_uint_eq(type, DNS_TLSA);
			ck_assert_str_eq(name, wanted);
			ck_assert(!tlsa_ask(t, &type, &name));
			begin();
			answer.result = DNS_NO_NAME;
			tlsa_answer(t, &answer);
		}
		ck_assert(!tlsa_ask(t, &type, &name));
		ck_assert(tlsa_is_over(t) && tlsa_found(t) == NULL && tlsa_trouble(t) == NULL);
		tlsa_free(t);
	}
}
END_TEST

UNIT_MAIN("tlsa", test_long, test_wrong_pieces, test_names)
