/* content_limits - a message that gets larger by what is mended in it is refused in words, by DATA and by BDAT */
#include "listener/smtp/smtp.h"
#include "t/unit/listener/session_fixture.h"

#define CRS 1100

static void
send_large(struct session_fixture *w, bool chunk)
{
	static const char head[] = "Subject: x\r\n\r\npaid 1000", rest[] = "\nrest of the text\r\n";
	char text[sizeof(head) + CRS + sizeof(rest) + 3], line[64];
	size_t len = sizeof(head) - 1;

	fixture_init(w);
	w->server.max_message_size = 1000;
	w->server.mend = CONFIG_CLIENTS_ALL;
	fixture_begin_session(w);
	fixture_say(w, "EHLO c");
	fixture_say(w, "MAIL FROM:<a@b.example>");
	fixture_say(w, "RCPT TO:<c@example.com>");
	memcpy(text, head, len);
	memset(text + len, '\r', CRS);
	memcpy(text + len + CRS, rest, sizeof(rest) - 1);
	len += CRS + sizeof(rest) - 1;
	buf_clear(&w->out);
	if (chunk) {
		snprintf(line, sizeof(line), "BDAT %zu LAST\r\n", len);
		fixture_feed(w, line, strlen(line), false);
		fixture_feed(w, text, len, false);
	} else {
		fixture_say(w, "DATA");
		buf_clear(&w->out);
		memcpy(text + len, ".\r\n", 3);
		fixture_feed(w, text, len + 3, false);
	}
}

START_TEST(refused)
{
	for (int chunk = 0; chunk < 2; chunk++) {
		struct session_fixture *w = calloc(1, sizeof(*w));

		send_large(w, chunk);
		ck_assert_msg(strncmp(buf_text(&w->out), "552 5.3.4 ", 10) == 0, "%s", buf_text(&w->out));
		ck_assert_ptr_null(strstr(buf_text(&w->messages), "paid"));
		fixture_done(w);
		free(w);
	}
}
END_TEST

UNIT_MAIN("content_limits", refused)
