/* SHA-256 as bytes stream by, and HMAC-SHA-256 (RFC 2104), over OpenSSL. One sum belongs to one
 * thread. */
#ifndef SHA256_H
#define SHA256_H

#include <stdbool.h>
#include <stddef.h>

#include "base/es_auto.h"

#define SHA256_SIZE     32
#define SHA256_HEX_SIZE 65 /* with the zero byte */

struct sha256;

struct sha256 *sha256_open(void); /* ends the process where there is no memory */
void sha256_close(struct sha256 *sum);
ES_DEFINE_AUTO(sha256, sha256_close);

void sha256_add(struct sha256 *sum, const void *bytes, size_t size);
/* The sum of all bytes added; nothing may be added after it. */
void sha256_finish(struct sha256 *sum, unsigned char ret_digest[static SHA256_SIZE]);
/* The same in lower-case hexadecimal. */
void sha256_finish_hex(struct sha256 *sum, char ret_text[static SHA256_HEX_SIZE]);

void sha256_of(const void *bytes, size_t size, unsigned char ret_digest[static SHA256_SIZE]);
void hmac_sha256(const void *key, size_t key_size, const void *bytes, size_t size,
                 unsigned char ret_digest[static SHA256_SIZE]);

/* In a time that does not depend on where they differ. */
bool digest_equals(const unsigned char *a, const unsigned char *b, size_t size);

#endif
