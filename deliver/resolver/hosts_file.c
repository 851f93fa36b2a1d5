/*
 * hosts_file - the hosts(5) table: names that the administrator gave addresses, before the DNS is asked; pure
 *
 * Runs in:  resolver
 * Owns:     its rows
 * Promise:  a listed name is answered from here for both families: beside an entry with an IPv4 address the
 *           DNS is not asked for an IPv6 address; other types (MX) still come from the DNS
 * Fails by: malformed lines are skipped, as getaddrinfo(3) does
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "deliver/resolver/resolver.h"

#define ROWS_MAX 100000
#define TTL 60			/* seconds; callers that remember answers see a changed file after them */

struct row {
	char *name;
	uint16_t type;		/* DNS_A or DNS_AAAA */
	size_t order;		/* of appearance: kept among equal names */
	uint8_t bytes[16];
};

struct hosts_file {
	struct row *row;	/* sorted by name, then order */
	size_t count, room;
};

static int
compare_rows(const void *left, const void *right)
{
	const struct row *a = left, *b = right;
	int by_name = strcasecmp(a->name, b->name);

	return by_name != 0 ? by_name : (a->order > b->order) - (a->order < b->order);
}

static void
add_row(struct hosts_file *h, const struct row *like, const char *name, size_t len)
{
	struct row *row;

	if (len == 0 || len >= DNS_NAME_SIZE || h->count == ROWS_MAX)
		return;
	if (h->count == h->room) {
		h->room = h->room == 0 ? 32 : h->room * 2;
		h->row = mem_array(h->row, h->room, sizeof(*h->row));
	}
	row = &h->row[h->count];
	*row = *like;
	row->name = mem_strndup(name, name[len - 1] == '.' ? len - 1 : len);
	row->order = h->count++;
}

static void
add_line(struct hosts_file *h, const char *line, size_t len)
{
	static const char blanks[] = " \t\r";
	struct row row = { .type = 0 };
	char address[INET6_ADDRSTRLEN + 1];
	const char *end = line + len, *hash = memchr(line, '#', len);
	bool first = true;

	if (hash != NULL)
		end = hash;
	while (line < end) {
		const char *word = line;
		size_t size;

		while (word < end && memchr(blanks, *word, sizeof(blanks) - 1) != NULL)
			word++;
		for (line = word; line < end && memchr(blanks, *line, sizeof(blanks) - 1) == NULL; line++)
			;
		size = (size_t)(line - word);
		if (size == 0)
			return;
		if (!first) {
			add_row(h, &row, word, size);
			continue;
		}
		if (size >= sizeof(address))
			return;
		memcpy(address, word, size);
		address[size] = '\0';
		if (inet_pton(AF_INET, address, row.bytes) == 1)
			row.type = DNS_A;
		else if (inet_pton(AF_INET6, address, row.bytes) == 1)
			row.type = DNS_AAAA;
		else
			return;
		first = false;
	}
}

struct hosts_file *
hosts_file_parse(const char *text, size_t len)
{
	struct hosts_file *h = mem_new(struct hosts_file);

	while (len > 0) {
		const char *lf = memchr(text, '\n', len);
		size_t size = lf != NULL ? (size_t)(lf - text) : len;

		add_line(h, text, size);
		size += lf != NULL;
		text += size;
		len -= size;
	}
	if (h->count > 1)
		qsort(h->row, h->count, sizeof(*h->row), compare_rows);
	return h;
}

void
hosts_file_free(struct hosts_file *h)
{
	if (h == NULL)
		return;
	for (size_t i = 0; i < h->count; i++)
		free(h->row[i].name);
	free(h->row);
	free(h);
}

/* Index of the first row of `name`, or h->count. */
static size_t
first_of(const struct hosts_file *h, const char *name)
{
	size_t low = 0, high = h->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcasecmp(h->row[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool
hosts_file_answer(const struct hosts_file *h, const struct msg_dns_query *q, struct msg_dns_answer *a)
{
	char name[DNS_NAME_SIZE];
	size_t i, len;

	if (q->type != DNS_A && q->type != DNS_AAAA)
		return false;
	memcpy(name, q->name, sizeof(name));
	len = strlen(name);
	if (len > 0 && name[len - 1] == '.')
		name[len - 1] = '\0';
	i = first_of(h, name);
	if (i == h->count || strcasecmp(h->row[i].name, name) != 0)
		return false;
	memset(a, 0, sizeof(*a));
	memcpy(a->canonical, name, sizeof(a->canonical));
	a->ttl = TTL;
	for (; i < h->count && strcasecmp(h->row[i].name, name) == 0; i++) {
		struct msg_dns_record *record;

		if (h->row[i].type != q->type || a->count == DNS_RECORDS_MAX)
			continue;
		record = &a->record[a->count++];
		record->len = q->type == DNS_A ? 4 : 16;
		memcpy(record->data, h->row[i].bytes, record->len);
	}
	a->result = a->count > 0 ? DNS_FOUND : DNS_NO_DATA;
	return true;
}
