#include "cli/build_options.h"

#include <assert.h>
#include <string.h>

#include "base/text.h"
#include "engine/build_setting.h"

void build_arguments_init(struct build_arguments *arguments)
{
	*arguments = (struct build_arguments){.remove = true, .without_trust = true};
}

void build_arguments_release(struct build_arguments *arguments)
{
	string_list_release(&arguments->outputs);
	string_list_release(&arguments->annotations);
	string_list_release(&arguments->attestations);
	string_list_release(&arguments->caches_from);
	string_list_release(&arguments->caches_to);
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct option *)a)->name, ((const struct option *)b)->name);
}

void build_options_table(struct build_arguments *arguments, const struct option *own, struct option *table)
{
	const struct option ours[] = {
		OPTION_LIST(0, "annotation", &arguments->annotations, "stringArray", "Add annotation to the image"),
		OPTION_LIST(0, "attest", &arguments->attestations, "stringArray",
			    "Attestation parameters: only disabled=true, none are made"),
		OPTION_STRING(0, "builder", &arguments->builder, "string", "Taken, since there is one builder alone"),
		OPTION_LIST(0, "cache-from", &arguments->caches_from, "stringArray",
			    "External cache sources (e.g., \"user/app:cache\", \"type=local,src=path/to/dir\")"),
		OPTION_LIST(0, "cache-to", &arguments->caches_to, "stringArray",
			    "Cache export destinations (e.g., \"user/app:cache\", \"type=local,dest=path/to/dir\")"),
		OPTION_FLAG(0, "compress", &arguments->compress, "Taken, since a context is not sent anywhere"),
		OPTION_FLAG('D', "debug", &arguments->debug, "Taken, and does nothing"),
		OPTION_FLAG(0, "disable-content-trust", &arguments->without_trust,
			    "Skip image verification (default true)"),
		OPTION_FLAG(0, "force-rm", &arguments->force_remove, "Taken, since no step leaves a container"),
		OPTION_STRING(0, "isolation", &arguments->isolation, "string", "Taken, and does nothing"),
		OPTION_FLAG(0, "load", &arguments->load, "Shorthand for \"--output=type=docker\""),
		OPTION_LIST('o', "output", &arguments->outputs, "stringArray",
			    "Output destination (format: \"type=local,dest=path\")"),
		OPTION_STRING(0, "provenance", &arguments->provenance, "string",
			      "Shorthand for \"--attest=type=provenance\": only false"),
		OPTION_FLAG(0, "push", &arguments->push, "Shorthand for \"--output=type=registry\""),
		OPTION_FLAG(0, "rm", &arguments->remove, "Taken, since no step leaves a container"),
		OPTION_STRING(0, "sbom", &arguments->sbom, "string",
			      "Shorthand for \"--attest=type=sbom\": only false"),
		OPTION_FLAG(0, "squash", &arguments->squash, "Refused: use a multi-stage Dockerfile"),
	};
	size_t count = 0;
	for (; own->kind != OPTION_KIND_END; own++)
		table[count++] = *own;
	assert(count + ARRAY_SIZE(ours) < BUILD_OPTION_LIMIT);
	memcpy(table + count, ours, sizeof ours);
	count += ARRAY_SIZE(ours);
	qsort(table, count, sizeof *table, compare);
	table[count] = (struct option)OPTION_END;
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

int build_arguments_check(const struct build_arguments *arguments, struct error *err)
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
