/* config_certificate - our client certificates at remote hosts: client-certificate and client-key */
#ifndef COMMON_CONFIG_CONFIG_CERTIFICATE_H
#define COMMON_CONFIG_CONFIG_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>

struct config_domain;
struct config_server;
struct config_work;

/*
 * Paths, and the place in which they are set: a [domain]; "" client-certificate of [delivery];
 * CONFIG_CERTIFICATE_EVACUATE evacuate-certificate there. All belong to the config.
 */
struct config_certificate { const char *certificate, *key, *domain; };
#define CONFIG_CERTIFICATE_EVACUATE "(evacuate)"	/* a name that no [domain] can have */

/*
 * Which one is shown to the hosts of that domain; `d` NULL: of the server's smart hosts. `by_dns`: the host
 * is named only by the DNS, and is shown that of its own [domain], never the server's. False: none.
 */
bool config_certificate_find(struct config_certificate *c, const struct config_server *s,
    const struct config_domain *d, bool by_dns);
/* The one that is set in that place, as in struct config_certificate. False: none. */
bool config_certificate_at(struct config_certificate *c, const struct config_server *s, const char *domain);
/* All places that can have one, from 0 on, the first is ""; NULL: there are no more. */
const char *config_certificate_place(const struct config_server *s, size_t n);
/* The name of the key of [delivery] or of a [domain] that sets it. */
const char *config_certificate_key(const char *place, bool private_key);
void config_certificate_judge(struct config_work *w, size_t server);

#endif
