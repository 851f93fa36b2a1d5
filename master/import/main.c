/*
 * main - postern-import: reads the configuration of an SMTP service of IIS from the standard input and prints
 * what an import would make of it, as JSON; or the table of properties
 *
 * Runs in:  import
 * Owns:     the input and the outcome
 * Promise:  as root it has given all rights up before it reads a byte; it opens no file, and writes to its
 *           standard output alone. posternctl judges what it says
 * Fails by: an exit status; {"refused": WHY} for an input that is none
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/boot/boot.h"
#include "common/config/config.h"
#include "common/sandbox/sandbox.h"
#include "master/import/import.h"

#define ACCOUNT "nobody"	/* it owns nothing, and no process of the service is it */
#define MEMORY_MAX (1UL << 30)
#define CPU_SECONDS 60

static void
give_up_rights(void)
{
#ifdef POSTERN_TEST
	const bool test = true;
#else
	const bool test = false;
	const struct rlimit memory = { MEMORY_MAX, MEMORY_MAX };
#endif
	const struct rlimit none = { 0, 0 }, seconds = { CPU_SECONDS, CPU_SECONDS };
	const struct sandbox_plan plan = { .role = "import", .sanitizers = test, .kill = test };

	boot_drop(ACCOUNT, NULL, NULL, false);
	(void)!setrlimit(RLIMIT_CORE, &none);
	(void)!setrlimit(RLIMIT_CPU, &seconds);
#ifndef POSTERN_TEST	/* sanitizers map far more than they use */
	(void)!setrlimit(RLIMIT_AS, &memory);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
	if (!sandbox_enter(&plan))
		die(EX_SOFTWARE, "no sandbox for import");
}

/* The whole input; -1 and why not. */
static int
read_input(struct buf *input, struct buf *why)
{
	while (input->len <= IMPORT_FILE_MAX) {
		char *room = buf_room(input, 65536);
		ssize_t n = room != NULL ? read(STDIN_FILENO, room, 65536) : 0;

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			buf_puts(why, strerror(errno));
			return -1;
		}
		if (n == 0)
			break;
		input->len += (size_t)n;
	}
	if (input->len > IMPORT_FILE_MAX) {
		buf_printf(why, "it is larger than %uM: a MetaBase.xml has a few hundred kilobytes",
		    IMPORT_FILE_MAX >> 20);
		return -1;
	}
	return 0;
}

static int
print(json_t *document)
{
	int rc = json_dumpf(document, stdout, JSON_COMPACT);

	return rc == 0 && fflush(stdout) == 0 ? EX_OK : EX_IOERR;
}

static int
run(const char *folder, const char *program)
{
	struct buf input = BUF_INIT(IMPORT_FILE_MAX + 65536), why = BUF_INIT(300);
	struct node_tree tree;
	struct outcome out;
	int status;

	node_tree_init(&tree, &property_rows);
	if (read_input(&input, &why) == -1)
		node_tree_refuse(&tree, "%s", buf_text(&why));
	else
		import_input_read(&tree, buf_text(&input), input.len);
	outcome_init(&out, &tree);
	if (node_tree_ok(&tree))
		convert_server_run(&out, &tree, folder, program);
	else
		outcome_refuse(&out, buf_text(&tree.why));
	status = print(out.root);
	outcome_done(&out);
	node_tree_done(&tree);
	buf_done(&input);
	buf_done(&why);
	return status;
}

/* FOLDER PROGRAM: see convert_run; "--properties": the table. */
int
main(int argc, char **argv)
{
	json_t *rows;
	int status;

	log_open("postern-import", "", LOG_TO_STDERR);
	if (argc == 2 && strcmp(argv[1], "--properties") == 0) {
		rows = property_print(&property_rows);
		status = print(rows);
		json_decref(rows);
		return status;
	}
	if (argc != 3) {
		fprintf(stderr, "postern-import is started by posternctl(8), not by hand\n");
		return EX_USAGE;
	}
	give_up_rights();
	return run(argv[1], argv[2]);
}
