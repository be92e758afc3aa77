/* Each call puts a task on its own stack, hands it to the pool and waits for it. */
#include "service/password.h"

#include <assert.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sodium.h>

#include "base/es_pool.h"
#include "base/es_text.h"

static_assert(PASSWORD_HASH_SIZE == crypto_pwhash_argon2id_STRBYTES, "libsodium's own size");

#define PBKDF2_PREFIX     "$pbkdf2-sha256$"
#define PBKDF2_ROUNDS_MAX 10000000
#define PBKDF2_SALT_MAX   1024
#define PBKDF2_SUM_SIZE   32

struct password_pool {
    struct es_pool *threads;
    struct password_settings settings;
    char dummy_hash[PASSWORD_HASH_SIZE]; /* of nobody's password, with today's cost */
};

struct task {
    const struct password_pool *pool;
    const char *password;
    const char *hash; /* NULL: only make a new one */
    bool is_right;
    bool has_failed; /* no memory for the hash */
    char new_hash[PASSWORD_HASH_SIZE];
    pthread_mutex_t mutex;
    pthread_cond_t finished;
    bool is_finished;
};

struct password_settings password_settings_default(void)
{
    return (struct password_settings){
        .operations = 3,
        .memory_bytes = 32 * 1024 * 1024,
        .threads = 2,
        .waiting_max = 32,
    };
}

static bool make_hash(const struct password_settings *settings, const char *password,
                      char ret_hash[static PASSWORD_HASH_SIZE])
{
    return crypto_pwhash_argon2id_str(ret_hash, password, strlen(password), settings->operations,
                                      settings->memory_bytes) == 0;
}

/* passlib's adapted base64, of `length` characters: '.' for '+', no padding. The size of what was
 * written to `ret_bytes`, which takes `size_max`; -1 for what is no such text. */
static int decode_ab64(const char *text, size_t length, unsigned char *ret_bytes, size_t size_max)
{
    char padded[PBKDF2_SALT_MAX / 3 * 4 + 8];
    unsigned char bytes[PBKDF2_SALT_MAX + 8];
    size_t padded_length = (length + 3) / 4 * 4;
    if (length == 0 || length % 4 == 1 || padded_length >= sizeof(padded))
        return -1;
    for (size_t i = 0; i < padded_length; i++)
        padded[i] = i >= length ? '=' : text[i] == '.' ? '+' : text[i];
    if (EVP_DecodeBlock(bytes, (unsigned char *)padded, (int)padded_length) < 0)
        return -1;
    size_t size = length / 4 * 3 + (length % 4 ? length % 4 - 1 : 0);
    if (size > size_max)
        return -1;
    memcpy(ret_bytes, bytes, size);
    return (int)size;
}

/* "$pbkdf2-sha256$29000$salt$sum" */
static bool pbkdf2_matches(const char *hash, const char *password)
{
    const char *rounds_text = hash + strlen(PBKDF2_PREFIX);
    const char *salt_text = strchr(rounds_text, '$');
    const char *sum_text = salt_text ? strchr(salt_text + 1, '$') : NULL;
    char rounds_copy[16] = "";
    if (!sum_text || (size_t)(salt_text - rounds_text) >= sizeof(rounds_copy))
        return false;
    memcpy(rounds_copy, rounds_text, (size_t)(salt_text - rounds_text));
    uint64_t rounds;
    if (!es_text_to_u64(rounds_copy, &rounds) || rounds < 1 || rounds > PBKDF2_ROUNDS_MAX)
        return false;
    salt_text++;
    unsigned char salt[PBKDF2_SALT_MAX], sum[PBKDF2_SUM_SIZE], ours[PBKDF2_SUM_SIZE];
    int salt_size = decode_ab64(salt_text, (size_t)(sum_text - salt_text), salt, sizeof(salt));
    int sum_size = decode_ab64(sum_text + 1, strlen(sum_text + 1), sum, sizeof(sum));
    if (salt_size < 0 || sum_size != PBKDF2_SUM_SIZE)
        return false;
    return PKCS5_PBKDF2_HMAC(password, (int)strlen(password), salt, salt_size, (int)rounds,
                             EVP_sha256(), sizeof(ours), ours) == 1 &&
           CRYPTO_memcmp(ours, sum, sizeof(sum)) == 0;
}

