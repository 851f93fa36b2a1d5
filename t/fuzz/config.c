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

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static FILE *nowhere;
	static const char service[] = "[service]\nspool = /nowhere/spool\n";
	struct buf text = BUF_INIT(64U << 20);
	bool first = len > 0 && data[0] == '!';	/* postern.ini itself */

	if (nowhere == NULL)
		nowhere = fopen("/dev/null", "w");
	buf_puts(&text, "postern-snapshot 1\nhost mail.example.com\nservers 1\n");
	if (first) {
		buf_printf(&text, "file %zu 0 - /nowhere/postern.ini\n", len - 1);
		buf_add(&text, data + 1, len - 1);
	} else {
		buf_printf(&text, "file %zu 0 - /nowhere/postern.ini\n%s\n", sizeof(service) - 1, service);
		buf_printf(&text, "file %zu 1 default /nowhere/servers/default.ini\n", len);
		buf_add(&text, data, len);
	}
	buf_puts(&text, "\n");
	struct config *c = read_text(text.data, text.len);
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
	buf_done(&text);
	return 0;
}
