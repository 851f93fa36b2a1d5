/*
 * unbound_config - the settings of libunbound, as the text of its configuration file; pure
 *
 * Runs in:  resolver
 * Owns:     nothing
 * Promise:  the configured servers, also on loopback, are asked for every name: libunbound's built-in empty
 *           zones (test., home.arpa., private reverse zones) would hide internal names. Without a server
 *           libunbound asks from the root on
 * Fails by: out->failed; server lines that are no address are left out
 */
#include <stdio.h>
#include <string.h>

#include "deliver/resolver/resolver.h"

#define SERVERS_MAX 8

static const char fixed[] =
    "server:\n"
    "  do-not-query-localhost: no\n"
    "  unblock-lan-zones: yes\n"
    "  insecure-lan-zones: yes\n"
    "  local-zone: \"test.\" nodefault\n"
    "  local-zone: \"home.arpa.\" nodefault\n"
    "  domain-insecure: \"test.\"\n"
    "  domain-insecure: \"home.arpa.\"\n"
    "  domain-insecure: \"localhost.\"\n"
    "  outgoing-range: 480\n"		/* descriptors: 1,024 is what a process may count on */
    "  num-queries-per-thread: 4096\n"
    "  outgoing-num-tcp: 64\n"
    "  infra-host-ttl: 60\n"		/* a DNS server that was down is tried again soon */
    "  infra-keep-probing: yes\n"
    "  cache-max-negative-ttl: 60\n"	/* a forgotten MX is seen soon after it was made */
    "  cache-max-ttl: 86400\n";

int
unbound_config_server(char *dst, const char *text)
{
	struct net_address a;
	char ip[NET_TEXT_SIZE];
	int n;

	if (config_dns_server(&a, text) == -1)
		return -1;
	net_format_ip(ip, (const struct sockaddr *)&a.sa);
	n = snprintf(dst, NET_TEXT_SIZE, "%s@%u", ip, net_port((const struct sockaddr *)&a.sa));
	return n < NET_TEXT_SIZE ? 0 : -1;
}

static void
write_server(struct buf *out, const char *text, unsigned *count)
{
	char server[NET_TEXT_SIZE];

	if (*count == SERVERS_MAX || unbound_config_server(server, text) == -1)
		return;
	if ((*count)++ == 0)
		buf_puts(out, "forward-zone:\n  name: \".\"\n");
	buf_printf(out, "  forward-addr: %s\n", server);
}

/* The "nameserver ADDRESS" lines of resolv.conf(5). */
static void
write_resolv(struct buf *out, const char *text, size_t len, unsigned *count)
{
	static const char word[] = "nameserver";
	const char *end = text + len;

	while (text < end) {
		const char *lf = memchr(text, '\n', (size_t)(end - text)), *stop = lf != NULL ? lf : end;
		char address[NET_TEXT_SIZE];

		if ((size_t)(stop - text) > sizeof(word) && memcmp(text, word, sizeof(word) - 1) == 0) {
			const char *from = text + sizeof(word) - 1;
			size_t n;

			while (from < stop && (*from == ' ' || *from == '\t'))
				from++;
			n = 0;
			while (from + n < stop && n < sizeof(address) - 1 &&
			    memchr(" \t\r#;", from[n], 5) == NULL)
				n++;
			memcpy(address, from, n);
			address[n] = '\0';
			if (from > text + sizeof(word) - 1)
				write_server(out, address, count);
		}
		text = lf != NULL ? lf + 1 : end;
	}
}

/* Names and paths come from the INI. A quote or line end in one must not begin another setting. */
static bool
is_plain(const char *text)
{
	return strpbrk(text, "\"\\\r\n") == NULL;
}

/* One record a line, as trust_anchor_read made them: without quotes. */
static void
write_anchors(struct buf *out, const char *anchors)
{
	while (*anchors != '\0') {
		size_t n = strcspn(anchors, "\n");

		buf_printf(out, "  trust-anchor: \"%.*s\"\n", (int)n, anchors);
		anchors += n + (anchors[n] == '\n');
	}
}

void
unbound_config_write(struct buf *out, const struct config_service *s, const char *anchors, const char *resolv,
    size_t len)
{
	bool validates = s->dnssec == CONFIG_DNSSEC_YES;
	unsigned count = 0;

	buf_puts(out, fixed);
	buf_printf(out, "  module-config: \"%s\"\n", validates ? "validator iterator" : "iterator");
	if (validates)
		write_anchors(out, anchors);
	for (size_t i = 0; i < s->dns_insecure.count; i++)
		if (is_plain(s->dns_insecure.text[i]))
			buf_printf(out, "  domain-insecure: \"%s\"\n", s->dns_insecure.text[i]);
	for (size_t i = 0; i < s->dns_server.count; i++)
		write_server(out, s->dns_server.text[i], &count);
	if (s->dns_server.count == 0)
		write_resolv(out, resolv, len, &count);
}
