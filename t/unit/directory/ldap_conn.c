/* ldap_conn - a server that promises more than it may send: the connection ends, and no room is made for it */
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/config/config.h"
#include "deliver/directory/directory.h"
#include "t/unit/check_main.h"

/* Answers whatever comes with these words, and then says nothing more. Its pid. */
static pid_t
start_server(unsigned *port, const char *words, size_t len)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM, 0), client;
	char in[1000];
	pid_t pid;

	ck_assert(bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == 0 && listen(fd, 1) == 0);
	ck_assert(getsockname(fd, (struct sockaddr *)&sin, &size) == 0);
	*port = ntohs(sin.sin_port);
	pid = fork();
	ck_assert_int_ne(pid, -1);
	if (pid == 0) {
		while ((client = accept(fd, NULL, NULL)) != -1)
			if (read(client, in, sizeof(in)) <= 0 || write(client, words, len) == -1)
				break;
		_exit(0);
	}
	close(fd);
	return pid;
}

/* The head of a message of 2 GB. */
START_TEST(test_promise_of_too_much)
{
	static const char head[] = "\x30\x84\x7f\xff\xff\xff\x02\x01\x01\x61\x07\x0a\x01\0\x04\0\x04";
	struct config_ldap c = { .timeout = 30000, .bind = CONFIG_BIND_ANONYMOUS };
	struct ldap_conn_setup set = { .ldap = &c };
	char uri[60], why[LDAP_CONN_WHY_SIZE] = "";
	unsigned port;
	bool denied = true;
	pid_t pid = start_server(&port, head, sizeof(head));
	uint64_t begin = clock_mono_ms();

	ldap_conn_set_up();
	snprintf(uri, sizeof(uri), "ldap://127.0.0.1:%u", port);
	ck_assert_ptr_null(ldap_conn_open(&set, uri, &denied, why));
	ck_assert(!denied && why[0] != '\0');
	ck_assert_msg(clock_mono_ms() - begin < 15000, "it waits for the rest: %s", why);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}
END_TEST

/* A server that is frozen, or a wall that swallows: in the handshake libldap knows no time, and would never return. */
START_TEST(test_silence_in_the_handshake)
{
	static const char granted[] = "\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\0\x04\0\x04";
	static const struct { const char *scheme, *words; size_t len; bool start_tls; } rows[] = {
		{ "ldap", granted, sizeof(granted), true }, { "ldaps", "", 0, false },
		{ "ldaps", "\x16\x03\x03\x10\0x", 6, false },	/* the head of a record */
	};

	ldap_conn_set_up();
	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct config_ldap c = { .timeout = 1000, .bind = CONFIG_BIND_ANONYMOUS, .start_tls = rows[i].start_tls };
		struct ldap_conn_setup set = { .ldap = &c };
		char uri[60], why[LDAP_CONN_WHY_SIZE] = "";
		unsigned port;
		bool denied = true;
		pid_t pid = start_server(&port, rows[i].words, rows[i].len);

		snprintf(uri, sizeof(uri), "%s://127.0.0.1:%u", rows[i].scheme, port);
		ck_assert_ptr_null(ldap_conn_open(&set, uri, &denied, why));
		ck_assert_msg(strstr(why, "Timed out") != NULL && !denied, "%zu: %s", i, why);
		ck_assert_int_eq(kill(pid, SIGKILL), 0);
		ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	}
}
END_TEST

UNIT_MAIN("ldap_conn", test_promise_of_too_much, test_silence_in_the_handshake)
