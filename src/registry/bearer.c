#include "registry/bearer.h"

#include <openssl/sha.h>
#include <pthread.h>
#include <string.h>

#include "base/random.h"

#define ISSUER	      "coracle-registry"
#define CACHE_SLOTS   1024
#define TOKEN_ID_SIZE 33

struct bearer_cache {
	pthread_mutex_t lock;
	struct {
		unsigned char hash[SHA256_DIGEST_LENGTH];
		struct identity *identity; /* NULL: free */
	} slots[CACHE_SLOTS];
};

int bearer_issue(const struct jwt_key *key, const struct identity *identity, const struct scope_list *scopes,
		 const char *audience, nanoseconds now, char **ret_text, struct error *err)
{
	char id[TOKEN_ID_SIZE];
	random_hex(id, TOKEN_ID_SIZE - 1);
	int64_t seconds = now / NANOSECONDS_PER_SECOND;
	cleanup_json json_t *claims = json_object();
	json_set_text(claims, "iss", ISSUER);
	json_object_set_new(claims, "sub", json_string(identity->user));
	json_set_text(claims, "aud", audience);
	json_object_set_new(claims, "exp", json_integer(seconds + BEARER_SECONDS));
	json_object_set_new(claims, "nbf", json_integer(seconds));
	json_object_set_new(claims, "iat", json_integer(seconds));
	json_set_text(claims, "jti", id);
	json_set_text(claims, "tid", identity->token_id);
	json_object_set_new(claims, "access", scope_list_to_json(scopes));
	return jwt_sign(key, claims, ret_text, err);
}

static int read_claims(const json_t *claims, struct identity *identity, struct error *err)
{
	const char *issuer, *subject, *audience, *token_id = "";
	int64_t expires, not_before;
	json_t *access = NULL;
	if (json_need_string(claims, "iss", &issuer, err) < 0 || json_need_string(claims, "sub", &subject, err) < 0 ||
	    json_need_string(claims, "aud", &audience, err) < 0 ||
	    json_need_integer(claims, "exp", &expires, err) < 0 ||
	    json_need_integer(claims, "nbf", &not_before, err) < 0 ||
	    json_get_string(claims, "tid", &token_id, err) < 0 || json_get_array(claims, "access", &access, err) < 0 ||
	    scope_list_from_json(&identity->scopes, access, err) < 0)
		return -1;
	if (strcmp(issuer, ISSUER) != 0)
		return error_set(err, ERROR_UNAUTHORIZED, "another issuer");
	if (strlen(subject) >= USER_NAME_SIZE || strlen(token_id) >= ACCESS_TOKEN_ID_SIZE)
		return error_set(err, ERROR_UNAUTHORIZED, "a name that is too long");
	/* Years that nanoseconds cannot count. */
	if (expires < 0 || expires > 8000000000 || not_before < 0 || not_before > 8000000000)
		return error_set(err, ERROR_UNAUTHORIZED, "times out of range");
	snprintf(identity->user, sizeof identity->user, "%s", subject);
	snprintf(identity->token_id, sizeof identity->token_id, "%s", token_id);
	identity->audience = duplicate_string(audience);
	identity->expires = expires * NANOSECONDS_PER_SECOND;
	identity->not_before = not_before * NANOSECONDS_PER_SECOND;
	return 0;
}

static int decode(const struct jwt_key *key, const char *text, struct identity **ret_identity, struct error *err)
{
	cleanup_json json_t *claims = NULL;
	cleanup_identity struct identity *identity = identity_new(IDENTITY_BEARER);
	if (jwt_verify(key, text, &claims, err) < 0)
		return -1;
	if (read_claims(claims, identity, err) < 0) {
		if (err)
			err->kind = ERROR_UNAUTHORIZED;
		return error_wrap(err, "invalid token");
	}
	*ret_identity = steal_pointer(&identity);
	return 0;
}

static int check(const struct identity *identity, const char *audience, nanoseconds now, struct error *err)
{
	if (strcmp(identity->audience, audience) != 0)
		return error_set(err, ERROR_UNAUTHORIZED, "invalid token: it is for another service");
	if (now >= identity->expires)
		return error_set(err, ERROR_UNAUTHORIZED, "invalid token: it has expired");
	if (now < identity->not_before)
		return error_set(err, ERROR_UNAUTHORIZED, "invalid token: it is not valid yet");
	return 0;
}

int bearer_verify(const struct jwt_key *key, const char *text, const char *audience, nanoseconds now,
		  struct identity **ret_identity, struct error *err)
{
	cleanup_identity struct identity *identity = NULL;
	if (decode(key, text, &identity, err) < 0 || check(identity, audience, now, err) < 0)
		return -1;
	*ret_identity = steal_pointer(&identity);
	return 0;
}

struct bearer_cache *bearer_cache_new(void)
{
	struct bearer_cache *cache = allocate(sizeof *cache);
	pthread_mutex_init(&cache->lock, NULL);
	return cache;
}

void bearer_cache_free(struct bearer_cache *cache)
{
	if (!cache)
		return;
	for (size_t i = 0; i < CACHE_SLOTS; i++)
		identity_free(cache->slots[i].identity);
	pthread_mutex_destroy(&cache->lock);
	free(cache);
}

int bearer_cache_verify(struct bearer_cache *cache, const struct jwt_key *key, const char *text, const char *audience,
			nanoseconds now, struct identity **ret_identity, struct error *err)
{
	unsigned char hash[SHA256_DIGEST_LENGTH];
	SHA256((const unsigned char *)text, strnlen(text, JWT_SIZE_LIMIT + 1), hash);
	size_t slot = (size_t)(hash[0] << 8 | hash[1]) % CACHE_SLOTS;
	cleanup_identity struct identity *identity = NULL;
	pthread_mutex_lock(&cache->lock);
	if (cache->slots[slot].identity && memcmp(cache->slots[slot].hash, hash, sizeof hash) == 0)
		identity = identity_share(cache->slots[slot].identity);
	pthread_mutex_unlock(&cache->lock);
	if (!identity) {
		if (decode(key, text, &identity, err) < 0)
			return -1;
		pthread_mutex_lock(&cache->lock);
		struct identity *old = cache->slots[slot].identity;
		cache->slots[slot].identity = identity_share(identity);
		memcpy(cache->slots[slot].hash, hash, sizeof hash);
		pthread_mutex_unlock(&cache->lock);
		identity_free(old);
	}
	if (check(identity, audience, now, err) < 0)
		return -1;
	*ret_identity = steal_pointer(&identity);
	return 0;
}
