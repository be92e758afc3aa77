/* OpenSSL's EVP. Its calls fail here only for want of memory, or in a build without SHA-256:
 * neither is a thing to go on with. */
#include "wire/sha256.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/es_text.h"

struct sha256 {
    EVP_MD_CTX *evp;
};

static void must(bool has_worked)
{
    if (!has_worked)
        abort();
}

struct sha256 *sha256_open(void)
{
    struct sha256 *sum = es_malloc(sizeof(*sum));
    sum->evp = EVP_MD_CTX_new();
    must(sum->evp && EVP_DigestInit_ex(sum->evp, EVP_sha256(), NULL));
    return sum;
}

void sha256_close(struct sha256 *sum)
{
    EVP_MD_CTX_free(sum->evp);
    free(sum);
}

void sha256_add(struct sha256 *sum, const void *bytes, size_t size)
{
    must(EVP_DigestUpdate(sum->evp, bytes, size));
}

void sha256_finish(struct sha256 *sum, unsigned char ret_digest[static SHA256_SIZE])
{
    must(EVP_DigestFinal_ex(sum->evp, ret_digest, NULL));
}

void sha256_finish_hex(struct sha256 *sum, char ret_text[static SHA256_HEX_SIZE])
{
    unsigned char digest[SHA256_SIZE];
    sha256_finish(sum, digest);
    es_hex_encode(digest, sizeof(digest), ret_text);
}

void sha256_of(const void *bytes, size_t size, unsigned char ret_digest[static SHA256_SIZE])
{
    must(EVP_Digest(bytes, size, ret_digest, NULL, EVP_sha256(), NULL));
}

void hmac_sha256(const void *key, size_t key_size, const void *bytes, size_t size,
                 unsigned char ret_digest[static SHA256_SIZE])
{
    must(HMAC(EVP_sha256(), key, (int)key_size, bytes, size, ret_digest, NULL));
}

bool digest_equals(const unsigned char *a, const unsigned char *b, size_t size)
{
    return CRYPTO_memcmp(a, b, size) == 0;
}
