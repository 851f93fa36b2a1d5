/*
 * config - an INI file of a virtual server, parsed, built, judged, printed; what is good is good again from
 * its snapshot
 */
#include "t/fuzz/fuzz.h"
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/config/config.h"

static struct config *
read_text(const char *text, size_t len)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	fuzz_check(fd != -1 && write(fd, text, len) == (ssize_t)len);
	struct config *c = config_read_snapshot(fd);
	close(fd);
	return c;
}

/* `first`: of postern.ini itself; else of a virtual server. */
static struct config *
read_file(const char *file, size_t len, bool first)
{
	static const char service[] = "[service]\nspool = /nowhere/spool\n";
	struct buf text = BUF_INIT(64U << 20);

	buf_puts(&text, "postern-snapshot 1\nhost mail.example.com\nservers 1\n");
	if (first) {
		buf_printf(&text, "file %zu 0 - /nowhere/postern.ini\n", len);
	} else {
		buf_printf(&text, "file %zu 0 - /nowhere/postern.ini\n%s\n", sizeof(service) - 1, service);
		buf_printf(&text, "file %zu 1 default /nowhere/servers/default.ini\n", len);
	}
	buf_add(&text, file, len);
	buf_puts(&text, "\n");
	struct config *c = read_text(text.data, text.len);
	buf_done(&text);
	return c;
}

/* Files as these are read as long as they are handed over in the right form. */
static void
check_form(void)
{
	static const char server[] = "[general]\nlisten = 127.0.0.1:25\n", service[] = "[service]\n";
	struct config *c = read_file(server, sizeof(server) - 1, false);

	fuzz_check(c != NULL && c->nserver == 1);
	config_free(c);
	c = read_file(service, sizeof(service) - 1, true);
	fuzz_check(c != NULL && c->nserver == 0);
	config_free(c);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static FILE *nowhere;
	bool first = len > 0 && data[0] == '!';

	if (nowhere == NULL) {
		nowhere = fopen("/dev/null", "w");
		check_form();
	}
	struct config *c = read_file((const char *)data + first, len - first, first);
	if (c != NULL) {
		struct config *again = read_text(c->text, c->text_len);

		config_print(c, NULL, nowhere);
		fuzz_check(again != NULL && again->nserver == c->nserver);
		for (size_t i = 0; i < c->nserver; i++) {
			fuzz_check(config_server_same(c, again, c->server[i].name));
			fuzz_check(c->server[i].default_domain != NULL);
		}
		config_free(again);
	}
	config_free(c);
	return 0;
}
