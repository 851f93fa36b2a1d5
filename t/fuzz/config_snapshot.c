/* config_snapshot - the configuration as a worker reads it at its start; what is taken is the same once written anew */
#include "t/fuzz/fuzz.h"
#include <sys/mman.h>
#include <unistd.h>

#include "common/config/config.h"

static struct config *
read_text(const void *text, size_t len)
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
	struct config *c = read_text(data, len);

	if (c != NULL) {
		struct config *again = read_text(c->text, c->text_len);

		fuzz_check(again != NULL && again->nserver == c->nserver && again->servers == c->servers);
		for (size_t i = 0; i < c->nserver; i++) {
			fuzz_check(c->server[i].name != NULL && c->server[i].default_domain != NULL);
			fuzz_check(config_server_same(c, again, c->server[i].name));
		}
		config_free(again);
	}
	config_free(c);
	return 0;
}
