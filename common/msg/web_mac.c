/*
 * web_mac - the secrets of the manager: the token of a one-time link, the handle of a session
 *
 * Runs in:  master, web
 * Owns:     nothing
 * Promise:  a secret that the master did not make is told apart without a question to the master, and costs
 *           its sender's neighbours nothing. It is a right all the same only while the master knows it
 * Fails by: false
 */
#include "common/msg/web_mac.h"

#include <assert.h>
#include <bsd/stdlib.h>
#include <sha2.h>
#include <string.h>

#include "common/account/secret.h"

#define MAC_SIZE (WEB_SECRET_SIZE - WEB_MAC_RANDOM_SIZE)

static const char *const purposes[] = { [WEB_MAC_LINK] = "postern link",
    [WEB_MAC_SESSION] = "postern session" };
static_assert(sizeof(purposes) / sizeof(purposes[0]) == WEB_MAC_KINDS, "one purpose a kind");

/* Of HMAC (RFC 2104): the key as one block of the hash, each byte of it xor `with`. */
static void
begin_hash(SHA2_CTX *c, const unsigned char key[WEB_KEY_SIZE], unsigned char with)
{
	unsigned char block[SHA256_BLOCK_LENGTH];

	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = (unsigned char)((i < WEB_KEY_SIZE ? key[i] : 0) ^ with);
	SHA256Init(c);
	SHA256Update(c, block, sizeof(block));
	explicit_bzero(block, sizeof(block));
}

/* HMAC-SHA-256 of the purpose and the random bytes. */
static void
make_mac(uint8_t mac[SHA256_DIGEST_LENGTH], const unsigned char *random, enum web_mac_kind kind,
    const unsigned char key[WEB_KEY_SIZE])
{
	const uint8_t *purpose = (const uint8_t *)purposes[kind];
	SHA2_CTX c;

	begin_hash(&c, key, 0x36);
	SHA256Update(&c, purpose, strlen(purposes[kind]) + 1);
	SHA256Update(&c, random, WEB_MAC_RANDOM_SIZE);
	SHA256Final(mac, &c);
	begin_hash(&c, key, 0x5c);
	SHA256Update(&c, mac, SHA256_DIGEST_LENGTH);
	SHA256Final(mac, &c);
	explicit_bzero(&c, sizeof(c));
}

void
web_mac_make(unsigned char secret[WEB_SECRET_SIZE], enum web_mac_kind kind,
    const unsigned char key[WEB_KEY_SIZE])
{
	uint8_t mac[SHA256_DIGEST_LENGTH];

	arc4random_buf(secret, WEB_MAC_RANDOM_SIZE);
	make_mac(mac, secret, kind, key);
	memcpy(secret + WEB_MAC_RANDOM_SIZE, mac, MAC_SIZE);
	explicit_bzero(mac, sizeof(mac));
}

bool
web_mac_is_ours(const unsigned char secret[WEB_SECRET_SIZE], enum web_mac_kind kind,
    const unsigned char key[WEB_KEY_SIZE])
{
	uint8_t mac[SHA256_DIGEST_LENGTH];
	bool ours;

	make_mac(mac, secret, kind, key);
	ours = secret_is_same(mac, secret + WEB_MAC_RANDOM_SIZE, MAC_SIZE);
	explicit_bzero(mac, sizeof(mac));
	return ours;
}
