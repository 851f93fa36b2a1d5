/* certificate - certificates of virtual servers: shown, asked for, made and installed; one block a file */
#ifndef MASTER_POSTERNCTL_CERTIFICATE_CERTIFICATE_H
#define MASTER_POSTERNCTL_CERTIFICATE_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/config/config.h"
#include "common/tls/tls.h"

struct command;
struct command_context;

/* --- certificate_file: files of keys and certificates --- */

/* Its bytes, to be given to tls_text_forget. 0; or -1 and why. */
int certificate_file_read(struct tls_text *t, const char *path, struct buf *why)
	__attribute__((warn_unused_result));
/* "tls" beside the configuration, then "NAME" and what follows it; owned by the caller. */
char *certificate_file_path(const char *config_path, const char *name, const char *ending);
/*
 * Whole or not at all, and on disk, with the owner of the folder of the configuration; the folder of the
 * file, which stands in that one, is made. An exit status; why.
 */
int certificate_file_write(const char *config_path, const char *path, mode_t mode, const struct buf *text,
    struct buf *why);

/* --- certificate_pair: whether a pair can be used --- */

/*
 * Whether it can be installed for `fqdn`: certificate and key belong together, the chain is in its order, it
 * is valid now, and for that name. Each fault is a line.
 */
bool certificate_pair_is_good(const struct tls_source *pair, const char *fqdn, struct buf *why);

/* --- certificate_make: keys, requests, certificates of one's own --- */

enum certificate_key { CERTIFICATE_ECDSA, CERTIFICATE_RSA };

/* All in PEM form. 0; or -1 and why. */
int certificate_make_key(enum certificate_key type, struct buf *key, struct buf *why)
	__attribute__((warn_unused_result));
/* `names`: as in a list, with commas; each a host name. */
int certificate_make_request(const struct tls_text *key, const char *names, struct buf *request,
    struct buf *why) __attribute__((warn_unused_result));
int certificate_make_own(const struct tls_text *key, const char *names, unsigned days,
    struct buf *certificate, struct buf *why) __attribute__((warn_unused_result));

/* --- certificate_install: a pair becomes that of a virtual server --- */

struct certificate_job {
	const struct command_context *c;
	const char *config_path;
	struct config *config;
	const struct config_server *server;
};

/* Finds the virtual server; an exit status, and it has been said why. To be ended in both cases. */
int certificate_install_begin(struct certificate_job *j, const struct command_context *c, const char *name);
void certificate_install_end(struct certificate_job *j);
/*
 * Judges the pair, keeps it in files of its own, and names these in the configuration in place of the one for
 * the same names. An exit status; it has been said what was done.
 */
int certificate_install_run(struct certificate_job *j, const struct tls_source *pair);
/* The same from files; key NULL: that of the request. */
int certificate_install_files(struct certificate_job *j, const char *certificate, const char *key);
/* A new key and a certificate for these names (NULL: fqdn). */
int certificate_install_own(struct certificate_job *j, enum certificate_key type, const char *names,
    unsigned days);
/* A request in a file, with the key that waits for its certificate. */
int certificate_install_request(struct certificate_job *j, enum certificate_key type, const char *names,
    bool new_key);

/* --- certificate_show --- */

int certificate_show_run(const struct certificate_job *j, bool json);
/* What clients are shown now: the service is asked. */
int certificate_show_served(const struct command_context *c, const char *name, bool json);

/* --- certificate_command: posternctl certificate --- */

int certificate_command_run(const struct command_context *c, const struct command *row,
    const char *const *words, size_t count);

#endif
