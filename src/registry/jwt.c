#include "registry/jwt.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>
#include <sys/file.h>

#include "base/atomic_file.h"
#include "base/base64.h"
#include "base/fd.h"

#define KEY_FILE       "token-key.pem"
#define KEY_FILE_LIMIT ((size_t)4096)
#define SIGNATURE_SIZE 64
#define HEADER	       "{\"alg\":\"EdDSA\",\"typ\":\"JWT\"}"

struct jwt_key {
	EVP_PKEY *key;
};

static void bio_release(BIO **bio)
{
	BIO_free(*bio);
}
#define cleanup_bio CLEANUP(bio_release)

static void context_release(EVP_MD_CTX **context)
{
	EVP_MD_CTX_free(*context);
}
#define cleanup_context CLEANUP(context_release)

static struct jwt_key *key_new(EVP_PKEY *pkey)
{
	struct jwt_key *key = allocate(sizeof *key);
	key->key = pkey;
	return key;
}

struct jwt_key *jwt_key_generate(void)
{
	EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	if (!pkey)
		abort(); /* no memory or no random numbers */
	return key_new(pkey);
}

void jwt_key_free(struct jwt_key *key)
{
	if (!key)
		return;
	EVP_PKEY_free(key->key);
	free(key);
}

static int read_key(int root_fd, struct jwt_key **ret_key, struct error *err)
{
	cleanup_buffer struct buffer text = {0};
	if (read_file_at(root_fd, KEY_FILE, KEY_FILE_LIMIT, &text, err) < 0)
		return -1;
	cleanup_bio BIO *bio = BIO_new_mem_buf(text.bytes, (int)text.size);
	EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
	if (text.bytes)
		explicit_bzero(text.bytes, text.size);
	if (!pkey || EVP_PKEY_get_id(pkey) != EVP_PKEY_ED25519) {
		EVP_PKEY_free(pkey);
		return error_set(err, ERROR_CORRUPT,
				 "%s holds no Ed25519 key; remove it to have a new one made (clients then log in anew)",
				 KEY_FILE);
	}
	*ret_key = key_new(pkey);
	return 0;
}

static int write_key(int root_fd, struct error *err)
{
	cleanup_jwt_key struct jwt_key *key = jwt_key_generate();
	cleanup_bio BIO *bio = BIO_new(BIO_s_secmem());
	char *text;
	if (!bio || PEM_write_bio_PrivateKey(bio, key->key, NULL, NULL, 0, NULL, NULL) != 1)
		return error_set(err, ERROR_SYSTEM, "write the key that signs tokens");
	long size = BIO_get_mem_data(bio, &text);
	return atomic_file_write(root_fd, KEY_FILE, text, (size_t)size, 0600, ATOMIC_FILE_DURABLE, err);
}

int jwt_key_load(int root_fd, struct jwt_key **ret_key, struct error *err)
{
	/* Two servers that start at once must not sign with different keys. A lock belongs to the open file. */
	cleanup_close int lock_fd = openat(root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock_fd < 0 || flock(lock_fd, LOCK_EX) < 0)
		return error_set_errno(err, errno, "lock the registry's folder");
	struct error missing = {0};
	if (read_key(root_fd, ret_key, &missing) == 0)
		return 0;
	if (missing.kind != ERROR_NOT_FOUND) {
		if (err)
			*err = missing;
		return -1;
	}
	if (write_key(root_fd, err) < 0)
		return -1;
	return read_key(root_fd, ret_key, err);
}

int jwt_sign(const struct jwt_key *key, const json_t *claims, char **ret_text, struct error *err)
{
	cleanup_free char *claims_text = json_text(claims);
	cleanup_free char *header = base64url_encode(HEADER, strlen(HEADER));
	cleanup_free char *payload = base64url_encode(claims_text, strlen(claims_text));
	cleanup_free char *signed_part = format_string("%s.%s", header, payload);
	unsigned char signature[SIGNATURE_SIZE];
	size_t size = sizeof signature;
	cleanup_context EVP_MD_CTX *context = EVP_MD_CTX_new();
	if (!context || EVP_DigestSignInit(context, NULL, NULL, NULL, key->key) != 1 ||
	    EVP_DigestSign(context, signature, &size, (const unsigned char *)signed_part, strlen(signed_part)) != 1)
		return error_set(err, ERROR_SYSTEM, "sign a token");
	cleanup_free char *encoded = base64url_encode(signature, size);
	*ret_text = format_string("%s.%s", signed_part, encoded);
	return 0;
}

static int refuse(struct error *err, const char *why)
{
	return error_set(err, ERROR_UNAUTHORIZED, "invalid token: %s", why);
}

static bool signature_is_good(const struct jwt_key *key, const char *text, size_t signed_length, const char *encoded)
{
	size_t size;
	cleanup_free unsigned char *signature = base64url_decode(encoded, strlen(encoded), &size);
	cleanup_context EVP_MD_CTX *context = EVP_MD_CTX_new();
	return signature && size == SIGNATURE_SIZE && context &&
	       EVP_DigestVerifyInit(context, NULL, NULL, NULL, key->key) == 1 &&
	       EVP_DigestVerify(context, signature, size, (const unsigned char *)text, signed_length) == 1;
}

static int decode_object(const char *text, size_t length, json_t **ret_object, struct error *err)
{
	size_t size;
	cleanup_free unsigned char *bytes = base64url_decode(text, length, &size);
	cleanup_json json_t *object = NULL;
	if (!bytes || json_parse(bytes, size, &object, NULL) < 0 || !json_is_object(object))
		return refuse(err, "it is not made of JSON objects");
	*ret_object = steal_pointer(&object);
	return 0;
}

int jwt_verify(const struct jwt_key *key, const char *text, json_t **ret_claims, struct error *err)
{
	if (strnlen(text, JWT_SIZE_LIMIT + 1) > JWT_SIZE_LIMIT)
		return refuse(err, "it is too long");
	const char *first = strchr(text, '.');
	const char *second = first ? strchr(first + 1, '.') : NULL;
	if (!second || strchr(second + 1, '.'))
		return refuse(err, "it has not three parts");
	/* Nothing of it is read before the signature is known to be ours. */
	if (!signature_is_good(key, text, (size_t)(second - text), second + 1))
		return refuse(err, "its signature is not this registry's");
	cleanup_json json_t *header = NULL, *claims = NULL;
	const char *algorithm = "";
	if (decode_object(text, (size_t)(first - text), &header, err) < 0 ||
	    decode_object(first + 1, (size_t)(second - first - 1), &claims, err) < 0)
		return -1;
	if (json_get_string(header, "alg", &algorithm, NULL) < 0 || strcmp(algorithm, "EdDSA") != 0)
		return refuse(err, "its algorithm is not EdDSA");
	*ret_claims = steal_pointer(&claims);
	return 0;
}
