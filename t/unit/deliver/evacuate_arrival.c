/* evacuate_arrival - a message that another node brings: what it says of its size is judged by the room there is */
#include <errno.h>
#include <string.h>

#include "common/config/config.h"
#include "deliver/evacuate/evacuate_private.h"
#include "t/unit/temp_spool.h"

#define ID "1k0t4z00000aaaaa"

/* What comes of a message of so many bytes: 0 or errno. */
static int
open_arrival(uint64_t size, const struct config_server *server)
{
	struct evacuate_put put = { .id = ID, .due = 1796136906, .size = size };
	struct arrival *a = evacuate_arrival_new(&put);
	int error;

	ck_assert_int_eq(a->error, 0);
	a->step = ARRIVAL_OPEN;
	evacuate_arrival_run(a, spool, server);
	error = a->error;
	evacuate_arrival_free(a);
	return error;
}

/* The reserve stays free, whatever size a node names. */
START_TEST(test_reserve)
{
	struct config_server server = { .disk_reserve = 1, .max_message_size = 1024 };
	struct spool_room room;
	uint64_t reserve;

	temp_spool_begin();
	ck_assert_int_eq(spool_room(spool, &room), 0);
	reserve = spool_room_reserve(&room, 1, 1024);
	ck_assert_uint_gt(room.bytes_free, 2 * reserve);
	ck_assert_int_eq(open_arrival(1000, &server), 0);
	ck_assert_int_eq(open_arrival(room.bytes_free - reserve / 2, &server), ENOSPC);
	ck_assert_int_eq(open_arrival(room.bytes * 2, &server), ENOSPC);
	server.disk_reserve = 0;
	ck_assert_int_eq(open_arrival(room.bytes * 2, &server), ENOSPC);
	temp_spool_end();
}
END_TEST

UNIT_MAIN("evacuate_arrival", test_reserve)
