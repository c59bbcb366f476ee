#include "registry/password.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "base/time.h"

#define COST_N		   16384
#define COST_R		   8
#define COST_P		   5
#define MEMORY_LIMIT	   ((uint64_t)64 * 1024 * 1024)
#define SALT_SIZE	   16
#define KEY_SIZE	   32
#define REMEMBERED	   64
#define REMEMBERED_SECONDS 300
#define FORMAT		   "scrypt$%d$%d$%d$"

struct password_checker {
	pthread_mutex_t computing;
	pthread_mutex_t lock;
	unsigned char secret[32];
	struct {
		unsigned char mark[32];
		nanoseconds until; /* time_monotonic() */
	} remembered[REMEMBERED];
};

static int derive(const char *password, const char *salt, unsigned char key[KEY_SIZE])
{
	return EVP_PBE_scrypt(password, strlen(password), (const unsigned char *)salt, 2 * SALT_SIZE, COST_N, COST_R,
			      COST_P, MEMORY_LIMIT, key, KEY_SIZE) == 1
		       ? 0
		       : -1;
}

int password_hash(const char *password, char **ret_hash, struct error *err)
{
	char salt[2 * SALT_SIZE + 1], digits[2 * KEY_SIZE + 1];
	unsigned char key[KEY_SIZE];
	size_t length = strnlen(password, PASSWORD_LIMIT + 1);
	if (length == 0 || length > PASSWORD_LIMIT)
		return error_set(err, ERROR_USAGE, "a password has 1 to %d bytes", PASSWORD_LIMIT);
	random_hex(salt, 2 * SALT_SIZE);
	if (derive(password, salt, key) < 0)
		return error_set(err, ERROR_SYSTEM, "hash the password");
	hex_encode(key, KEY_SIZE, digits);
	*ret_hash = format_string(FORMAT "%s$%s", COST_N, COST_R, COST_P, salt, digits);
	return 0;
}

struct password_checker *password_checker_new(void)
{
	struct password_checker *checker = allocate(sizeof *checker);
	pthread_mutex_init(&checker->computing, NULL);
	pthread_mutex_init(&checker->lock, NULL);
	random_bytes(checker->secret, sizeof checker->secret);
	return checker;
}

void password_checker_free(struct password_checker *checker)
{
	if (!checker)
		return;
	pthread_mutex_destroy(&checker->computing);
	pthread_mutex_destroy(&checker->lock);
	OPENSSL_cleanse(checker, sizeof *checker);
	free(checker);
}

/* The stored hash is part of it, so that a changed password forgets the old one. */
static void make_mark(struct password_checker *checker, const char *hash, const char *password, unsigned char mark[32])
{
	unsigned int size = 32;
	cleanup_free char *text = format_string("%s:%s", hash, password);
	HMAC(EVP_sha256(), checker->secret, sizeof checker->secret, (unsigned char *)text, strlen(text), mark, &size);
	OPENSSL_cleanse(text, strlen(text));
}

static bool is_remembered(struct password_checker *checker, const unsigned char mark[32])
{
	size_t slot = mark[0] % REMEMBERED;
	pthread_mutex_lock(&checker->lock);
	bool found = checker->remembered[slot].until > time_monotonic() &&
		     CRYPTO_memcmp(checker->remembered[slot].mark, mark, 32) == 0;
	pthread_mutex_unlock(&checker->lock);
	return found;
}

static void remember(struct password_checker *checker, const unsigned char mark[32])
{
	size_t slot = mark[0] % REMEMBERED;
	pthread_mutex_lock(&checker->lock);
	memcpy(checker->remembered[slot].mark, mark, 32);
	checker->remembered[slot].until = time_monotonic() + REMEMBERED_SECONDS * NANOSECONDS_PER_SECOND;
	pthread_mutex_unlock(&checker->lock);
}

int password_check(struct password_checker *checker, const char *hash, const char *password, struct error *err)
{
	char prefix[64];
	int prefix_length = snprintf(prefix, sizeof prefix, FORMAT, COST_N, COST_R, COST_P);
	if (strncmp(hash, prefix, (size_t)prefix_length) != 0 ||
	    strlen(hash) != (size_t)prefix_length + 2 * SALT_SIZE + 1 + 2 * KEY_SIZE)
		return error_set(err, ERROR_CORRUPT, "the kept hash of a password is of an unknown form");
	if (strnlen(password, PASSWORD_LIMIT + 1) > PASSWORD_LIMIT)
		return error_set(err, ERROR_UNAUTHORIZED, "incorrect username or password");
	unsigned char mark[32];
	make_mark(checker, hash, password, mark);
	if (is_remembered(checker, mark))
		return 0;
	if (pthread_mutex_trylock(&checker->computing) != 0)
		return error_set(err, ERROR_LIMIT, "another password is being checked; try again");
	unsigned char key[KEY_SIZE];
	char digits[2 * KEY_SIZE + 1];
	int result = derive(password, hash + prefix_length, key);
	pthread_mutex_unlock(&checker->computing);
	if (result < 0)
		return error_set(err, ERROR_SYSTEM, "check a password");
	hex_encode(key, KEY_SIZE, digits);
	if (CRYPTO_memcmp(digits, hash + prefix_length + 2 * SALT_SIZE + 1, 2 * KEY_SIZE) != 0)
		return error_set(err, ERROR_UNAUTHORIZED, "incorrect username or password");
	remember(checker, mark);
	return 0;
}