bool password_matches(const char *hash, const char *password)
{
    if (es_text_has_prefix(hash, PBKDF2_PREFIX))
        return pbkdf2_matches(hash, password);
    if (!es_text_has_prefix(hash, crypto_pwhash_argon2id_STRPREFIX))
        return false;
    return crypto_pwhash_argon2id_str_verify(hash, password, strlen(password)) == 0;
}

static bool is_outdated(const struct password_settings *settings, const char *hash)
{
    return crypto_pwhash_argon2id_str_needs_rehash(hash, settings->operations,
                                                   settings->memory_bytes) != 0;
}

static void run_task(void *argument)
{
    struct task *task = argument;
    const struct password_settings *settings = &task->pool->settings;
    if (task->hash) {
        task->is_right = password_matches(task->hash, task->password);
        if (task->is_right && is_outdated(settings, task->hash))
            task->has_failed = !make_hash(settings, task->password, task->new_hash);
    } else {
        task->has_failed = !make_hash(settings, task->password, task->new_hash);
    }
    pthread_mutex_lock(&task->mutex);
    task->is_finished = true;
    pthread_cond_signal(&task->finished);
    pthread_mutex_unlock(&task->mutex);
}

static enum es_code run_on_pool(struct password_pool *pool, struct task *task,
                                struct es_err *reterr)
{
    task->pool = pool;
    pthread_mutex_init(&task->mutex, NULL);
    pthread_cond_init(&task->finished, NULL);
    bool is_taken = es_pool_submit(pool->threads, run_task, task);
    if (is_taken) {
        pthread_mutex_lock(&task->mutex);
        while (!task->is_finished)
            pthread_cond_wait(&task->finished, &task->mutex);
        pthread_mutex_unlock(&task->mutex);
    }
    pthread_cond_destroy(&task->finished);
    pthread_mutex_destroy(&task->mutex);
    if (!is_taken)
        return es_fail_word(reterr, ES_LIMIT, "too_many_logins", "%zu passwords are being hashed",
                            es_pool_load(pool->threads));
    if (task->has_failed)
        return es_fail(reterr, ES_NO_MEMORY, "no memory to hash a password");
    return ES_OK;
}

enum es_code password_pool_open(const struct password_settings *settings,
                                struct password_pool **ret_pool, struct es_err *reterr)
{
    if (settings->operations < 1 || settings->operations > 10 ||
        settings->memory_bytes < PASSWORD_MEMORY_BYTES_MIN ||
        settings->memory_bytes > 1024 * 1024 * 1024 || settings->threads < 1 ||
        settings->threads > 64)
        return es_fail(reterr, ES_INVALID, "a setting of the password hash is out of range");
    if (sodium_init() < 0)
        return es_fail(reterr, ES_IO, "libsodium does not start");
    struct password_pool *pool = es_malloc(sizeof(*pool));
    pool->settings = *settings;
    unsigned char secret[16];
    randombytes_buf(secret, sizeof(secret));
    char nobody[2 * sizeof(secret) + 1];
    es_hex_encode(secret, sizeof(secret), nobody);
    enum es_code code = make_hash(settings, nobody, pool->dummy_hash)
                            ? ES_OK
                            : es_fail(reterr, ES_NO_MEMORY, "no memory to hash a password");
    if (code == ES_OK)
        code = es_pool_open("password", settings->threads, settings->waiting_max, &pool->threads,
                            reterr);
    if (code) {
        free(pool);
        return code;
    }
    *ret_pool = pool;
    return ES_OK;
}

void password_pool_close(struct password_pool *pool)
{
    es_pool_close(pool->threads);
    free(pool);
}

enum es_code password_hash(struct password_pool *pool, const char *password,
                           char ret_hash[static PASSWORD_HASH_SIZE], struct es_err *reterr)
{
    struct task task = { .password = password };
    enum es_code code = run_on_pool(pool, &task, reterr);
    if (code == ES_OK)
        memcpy(ret_hash, task.new_hash, PASSWORD_HASH_SIZE);
    return code;
}

enum es_code password_check_hash(struct password_pool *pool, const char *hash, const char *password,
                                 bool *ret_is_right, char ret_new_hash[static PASSWORD_HASH_SIZE],
                                 struct es_err *reterr)
{
    struct task task = { .password = password, .hash = hash ? hash : pool->dummy_hash };
    enum es_code code = run_on_pool(pool, &task, reterr);
    if (code)
        return code;
    *ret_is_right = hash && task.is_right;
    memcpy(ret_new_hash, task.new_hash, PASSWORD_HASH_SIZE);
    return ES_OK;
}
