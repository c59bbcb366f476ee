/* Users, tokens and grants on the command line. They change the database while a server runs on it. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "registry/accounts.h"
#include "registry/command.h"
#include "registry/number.h"
#include "registry/password.h"
#include "registry/permission.h"
#include "registry/registry.h"

#define DEFAULT_DAYS 90

struct account_options {
	const char *root;
	const char *user;
	const char *scope;
	const char *repository;
	const char *expires;
	const char *name;
	bool password_stdin;
	char **positional;
	int positional_count;
};

static int parse(const struct command_context *context, int wanted, const char *usage, struct account_options *options,
		 struct error *err)
{
	static const struct option table[] = {
		{"user", required_argument, NULL, 'u'},	      {"scope", required_argument, NULL, 's'},
		{"repository", required_argument, NULL, 'p'}, {"expires", required_argument, NULL, 'e'},
		{"name", required_argument, NULL, 'n'},	      {"password-stdin", no_argument, NULL, 'i'},
		{"root", required_argument, NULL, 'r'},	      {NULL, 0, NULL, 0},
	};
	*options = (struct account_options){.root = context->root};
	int option;
	while ((option = getopt_long(context->argument_count, context->arguments, "u:", table, NULL)) >= 0) {
		switch (option) {
		case 'u':
			options->user = optarg;
			break;
		case 's':
			options->scope = optarg;
			break;
		case 'p':
			options->repository = optarg;
			break;
		case 'e':
			options->expires = optarg;
			break;
		case 'n':
			options->name = optarg;
			break;
		case 'i':
			options->password_stdin = true;
			break;
		case 'r':
			options->root = optarg;
			break;
		default:
			return error_set(err, ERROR_USAGE, "usage: coracle-registry %s", usage);
		}
	}
	options->positional = context->arguments + optind;
	options->positional_count = context->argument_count - optind;
	if (options->positional_count != wanted)
		return error_set(err, ERROR_USAGE, "usage: coracle-registry %s", usage);
	return 0;
}

static int open_accounts(const struct account_options *options, struct database_pool **ret_pool, struct error *err)
{
	cleanup_close int root_fd = -1;
	if (registry_open_root(options->root, &root_fd, err) < 0)
		return -1;
	return database_pool_open(options->root, 1, ret_pool, err);
}

static int read_password(char **ret_hash, struct error *err)
{
	cleanup_buffer struct buffer text = {0};
	if (read_fd(STDIN_FILENO, PASSWORD_LIMIT + 2, &text, err) < 0)
		return error_wrap(err, "read the password");
	if (!text.bytes)
		return error_set(err, ERROR_USAGE, "no password came on standard input");
	text.bytes[strcspn(text.bytes, "\r\n")] = '\0';
	int result = password_hash(text.bytes, ret_hash, err);
	explicit_bzero(text.bytes, text.size);
	return result;
}

int command_user_add(const struct command_context *context, struct error *err)
{
	struct account_options options;
	cleanup_database_pool struct database_pool *pool = NULL;
	cleanup_free char *hash = NULL;
	char key[USER_NAME_SIZE];
	if (parse(context, 1, "user add REGID [--password-stdin]", &options, err) < 0 ||
	    user_name_normalize(options.positional[0], key, err) < 0 ||
	    (options.password_stdin && read_password(&hash, err) < 0) || open_accounts(&options, &pool, err) < 0)
		return -1;
	if (user_add(pool, options.positional[0], hash, err) == 0)
		return 0;
	if (err->kind != ERROR_CONFLICT || !hash)
		return -1;
	return user_set_password(pool, key, hash, err);
}

static int print_user(void *context, const struct account_user *user, struct error *err)
{
	char created[TIME_TEXT_SIZE];
	time_format_rfc3339(user->created, created);
	printf("%-24s %-10.10s %s\n", user->name, created, user->password ? "yes" : "no");
	return 0;
}

int command_user_ls(const struct command_context *context, struct error *err)
{
	struct account_options options;
	cleanup_database_pool struct database_pool *pool = NULL;
	if (parse(context, 0, "user ls", &options, err) < 0 || open_accounts(&options, &pool, err) < 0)
		return -1;
	printf("%-24s %-10s %s\n", "USER", "CREATED", "PASSWORD");
	return user_list(pool, print_user, NULL, err);
}

int command_user_rm(const struct command_context *context, struct error *err)
{
	struct account_options options;
	cleanup_database_pool struct database_pool *pool = NULL;
	char key[USER_NAME_SIZE];
	if (parse(context, 1, "user rm REGID", &options, err) < 0 ||
	    user_name_normalize(options.positional[0], key, err) < 0 || open_accounts(&options, &pool, err) < 0)
		return -1;
	return user_remove(pool, key, err);
}

/* "90d", "12h", "never"; 0 is never. */
static int parse_expiry(const char *text, nanoseconds *ret_expires, struct error *err)
{
	uint64_t number = DEFAULT_DAYS;
	const char *at = text;
	if (text && strcmp(text, "never") == 0) {
		*ret_expires = 0;
		return 0;
	}
	int64_t unit = 24 * 3600;
	if (text) {
		if (!number_scan(&at, &number) || (strcmp(at, "d") != 0 && strcmp(at, "h") != 0) || number == 0 ||
		    number > 100000)
			return error_set(err, ERROR_USAGE, "invalid --expires \"%s\": use 90d, 12h or never", text);
		unit = *at == 'd' ? 24 * 3600 : 3600;
	}
	*ret_expires = time_now() + (int64_t)number * unit * NANOSECONDS_PER_SECOND;
	return 0;
}

