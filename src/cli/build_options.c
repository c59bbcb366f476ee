#include "cli/build_options.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "build/secret.h"
#include "build/ssh_forward.h"
#include "engine/build_setting.h"
#include "engine/build_step.h"

void build_arguments_init(struct build_arguments *arguments)
{
	*arguments = (struct build_arguments){
		.build = {.output_fd = STDERR_FILENO},
		.progress = "auto",
		.call = "build",
		.network = "default",
		.remove = true,
		.without_trust = true,
	};
}

void build_arguments_release(struct build_arguments *arguments)
{
	struct build_options *build = &arguments->build;
	struct string_list *const lists[] = {
		&build->annotations,
		&build->build_arguments,
		&build->labels,
		&build->no_cache_filter,
		&build->secrets,
		&build->ssh,
		&build->tags,
		&build->steps.allow,
		&build->steps.ulimits,
		&build->steps.extra_hosts,
		&arguments->outputs,
		&arguments->attestations,
		&arguments->caches_from,
		&arguments->caches_to,
		&arguments->no_cache_filters,
		&arguments->platforms,
		&arguments->named_contexts,
	};
	named_contexts_release(&arguments->contexts);
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		string_list_release(lists[i]);
}

void build_options_table(struct build_arguments *arguments, struct option *table)
{
	struct build_options *build = &arguments->build;
	struct build_step_options *steps = &build->steps;
	const struct option options[BUILD_OPTION_COUNT] = {
		OPTION_LIST(0, "add-host", &steps->extra_hosts, "strings",
			    "Add a custom host-to-IP mapping (format: \"host:ip\")"),
		OPTION_LIST(0, "allow", &steps->allow, "stringArray",
			    "Allow extra privileged entitlement (e.g., \"network.host\", \"security.insecure\")"),
		OPTION_LIST(0, "annotation", &build->annotations, "stringArray", "Add annotation to the image"),
		OPTION_LIST(0, "attest", &arguments->attestations, "stringArray",
			    "Attestation parameters: only disabled=true, none are made"),
		OPTION_LIST(0, "build-arg", &build->build_arguments, "list", "Set build-time variables"),
		OPTION_LIST(0, "build-context", &arguments->named_contexts, "stringArray",
			    "Additional build contexts (e.g., name=path)"),
		OPTION_STRING(0, "builder", &arguments->builder, "string", "Taken, since there is one builder alone"),
		OPTION_LIST(0, "cache-from", &arguments->caches_from, "stringArray",
			    "External cache sources (e.g., \"user/app:cache\", \"type=local,src=path/to/dir\")"),
		OPTION_LIST(0, "cache-to", &arguments->caches_to, "stringArray",
			    "Cache export destinations (e.g., \"user/app:cache\", \"type=local,dest=path/to/dir\")"),
		OPTION_STRING(0, "call", &arguments->call, "string",
			      "Set method for evaluating build (\"build\", \"check\")"),
		OPTION_STRING(0, "cgroup-parent", &steps->cgroup_parent, "string",
			      "Set the parent cgroup for the \"RUN\" instructions during build"),
		OPTION_FLAG(0, "check", &arguments->check, "Shorthand for \"--call=check\""),
		OPTION_FLAG(0, "compress", &arguments->compress, "Taken, since a context is not sent anywhere"),
		OPTION_INTEGER(0, "cpu-period", &steps->cpu_period, "int",
			       "Limit the CPU CFS (Completely Fair Scheduler) period"),
		OPTION_INTEGER(0, "cpu-quota", &steps->cpu_quota, "int",
			       "Limit the CPU CFS (Completely Fair Scheduler) quota"),
		OPTION_INTEGER('c', "cpu-shares", &steps->cpu_shares, "int", "CPU shares (relative weight)"),
		OPTION_STRING(0, "cpuset-cpus", &steps->cpuset_cpus, "string",
			      "CPUs in which to allow execution (0-3, 0,1)"),
		OPTION_STRING(0, "cpuset-mems", &steps->cpuset_mems, "string",
			      "MEMs in which to allow execution (0-3, 0,1)"),
		OPTION_FLAG('D', "debug", &arguments->debug, "Taken, and does nothing"),
		OPTION_FLAG(0, "disable-content-trust", &arguments->without_trust,
			    "Skip image verification (default true)"),
		OPTION_STRING('f', "file", &build->dockerfile, "string",
			      "Name of the Dockerfile (default: \"PATH/Dockerfile\")"),
		OPTION_FLAG(0, "force-rm", &arguments->force_remove, "Taken, since no step leaves a container"),
		OPTION_STRING(0, "iidfile", &arguments->id_file, "string", "Write the image ID to a file"),
		OPTION_STRING(0, "isolation", &arguments->isolation, "string", "Taken, and does nothing"),
		OPTION_LIST(0, "label", &build->labels, "list", "Set metadata for an image"),
		OPTION_FLAG(0, "load", &arguments->load, "Shorthand for \"--output=type=docker\""),
		OPTION_BYTES('m', "memory", &steps->memory, "Memory limit"),
		OPTION_SWAP(0, "memory-swap", &steps->memory_swap,
			    "Swap limit equal to memory plus swap: '-1' to enable unlimited swap"),
		OPTION_STRING(0, "metadata-file", &arguments->metadata_file, "string",
			      "Write build result metadata to a file"),
		OPTION_STRING(0, "network", &arguments->network, "string",
			      "Set the networking mode for the \"RUN\" instructions during build"),
		OPTION_FLAG(0, "no-cache", &build->no_cache, "Do not use cache when building the image"),
		OPTION_LIST(0, "no-cache-filter", &arguments->no_cache_filters, "stringArray",
			    "Do not cache specified stages"),
		OPTION_LIST('o', "output", &arguments->outputs, "stringArray",
			    "Output destination (format: \"type=local,dest=path\")"),
		OPTION_LIST(0, "platform", &arguments->platforms, "stringArray", "Set target platform for build"),
		OPTION_STRING(0, "progress", &arguments->progress, "string",
			      "Set type of progress output: auto, plain, tty, quiet, json, rawjson"),
		OPTION_STRING(0, "provenance", &arguments->provenance, "string",
			      "Shorthand for \"--attest=type=provenance\": only false"),
		OPTION_FLAG(0, "pull", &build->pull, "Always attempt to pull all referenced images"),
		OPTION_FLAG(0, "push", &arguments->push, "Shorthand for \"--output=type=registry\""),
		OPTION_FLAG('q', "quiet", &arguments->quiet, "Suppress the build output and print image ID on success"),
		OPTION_FLAG(0, "rm", &arguments->remove, "Taken, since no step leaves a container"),
		OPTION_STRING(0, "sbom", &arguments->sbom, "string",
			      "Shorthand for \"--attest=type=sbom\": only false"),
		OPTION_LIST(0, "secret", &build->secrets, "stringArray",
			    "Secret to expose to the build (format: \"id=mysecret[,src=/local/secret]\")"),
		OPTION_BYTES(0, "shm-size", &steps->shm_bytes, "Shared memory size for build containers"),
		OPTION_FLAG(0, "squash", &arguments->squash, "Refused: use a multi-stage Dockerfile"),
		OPTION_LIST(0, "ssh", &build->ssh, "stringArray",
			    "SSH agent socket or keys to expose to the build (format: "
			    "\"default|<id>[=<socket>|<key>[,<key>]]\")"),
		OPTION_LIST('t', "tag", &build->tags, "list", "Name and optionally a tag (format: \"name:tag\")"),
		OPTION_STRING(0, "target", &build->target, "string", "Set the target build stage to build"),
		OPTION_LIST(0, "ulimit", &steps->ulimits, "ulimit", "Ulimit options"),
		OPTION_END,
	};
	memcpy(table, options, sizeof options);
}

