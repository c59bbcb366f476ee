#include "registry/accounts.h"

#include <string.h>

#include "base/random.h"
#include "oci/reference.h"
#include "registry/permission.h"

void account_user_release(struct account_user *user)
{
	free(user->name);
	free(user->password);
	*user = (struct account_user){0};
}

void account_token_release(struct account_token *token)
{
	free(token->name);
	free(token->pattern);
	*token = (struct account_token){0};
}

int user_name_normalize(const char *name, char key[USER_NAME_SIZE], struct error *err)
{
	size_t length = strnlen(name, USER_NAME_SIZE);
	if (length == USER_NAME_SIZE)
		return error_set(err, ERROR_USAGE, "invalid user name: at most %d characters are allowed",
				 USER_NAME_SIZE - 1);
	for (size_t i = 0; i <= length; i++)
		key[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + ('a' - 'A') : name[i]);
	if (strchr(key, '/') || !reference_path_is_valid(key))
		return error_set(
			err, ERROR_USAGE,
			"invalid user name \"%s\": use letters and digits, with single '.', '_' or '-' between", name);
	return 0;
}

static int no_such_user(const char *user, struct error *err)
{
	return error_set(err, ERROR_NOT_FOUND, "no such user: %s", user);
}

int user_add(struct database_pool *pool, const char *name, const char *password, struct error *err)
{
	char key[USER_NAME_SIZE];
	cleanup_write struct write write = {0};
	int changes = 0;
	if (user_name_normalize(name, key, err) < 0 || write_begin(&write, pool, TRANSACTION_DURABLE, err) < 0 ||
	    write_run(&write, &changes, err,
		      "INSERT INTO user (name, key, password, created) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
		      "ttti", name, key, password, time_now()) < 0)
		return -1;
	if (changes == 0)
		return error_set(err, ERROR_CONFLICT, "there is a user %s already", key);
	return write_commit(&write, err);
}

int user_set_password(struct database_pool *pool, const char *user, const char *password, struct error *err)
{
	cleanup_write struct write write = {0};
	int changes = 0;
	if (write_begin(&write, pool, TRANSACTION_DURABLE, err) < 0 ||
	    write_run(&write, &changes, err, "UPDATE user SET password = ?2 WHERE key = ?1", "tt", user, password) < 0)
		return -1;
	if (changes == 0)
		return no_such_user(user, err);
	return write_commit(&write, err);
}

int user_remove(struct database_pool *pool, const char *user, struct error *err)
{
	cleanup_write struct write write = {0};
	int changes = 0;
	if (write_begin(&write, pool, TRANSACTION_DURABLE, err) < 0 ||
	    write_run(&write, &changes, err, "DELETE FROM user WHERE key = ?1", "t", user) < 0)
		return -1;
	if (changes == 0)
		return no_such_user(user, err);
	return write_commit(&write, err);
}

/* Columns: name, key, password, created. */
static void read_user(sqlite3_stmt *statement, struct account_user *user)
{
	*user = (struct account_user){
		.name = duplicate_string(database_text(statement, 0)),
		.password = duplicate_string((const char *)sqlite3_column_text(statement, 2)),
		.created = sqlite3_column_int64(statement, 3),
	};
	snprintf(user->key, sizeof user->key, "%s", database_text(statement, 1));
}

int user_find(struct database_pool *pool, const char *user, struct account_user *ret_user, struct error *err)
{
	cleanup_query struct query query = {0};
	if (query_begin(&query, pool, err, "SELECT name, key, password, created FROM user WHERE key = ?1", "t", user) <
	    0)
		return -1;
	int row = database_step(query.statement, err);
	if (row < 0)
		return -1;
	if (row == 0)
		return no_such_user(user, err);
	read_user(query.statement, ret_user);
	return 0;
}

