#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "registry/command.h"
#include "registry/log.h"
#include "registry/server.h"

#define DEFAULT_LISTEN "127.0.0.1:5000"
#define SWEEP_SECONDS  3600

/* A handler waits for the disk at times, so there are more threads than cores. */
static unsigned thread_count(void)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	return cores < 2 ? 4 : cores > 16 ? 32 : 2 * (unsigned)cores;
}

static int parse(const struct command_context *context, struct registry_options *registry,
		 struct server_options *server, struct error *err)
{
	static const struct option options[] = {
		{"listen", required_argument, NULL, 'l'},
		{"tls-cert", required_argument, NULL, 'c'},
		{"tls-key", required_argument, NULL, 'k'},
		{"anonymous-pull", no_argument, NULL, 'a'},
		{"no-auth", no_argument, NULL, 'n'},
		{"public-url", required_argument, NULL, 'u'},
		{"no-access-log", no_argument, NULL, 'q'},
		{"root", required_argument, NULL, 'r'},
		{NULL, 0, NULL, 0},
	};
	int option;
	while ((option = getopt_long(context->argument_count, context->arguments, "", options, NULL)) >= 0) {
		switch (option) {
		case 'l':
			string_list_add(&server->listen, optarg);
			break;
		case 'c':
			server->tls_certificate = optarg;
			break;
		case 'k':
			server->tls_key = optarg;
			break;
		case 'a':
			registry->anonymous_pull = true;
			break;
		case 'n':
			registry->no_auth = true;
			break;
		case 'u':
			registry->public_url = optarg;
			break;
		case 'q':
			log_set_enabled(false);
			break;
		case 'r':
			registry->root = optarg;
			break;
		default:
			return error_set(err, ERROR_USAGE, "see 'coracle-registry help'");
		}
	}
	if (optind < context->argument_count)
		return error_set(err, ERROR_USAGE, "unknown argument: %s", context->arguments[optind]);
	if (!server->tls_certificate != !server->tls_key)
		return error_set(err, ERROR_USAGE, "--tls-cert and --tls-key go together");
	if (registry->public_url &&
	    (strncmp(registry->public_url, "http", 4) != 0 || !strstr(registry->public_url, "://") ||
	     strpbrk(registry->public_url, "\" \\\r\n")))
		return error_set(err, ERROR_USAGE, "--public-url has to be http://HOST or https://HOST");
	if (server->listen.count == 0)
		string_list_add(&server->listen, DEFAULT_LISTEN);
	return 0;
}

static void raise_file_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max < 65536 ? limit.rlim_max : 65536;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static void server_stop_pointer(struct server **server)
{
	server_stop(*server);
}

static void release_listen(struct server_options *options)
{
	string_list_release(&options->listen);
}

int command_serve(const struct command_context *context, struct error *err)
{
	struct registry_options options = {.root = context->root, .threads = thread_count()};
	CLEANUP(release_listen) struct server_options server_options = {0};
	if (parse(context, &options, &server_options, err) < 0)
		return -1;
	raise_file_limit();
	/* Blocked before the first thread, so that all inherit it and sigtimedwait() is the only one to see them. */
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	cleanup_registry struct registry *registry = NULL;
	CLEANUP(server_stop_pointer) struct server *server = NULL;
	if (registry_open(&options, &registry, err) < 0)
		return -1;
	if (options.no_auth)
		fprintf(stderr, "coracle-registry: --no-auth: everybody may read, write and delete everything\n");
	if (server_start(registry, &server_options, &server, err) < 0)
		return -1;
	for (;;) {
		struct timespec hour = {SWEEP_SECONDS, 0};
		if (sigtimedwait(&signals, NULL, &hour) > 0)
			return 0;
		struct error failure = {0};
		if (errno == EAGAIN && registry_sweep(registry, &failure) < 0)
			fprintf(stderr, "coracle-registry: %s\n", failure.message);
	}
}