static int parse_progress(const char *text, enum build_progress *ret_progress, struct error *err)
{
	static const char *const names[] = {"auto", "plain", "tty", "quiet", "json"};
	/* Docker's own name for it. */
	if (strcmp(text, "rawjson") == 0)
		text = "json";
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(text, names[i]) == 0) {
			*ret_progress = (enum build_progress)i;
			return 0;
		}
	}
	return error_set(err, ERROR_USAGE,
			 "invalid progress \"%s\": auto, plain, tty, quiet, json and rawjson are known", text);
}

/* --call: what is asked of the Dockerfile. */
static int parse_call(const char *text, bool *ret_check, struct error *err)
{
	*ret_check = strcmp(text, "check") == 0;
	if (*ret_check || strcmp(text, "build") == 0)
		return 0;
	return error_set(err, ERROR_UNSUPPORTED, "--call %s is not supported: build and check are known", text);
}

/* "a,b" */
static void split_list(const char *text, struct string_list *ret_items)
{
	for (const char *at = text; *at;) {
		size_t length = strcspn(at, ",");
		if (length)
			string_list_take(ret_items, duplicate_bytes(at, length));
		at += length + (at[length] == ',');
	}
}

static int refuse(const char *what, struct error *err)
{
	return error_set(err, ERROR_UNSUPPORTED,
			 "attestations are not supported: leave out %s, or say --provenance=false and --sbom=false",
			 what);
}