int user_list(struct database_pool *pool,
	      int (*visit)(void *context, const struct account_user *user, struct error *err), void *context,
	      struct error *err)
{
	cleanup_query struct query query = {0};
	if (query_begin(&query, pool, err, "SELECT name, key, password, created FROM user ORDER BY key", "") < 0)
		return -1;
	int row;
	while ((row = database_step(query.statement, err)) > 0) {
		cleanup_account_user struct account_user user = {0};
		read_user(query.statement, &user);
		if (visit(context, &user, err) < 0)
			return -1;
	}
	return row;
}

int token_add(struct database_pool *pool, struct account_token *token, const unsigned char hash[ACCESS_TOKEN_HASH_SIZE],
	      struct error *err)
{
	random_hex(token->id, ACCESS_TOKEN_ID_SIZE - 1);
	token->created = time_now();
	cleanup_write struct write write = {0};
	int changes = 0;
	if (write_begin(&write, pool, TRANSACTION_DURABLE, err) < 0 ||
	    write_run(&write, &changes, err,
		      "INSERT INTO access_token (id, user, hash, name, permissions, pattern, created, expires) "
		      "SELECT ?2, id, ?3, ?4, ?5, ?6, ?7, ?8 FROM user WHERE key = ?1",
		      "ttbtitii", token->user, token->id, hash, (size_t)ACCESS_TOKEN_HASH_SIZE,
		      token->name ? token->name : "", (int64_t)token->permissions,
		      token->pattern ? token->pattern : "*", token->created, token->expires) < 0)
		return -1;
	if (changes == 0)
		return no_such_user(token->user, err);
	return write_commit(&write, err);
}

#define TOKEN_COLUMNS "t.id, u.key, t.name, t.permissions, t.pattern, t.created, t.expires, t.revoked"
#define TOKEN_TABLES  "access_token t JOIN user u ON u.id = t.user"

static void read_token(sqlite3_stmt *statement, struct account_token *token)
{
	*token = (struct account_token){
		.name = duplicate_string(database_text(statement, 2)),
		.permissions = (unsigned)sqlite3_column_int64(statement, 3) & PERMISSION_ALL,
		.pattern = duplicate_string(database_text(statement, 4)),
		.created = sqlite3_column_int64(statement, 5),
		.expires = sqlite3_column_int64(statement, 6),
		.revoked = sqlite3_column_int64(statement, 7),
	};
	snprintf(token->id, sizeof token->id, "%s", database_text(statement, 0));
	snprintf(token->user, sizeof token->user, "%s", database_text(statement, 1));
}

static int read_one_token(struct query *query, struct account_token *ret_token, struct error *err)
{
	int row = database_step(query->statement, err);
	if (row < 0)
		return -1;
	if (row == 0)
		return error_set(err, ERROR_NOT_FOUND, "no such token");
	read_token(query->statement, ret_token);
	return 0;
}

int token_find_by_hash(struct database_pool *pool, const unsigned char hash[ACCESS_TOKEN_HASH_SIZE],
		       struct account_token *ret_token, struct error *err)
{
	cleanup_query struct query query = {0};
	if (query_begin(&query, pool, err, "SELECT " TOKEN_COLUMNS " FROM " TOKEN_TABLES " WHERE t.hash = ?1", "b",
			hash, (size_t)ACCESS_TOKEN_HASH_SIZE) < 0)
		return -1;
	return read_one_token(&query, ret_token, err);
}

int token_find(struct database_pool *pool, const char *id, struct account_token *ret_token, struct error *err)
{
	cleanup_query struct query query = {0};
	if (query_begin(&query, pool, err, "SELECT " TOKEN_COLUMNS " FROM " TOKEN_TABLES " WHERE t.id = ?1", "t", id) <
	    0)
		return -1;
	return read_one_token(&query, ret_token, err);
}

bool token_is_alive(const struct account_token *token, nanoseconds now)
{
	return token->revoked == 0 && (token->expires == 0 || token->expires > now);
}