int command_token_create(const struct command_context *context, struct error *err)
{
	struct account_options options;
	cleanup_database_pool struct database_pool *pool = NULL;
	cleanup_account_token struct account_token token = {0};
	char text[ACCESS_TOKEN_TEXT_SIZE], expires[TIME_TEXT_SIZE] = "never";
	unsigned char hash[ACCESS_TOKEN_HASH_SIZE];
	const char *usage = "token create --user REGID --scope read|write|delete[,...] [--repository 'REGID/*'] "
			    "[--expires 90d|12h|never] [--name TEXT]";
	if (parse(context, 0, usage, &options, err) < 0)
		return -1;
	if (!options.user || !options.scope)
		return error_set(err, ERROR_USAGE, "usage: coracle-registry %s", usage);
	if (user_name_normalize(options.user, token.user, err) < 0 ||
	    permissions_parse(options.scope, &token.permissions, err) < 0 ||
	    parse_expiry(options.expires, &token.expires, err) < 0)
		return -1;
	if (options.repository && !pattern_is_valid(options.repository))
		return error_set(err, ERROR_USAGE, "invalid --repository \"%s\": use REGID/NAME or REGID/*",
				 options.repository);
	token.pattern = duplicate_string(options.repository ? options.repository : "*");
	token.name = duplicate_string(options.name ? options.name : "");
	access_token_generate(text);
	access_token_hash(text, hash);
	if (open_accounts(&options, &pool, err) < 0 || token_add(pool, &token, hash, err) < 0)
		return -1;
	if (token.expires)
		time_format_rfc3339(token.expires, expires);
	/* The token alone on stdout, so that it can go into a file. */
	printf("%s\n", text);
	fprintf(stderr, "token %s of %s, expires %.10s; it is not shown again\n", token.id, token.user, expires);
	return 0;
}

static int print_token(void *context, const struct account_token *token, struct error *err)
{
	char created[TIME_TEXT_SIZE], expires[TIME_TEXT_SIZE] = "never";
	cleanup_free char *scope = permissions_text(token->permissions);
	time_format_rfc3339(token->created, created);
	if (token->expires)
		time_format_rfc3339(token->expires, expires);
	const char *state = token->revoked ? "revoked" : token_is_alive(token, time_now()) ? "active" : "expired";
	printf("%-12s %-16s %-18s %-20s %-10.10s %-10.10s %-8s %s\n", token->id, token->user, scope, token->pattern,
	       created, expires, state, token->name);
	return 0;
}

int command_token_ls(const struct command_context *context, struct error *err)
{
	struct account_options options;
	cleanup_database_pool struct database_pool *pool = NULL;
	char key[USER_NAME_SIZE];
	if (parse(context, 0, "token ls [--user REGID]", &options, err) < 0 ||
	    (options.user && user_name_normalize(options.user, key, err) < 0) ||
	    open_accounts(&options, &pool, err) < 0)
		return -1;
	printf("%-12s %-16s %-18s %-20s %-10s %-10s %-8s %s\n", "ID", "USER", "SCOPE", "REPOSITORY", "CREATED",
	       "EXPIRES", "STATE", "NAME");
	return token_list(pool, options.user ? key : NULL, print_token, NULL, err);
}

int command_token_revoke(const struct command_context *context, struct error *err)
{
	struct account_options options;
	cleanup_database_pool struct database_pool *pool = NULL;
	if (parse(context, 1, "token revoke ID", &options, err) < 0 || open_accounts(&options, &pool, err) < 0)
		return -1;
	return token_revoke(pool, options.positional[0], err);
}

static int change_grant(const struct account_options *options, unsigned permissions, struct error *err)
{
	cleanup_database_pool struct database_pool *pool = NULL;
	char key[USER_NAME_SIZE];
	if (user_name_normalize(options->positional[0], key, err) < 0)
		return -1;
	if (!pattern_is_valid(options->positional[1]))
		return error_set(err, ERROR_USAGE, "invalid pattern \"%s\": use REGID/NAME or REGID/*",
				 options->positional[1]);
	if (open_accounts(options, &pool, err) < 0)
		return -1;
	return grant_set(pool, key, options->positional[1], permissions, err);
}

int command_grant(const struct command_context *context, struct error *err)
{
	struct account_options options;
	unsigned permissions;
	const char *usage = "grant add REGID PATTERN --scope read|write|delete[,...]";
	if (parse(context, 2, usage, &options, err) < 0)
		return -1;
	if (!options.scope)
		return error_set(err, ERROR_USAGE, "usage: coracle-registry %s", usage);
	if (permissions_parse(options.scope, &permissions, err) < 0)
		return -1;
	return change_grant(&options, permissions, err);
}

int command_ungrant(const struct command_context *context, struct error *err)
{
	struct account_options options;
	if (parse(context, 2, "grant rm REGID PATTERN", &options, err) < 0)
		return -1;
	return change_grant(&options, 0, err);
}

static int print_grant(void *context, const struct account_grant *grant, struct error *err)
{
	cleanup_free char *scope = permissions_text(grant->permissions);
	printf("%-24s %-32s %s\n", grant->user, grant->pattern, scope);
	return 0;
}

int command_grant_ls(const struct command_context *context, struct error *err)
{
	struct account_options options;
	cleanup_database_pool struct database_pool *pool = NULL;
	if (parse(context, 0, "grant ls", &options, err) < 0 || open_accounts(&options, &pool, err) < 0)
		return -1;
	printf("%-24s %-32s %s\n", "USER", "REPOSITORY", "SCOPE");
	return grant_list(pool, print_grant, NULL, err);
}