static int check_attestation(const char *text, struct error *err)
{
	cleanup_build_setting struct build_setting setting = {0};
	bool is_disabled = false;
	if (build_setting_parse(text, &setting, err) < 0 ||
	    build_setting_flag(&setting, "disabled", &is_disabled, err) < 0)
		return -1;
	if (!setting.type)
		return error_set(err, ERROR_INVALID, "attestation type not specified");
	cleanup_free char *what = format_string("--attest %s", text);
	return is_disabled ? 0 : refuse(what, err);
}

/* One platform, said once or more, else that of the environment. "local" is this machine's. */
static int parse_platforms(struct build_arguments *arguments, struct error *err)
{
	cleanup_string_list struct string_list texts = {0}, names = {0};
	for (size_t i = 0; i < arguments->platforms.count; i++)
		split_list(arguments->platforms.items[i], &texts);
	const char *by_default = getenv("DOCKER_DEFAULT_PLATFORM");
	if (!texts.count && by_default)
		split_list(by_default, &texts);
	for (size_t i = 0; i < texts.count; i++) {
		if (strcmp(texts.items[i], "local") == 0)
			platform_host(&arguments->platform);
		else if (platform_parse(texts.items[i], &arguments->platform, err) < 0)
			return -1;
		platform_canonicalize(&arguments->platform);
		cleanup_free char *name = platform_text(&arguments->platform);
		if (!string_list_contains(&names, name))
			string_list_add(&names, name);
	}
	if (names.count > 1)
		return error_set(err, ERROR_UNSUPPORTED,
				 "multi-platform build is not supported: build for %s and %s%s in turn, each with a "
				 "--tag of its own, push them, and put them under one name with `coracle manifest "
				 "create`",
				 names.items[0], names.items[1], names.count > 2 ? " and the others" : "");
	arguments->build.platform = names.count ? &arguments->platform : NULL;
	return 0;
}

static int refuse_what_is_not_there(const struct build_arguments *arguments, struct error *err)
{
	const struct {
		const char *option, *value;
	} shorthands[] = {{"--provenance", arguments->provenance}, {"--sbom", arguments->sbom}};
	for (size_t i = 0; i < ARRAY_SIZE(shorthands); i++) {
		bool wanted = true;
		if (shorthands[i].value && shorthands[i].value[0] &&
		    (!text_parse_boolean(shorthands[i].value, &wanted) || wanted))
			return refuse(shorthands[i].option, err);
	}
	for (size_t i = 0; i < arguments->attestations.count; i++)
		if (check_attestation(arguments->attestations.items[i], err) < 0)
			return -1;
	if (arguments->squash)
		return error_set(
			err, ERROR_UNSUPPORTED,
			"experimental flag squash is removed with BuildKit. You should squash inside build using "
			"a multi-stage Dockerfile for efficiency.");
	if (!arguments->without_trust)
		return error_set(err, ERROR_UNSUPPORTED,
				 "images cannot be verified by content trust here: leave out "
				 "--disable-content-trust=false");
	return 0;
}

int build_arguments_check(struct build_arguments *arguments, struct error *err)
{
	struct build_options *build = &arguments->build;
	if (parse_progress(arguments->quiet ? "quiet" : arguments->progress, &build->progress, err) < 0 ||
	    (!arguments->check && parse_call(arguments->call, &arguments->check, err) < 0) ||
	    build_step_check(&build->steps, arguments->network, err) < 0 || secret_check(&build->secrets, err) < 0 ||
	    ssh_forward_check(&build->ssh, err) < 0 || refuse_what_is_not_there(arguments, err) < 0)
		return -1;
	if (parse_platforms(arguments, err) < 0 ||
	    named_contexts_parse(&arguments->named_contexts, &arguments->contexts, err) < 0)
		return -1;
	build->contexts = &arguments->contexts;
	for (size_t i = 0; i < arguments->no_cache_filters.count; i++)
		split_list(arguments->no_cache_filters.items[i], &build->no_cache_filter);
	return 0;
}
