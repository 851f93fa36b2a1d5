/*
 * columns_cell - one value of a document as text in a table
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  no value does harm to a terminal: what may not be shown is \xHH
 * Fails by: not at all; a very long value is cut
 */
#include <string.h>
#include <time.h>

#include "common/answers/answers.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/command/msg_queue.h"
#include "master/posternctl/table/table.h"

#define CELL_MAX 65536U

void
columns_cell_age(char *dst, size_t size, int64_t since)
{
	int64_t age = clock_wall_us() / 1000000 - since;

	age = age < 0 ? 0 : age;
	if (age < 120)
		snprintf(dst, size, "%llds", (long long)age);
	else if (age < 7200)
		snprintf(dst, size, "%lldm", (long long)age / 60);
	else if (age < 172800)
		snprintf(dst, size, "%lldh", (long long)age / 3600);
	else
		snprintf(dst, size, "%lldd", (long long)age / 86400);
}

static void
put_age(struct buf *cell, const char *time)
{
	struct tm tm = { .tm_sec = 0 };
	char age[32];

	if (strptime(time, "%Y-%m-%dT%H:%M:%SZ", &tm) == NULL)
		return;
	columns_cell_age(age, sizeof(age), timegm(&tm));
	buf_puts(cell, age);
}

static void
put_value(struct buf *cell, const struct answers_column *c, const json_t *value)
{
	size_t i;
	json_t *one, *list = mem_unconst(value);

	if (json_is_array(value)) {
		json_array_foreach(list, i, one) {
			buf_puts(cell, i > 0 ? " " : "");
			put_value(cell, c, one);
		}
	} else if (json_is_string(value) && c->age) {
		put_age(cell, json_string_value(value));
	} else if (json_is_string(value)) {
		msg_queue_put(cell, json_string_value(value), CELL_MAX / 2);
	} else if (json_is_integer(value)) {
		buf_printf(cell, "%lld", (long long)json_integer_value(value));
	} else if (json_is_real(value)) {
		buf_printf(cell, "%.0fs", json_real_value(value));
	}
}

char *
columns_cell(const struct answers_column *c, const json_t *row)
{
	struct buf cell = BUF_INIT(CELL_MAX);
	const json_t *value = json_object_get(row, c->name);

	put_value(&cell, c, value);
	if (cell.len == 0)	/* nothing where the row has no such member, as the service has no queue */
		buf_puts(&cell, value != NULL && c->empty != NULL ? c->empty : "");
	return cell.data != NULL ? cell.data : mem_strdup("");
}
