/*
 * queue_count - posternctl queue count: messages by domain and age
 *
 * Runs in:  posternctl
 * Owns:     the rows, one a domain
 * Promise:  a domain is one row, from however many pages; domains with most messages come first
 * Fails by: not at all; columns that are missing count 0
 */
#include <stdlib.h>
#include <string.h>

#include "common/answers/answers.h"
#include "common/base/buf.h"
#include "common/base/mem.h"
#include "master/posternctl/queues/queues.h"
#include "master/posternctl/table/table.h"

#define AGES ANSWERS_AGES

struct queue_row { char *domain, *reason; unsigned long n[AGES], sum; };	/* reason NULL: none */

struct queue_count {
	struct queue_row *row;		/* by name, until they are printed */
	size_t count, room;
};

struct queue_count *
queue_count_new(void)
{
	return mem_new(struct queue_count);
}

void
queue_count_free(struct queue_count *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->count; i++) {
		free(c->row[i].domain);
		free(c->row[i].reason);
	}
	free(c->row);
	free(c);
}

static struct queue_row *
find_row(struct queue_count *c, const char *domain)
{
	size_t low = 0, high = c->count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int compared = strcmp(c->row[middle].domain, domain);

		if (compared == 0)
			return &c->row[middle];
		if (compared < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (c->count == c->room)
		c->row = mem_array(c->row, c->room = c->room == 0 ? 64 : c->room * 2, sizeof(*c->row));
	memmove(&c->row[low + 1], &c->row[low], (c->count++ - low) * sizeof(*c->row));
	c->row[low] = (struct queue_row){ .domain = mem_strdup(domain) };
	return &c->row[low];
}

void
queue_count_add(struct queue_count *c, char *line)
{
	char *domain = strsep(&line, "\t"), *number;
	struct queue_row *r = find_row(c, domain);

	for (size_t i = 0; i < AGES && (number = strsep(&line, "\t")) != NULL; i++) {
		unsigned long n = strtoul(number, NULL, 10);

		r->n[i] += n;
		r->sum += n;
	}
	if (line != NULL && *line != '\0' && r->reason == NULL)
		r->reason = mem_strdup(line);
}

static int
compare_sums(const void *a, const void *b)
{
	const struct queue_row *x = a, *y = b;

	return x->sum != y->sum ? (x->sum > y->sum ? -1 : 1) : strcmp(x->domain, y->domain);
}

static void
print_table_row(const struct queue_row *r, int width)
{
	printf("%-*s %9lu", width, r->domain, r->sum);
	for (size_t i = 0; i < AGES; i++)
		printf(" %8lu", r->n[i]);
	printf("%s%s\n", r->reason != NULL ? "  " : "", r->reason != NULL ? r->reason : "");
}

static json_t *
json_row(const struct queue_row *r)
{
	const char *reason = r->reason != NULL ? r->reason : "";
	struct buf line = BUF_INIT(strlen(r->domain) + AGES * 24 + strlen(reason) + 2);
	json_t *row;

	buf_puts(&line, r->domain);
	for (size_t i = 0; i < AGES; i++)
		buf_printf(&line, "\t%lu", r->n[i]);
	buf_printf(&line, "\t%s", reason);
	row = answers_line_ages(line.data);
	buf_done(&line);
	return row;
}

static void
print_json_row(const struct queue_row *r, bool first)
{
	json_t *row = json_row(r);

	answers_print_row(row, first, stdout);
	json_decref(row);
}

/* For people: the sums, and then a row a domain. */
static void
print_people(const struct queue_count *c, const struct queue_row *total)
{
	json_t *rows = json_array();

	for (size_t k = 0; k <= c->count; k++) {
		json_t *row = json_row(k == 0 ? total : &c->row[k - 1]);

		json_object_update(row, json_object_get(row, "ages"));
		json_array_append_new(rows, row);
	}
	columns_print(answers_rows_find("queue", "count"), rows, true);
	json_decref(rows);
}

void
queue_count_print(struct queue_count *c, bool json)
{
	static char all[] = "(all)";
	struct queue_row total = { .domain = all };
	size_t shown = 0;
	int width = 24;

	if (c->count > 0)
		qsort(c->row, c->count, sizeof(*c->row), compare_sums);
	for (size_t k = 0; k < c->count; k++) {
		width = strlen(c->row[k].domain) > (size_t)width && width < 50 ?
		    (int)strlen(c->row[k].domain) : width;
		total.sum += c->row[k].sum;
		for (size_t i = 0; i < AGES; i++)
			total.n[i] += c->row[k].n[i];
	}
	if (!json && columns_are_for_people()) {
		if (total.sum > 0)
			print_people(c, &total);
		return;
	}
	if (!json && total.sum > 0)
		print_table_row(&total, width);
	for (size_t k = 0; k < c->count && c->row[k].sum > 0; k++, shown++)
		if (json)
			print_json_row(&c->row[k], shown == 0);
		else
			print_table_row(&c->row[k], width);
}