int token_list(struct database_pool *pool, const char *user,
	       int (*visit)(void *context, const struct account_token *token, struct error *err), void *context,
	       struct error *err)
{
	cleanup_query struct query query = {0};
	if (query_begin(&query, pool, err,
			"SELECT " TOKEN_COLUMNS " FROM " TOKEN_TABLES
			" WHERE ?1 IS NULL OR u.key = ?1 ORDER BY u.key, t.created",
			"t", user) < 0)
		return -1;
	int row;
	while ((row = database_step(query.statement, err)) > 0) {
		cleanup_account_token struct account_token token = {0};
		read_token(query.statement, &token);
		if (visit(context, &token, err) < 0)
			return -1;
	}
	return row;
}

int token_revoke(struct database_pool *pool, const char *id, struct error *err)
{
	cleanup_write struct write write = {0};
	int changes = 0;
	if (write_begin(&write, pool, TRANSACTION_DURABLE, err) < 0 ||
	    write_run(&write, &changes, err,
		      "UPDATE access_token SET revoked = CASE revoked WHEN 0 THEN ?2 ELSE revoked END WHERE id = ?1",
		      "ti", id, time_now()) < 0)
		return -1;
	if (changes == 0)
		return error_set(err, ERROR_NOT_FOUND, "no such token: %s", id);
	return write_commit(&write, err);
}

int grant_set(struct database_pool *pool, const char *user, const char *pattern, unsigned permissions,
	      struct error *err)
{
	cleanup_write struct write write = {0};
	int changes = 0;
	if (write_begin(&write, pool, TRANSACTION_DURABLE, err) < 0)
		return -1;
	int result = permissions ? write_run(&write, &changes, err,
					     "INSERT INTO repository_grant (user, pattern, permissions) "
					     "SELECT id, ?2, ?3 FROM user WHERE key = ?1 "
					     "ON CONFLICT DO UPDATE SET permissions = excluded.permissions",
					     "tti", user, pattern, (int64_t)permissions)
				 : write_run(&write, &changes, err,
					     "DELETE FROM repository_grant WHERE pattern = ?2 AND "
					     "user = (SELECT id FROM user WHERE key = ?1)",
					     "tt", user, pattern);
	if (result < 0)
		return -1;
	if (changes == 0)
		return permissions ? no_such_user(user, err)
				   : error_set(err, ERROR_NOT_FOUND, "%s was not granted %s", user, pattern);
	return write_commit(&write, err);
}

int grant_list(struct database_pool *pool,
	       int (*visit)(void *context, const struct account_grant *grant, struct error *err), void *context,
	       struct error *err)
{
	cleanup_query struct query query = {0};
	if (query_begin(&query, pool, err,
			"SELECT u.key, g.pattern, g.permissions FROM repository_grant g JOIN user u ON u.id = g.user "
			"ORDER BY u.key, g.pattern",
			"") < 0)
		return -1;
	int row;
	while ((row = database_step(query.statement, err)) > 0) {
		cleanup_free char *pattern = duplicate_string(database_text(query.statement, 1));
		struct account_grant grant = {.pattern = pattern,
					      .permissions = (unsigned)sqlite3_column_int64(query.statement, 2)};
		snprintf(grant.user, sizeof grant.user, "%s", database_text(query.statement, 0));
		if (visit(context, &grant, err) < 0)
			return -1;
	}
	return row;
}

int user_permissions(struct database_pool *pool, const char *user, const char *repository, unsigned *ret_permissions,
		     struct error *err)
{
	if (repository_is_of(repository, user)) {
		*ret_permissions = PERMISSION_ALL;
		return 0;
	}
	cleanup_query struct query query = {0};
	if (query_begin(&query, pool, err,
			"SELECT g.pattern, g.permissions FROM repository_grant g JOIN user u ON u.id = g.user "
			"WHERE u.key = ?1",
			"t", user) < 0)
		return -1;
	unsigned permissions = 0;
	int row;
	while ((row = database_step(query.statement, err)) > 0)
		if (pattern_matches(database_text(query.statement, 0), repository))
			permissions |= (unsigned)sqlite3_column_int64(query.statement, 1) & PERMISSION_ALL;
	if (row < 0)
		return -1;
	*ret_permissions = permissions;
	return 0;
}
