/*
 * secret - secrets are compared in a time that says nothing of where they differ; pure
 *
 * Runs in:  master, web
 * Owns:     nothing
 * Promise:  all bytes are looked at
 * Fails by: not at all
 */
#include "common/base/secret.h"

bool
secret_is_same(const void *a, const void *b, size_t len)
{
	const volatile unsigned char *x = a, *y = b;
	unsigned char differ = 0;

	for (size_t i = 0; i < len; i++)
		differ = (unsigned char)(differ | (x[i] ^ y[i]));
	return differ == 0;
}
