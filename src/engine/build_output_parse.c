/* --output, --load, --push and --annotation, in buildx's words. */
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "engine/build_output.h"
#include "engine/build_setting.h"
#include "engine/push.h"

static void release_output(struct build_output *output)
{
	free(output->type);
	free(output->destination);
	string_list_release(&output->names);
	string_list_release(&output->annotations);
	string_list_release(&output->descriptor_annotations);
}

void build_outputs_release(struct build_outputs *outputs)
{
	for (size_t i = 0; i < outputs->count; i++)
		release_output(&outputs->items[i]);
	free(outputs->items);
	*outputs = (struct build_outputs){0};
}

static struct build_output *add_output(struct build_outputs *outputs, enum build_output_kind kind, const char *type)
{
	outputs->items = reallocate_array(outputs->items, outputs->count + 1, sizeof *outputs->items);
	struct build_output *output = &outputs->items[outputs->count++];
	*output = (struct build_output){.kind = kind, .type = duplicate_string(type)};
	return output;
}

/* What each type knows. Some of it is what we do anyway, and is taken so that scripts go on working. */
static const char *const file_keys[] = {"dest", "platform-split", "mode", NULL};
static const char *const image_keys[] = {
	"annotation.",
	"annotation-manifest.",
	"annotation-manifest-descriptor.",
	"compression",
	"compression-level",
	"dangling-name-prefix",
	"dest",
	"force-compression",
	"name",
	"name-canonical",
	"oci-artifact",
	"oci-mediatypes",
	"prefer-nondist-layers",
	"push",
	"push-by-digest",
	"registry.insecure",
	"rewrite-timestamp",
	"store",
	"tar",
	"unpack",
	NULL,
};

static const struct {
	const char *name;
	enum build_output_kind kind;
	const char *const *keys;
} types[] = {
	{"cacheonly", BUILD_OUTPUT_NOTHING, file_keys}, {"docker", BUILD_OUTPUT_ARCHIVE, image_keys},
	{"image", BUILD_OUTPUT_STORE, image_keys},	{"local", BUILD_OUTPUT_LOCAL, file_keys},
	{"oci", BUILD_OUTPUT_ARCHIVE, image_keys},	{"registry", BUILD_OUTPUT_STORE, image_keys},
	{"tar", BUILD_OUTPUT_TAR, file_keys},
};

static int take_compression(struct build_output *output, const struct build_setting *setting, struct error *err)
{
	static const struct {
		const char *name;
		enum compression kind;
		int64_t highest;
	} kinds[] = {
		{"uncompressed", COMPRESSION_NONE, 0}, {"gzip", COMPRESSION_GZIP, 12}, {"zstd", COMPRESSION_ZSTD, 22}};
	const char *name = build_setting_get(setting, "compression");
	const char *level = build_setting_get(setting, "compression-level");
	size_t i = 1;
	if (name)
		for (i = 0; i < ARRAY_SIZE(kinds) && strcmp(kinds[i].name, name) != 0; i++)
			continue;
	if (i == ARRAY_SIZE(kinds))
		return error_set(err, ERROR_UNSUPPORTED,
				 "unsupported layer compression type: %s (uncompressed, gzip and zstd are known)",
				 name);
	if (level) {
		char *end;
		errno = 0;
		output->level = strtoll(level, &end, 10);
		if (errno || *end || end == level || output->level < 0 || output->level > kinds[i].highest)
			return error_set(err, ERROR_INVALID, "invalid compression level \"%s\": for %s it is 0 to %lld",
					 level, kinds[i].name, (long long)kinds[i].highest);
	}
	if (name || output->level)
		output->compression = kinds[i].name;
	output->compression_kind = kinds[i].kind;
	return 0;
}

/* Go's media types of Docker's own, digests instead of tags: what cannot be had is said. */
static int refuse_forms(const struct build_setting *setting, struct error *err)
{
	static const struct {
		const char *key;
		bool as_we_do;
		const char *why;
	} fixed[] = {
		{"oci-mediatypes", true, "images are written with OCI's media types, which every registry takes"},
		{"push-by-digest", false, "an image is pushed under a tag"},
		{"oci-artifact", false, "attestations are not made"},
		{"prefer-nondist-layers", false, "all layers are distributed"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++) {
		bool value = fixed[i].as_we_do;
		if (build_setting_flag(setting, fixed[i].key, &value, err) < 0)
			return -1;
		if (value != fixed[i].as_we_do)
			return error_set(err, ERROR_UNSUPPORTED, "%s=%s is not supported: %s", fixed[i].key,
					 value ? "true" : "false", fixed[i].why);
	}
	return 0;
}

static void take_annotations(struct build_output *output, const struct build_setting *setting)
{
	static const struct {
		const char *start;
		bool of_descriptor;
	} starts[] = {
		{"annotation.", false}, {"annotation-manifest.", false}, {"annotation-manifest-descriptor.", true}};
	for (size_t i = 0; i < setting->values.count; i++) {
		for (size_t j = 0; j < ARRAY_SIZE(starts); j++) {
			const char *item = setting->values.items[i];
			size_t length = strlen(starts[j].start);
			if (strncmp(item, starts[j].start, length) == 0)
				string_list_add(starts[j].of_descriptor ? &output->descriptor_annotations
									: &output->annotations,
						item + length);
		}
	}
}

static int check_folder(const struct build_output *output, struct error *err)
{
	struct stat status;
	if (!output->destination)
		return error_set(err, ERROR_INVALID, "dest is required for %s exporter", output->type);
	if (strcmp(output->destination, "-") == 0)
		return error_set(err, ERROR_INVALID, "dest cannot be stdout for %s exporter", output->type);
	if (stat(output->destination, &status) < 0)
		return errno == ENOENT
			       ? 0
			       : error_set_errno(err, errno, "invalid destination directory: %s", output->destination);
	return S_ISDIR(status.st_mode)
		       ? 0
		       : error_set(err, ERROR_INVALID, "destination directory %s is a file", output->destination);
}

static int check_file(struct build_output *output, bool *is_standard_output_used, struct error *err)
{
	struct stat status;
	if (!output->destination || strcmp(output->destination, "-") == 0) {
		replace_string(&output->destination, NULL);
		if (*is_standard_output_used)
			return error_set(err, ERROR_INVALID, "multiple outputs configured to write to stdout");
		if (isatty(STDOUT_FILENO))
			return error_set(err, ERROR_INVALID,
					 "dest file is required for %s exporter. refusing to write to console",
					 output->type);
		*is_standard_output_used = true;
		return 0;
	}
	if (stat(output->destination, &status) < 0)
		return errno == ENOENT
			       ? 0
			       : error_set_errno(err, errno, "invalid destination file: %s", output->destination);
	return S_ISDIR(status.st_mode)
		       ? error_set(err, ERROR_INVALID, "destination file %s is a directory", output->destination)
		       : 0;
}

static int check_destination(struct build_output *output, bool *is_standard_output_used, struct error *err)
{
	switch (output->kind) {
	case BUILD_OUTPUT_LOCAL:
	case BUILD_OUTPUT_LAYOUT:
		return check_folder(output, err);
	case BUILD_OUTPUT_TAR:
	case BUILD_OUTPUT_ARCHIVE:
		return check_file(output, is_standard_output_used, err);
	case BUILD_OUTPUT_STORE:
		if (output->destination)
			return error_set(err, ERROR_INVALID, "dest is not supported for %s exporter", output->type);
		return 0;
	case BUILD_OUTPUT_NOTHING:
		break;
	}
	return 0;
}

static void split_names(const char *text, struct string_list *names)
{
	for (const char *at = text; at && *at;) {
		size_t length = strcspn(at, ",");
		if (length)
			string_list_take(names, duplicate_bytes(at, length));
		at += length + (at[length] == ',');
	}
}

static int take_setting(struct build_outputs *outputs, const struct build_setting *setting, struct error *err)
{
	size_t i = 0;
	if (!setting->type || !setting->type[0])
		return error_set(err, ERROR_INVALID, "type is required for output");
	while (i < ARRAY_SIZE(types) && strcmp(types[i].name, setting->type) != 0)
		i++;
	if (i == ARRAY_SIZE(types))
		return error_set(err, ERROR_INVALID, "exporter \"%s\" could not be found", setting->type);
	if (build_setting_check(setting, "--output", types[i].keys, err) < 0 || refuse_forms(setting, err) < 0)
		return -1;
	struct build_output *output = add_output(outputs, types[i].kind, setting->type);
	output->destination = duplicate_string(build_setting_get(setting, "dest"));
	if (output->destination && !output->destination[0])
		replace_string(&output->destination, NULL);
	bool tar = true;
	output->push = strcmp(setting->type, "registry") == 0;
	if (build_setting_flag(setting, "tar", &tar, err) < 0 ||
	    build_setting_flag(setting, "push", &output->push, err) < 0 ||
	    build_setting_flag(setting, "registry.insecure", &output->is_insecure, err) < 0 ||
	    build_setting_flag(setting, "rewrite-timestamp", &output->rewrite_timestamp, err) < 0 ||
	    take_compression(output, setting, err) < 0)
		return -1;
	if (output->kind == BUILD_OUTPUT_ARCHIVE && !tar)
		output->kind = BUILD_OUTPUT_LAYOUT;
	else if (strcmp(setting->type, "docker") == 0 && !output->destination)
		output->kind = BUILD_OUTPUT_STORE;
	take_annotations(output, setting);
	split_names(build_setting_get(setting, "name"), &output->names);
	if (output->kind != BUILD_OUTPUT_STORE && output->push)
		return error_set(err, ERROR_INVALID, "push is not supported for %s exporter", output->type);
	return 0;
}

static int take_text(struct build_outputs *outputs, const char *text, struct error *err)
{
	cleanup_build_setting struct build_setting setting = {0};
	/* As buildx has it: a single field that does not say a type is a folder, also "a=b". */
	if (text[0] && !strpbrk(text, ",\"") && strncmp(text, "type=", 5) != 0) {
		bool is_stream = strcmp(text, "-") == 0;
		struct build_output *output = add_output(outputs, is_stream ? BUILD_OUTPUT_TAR : BUILD_OUTPUT_LOCAL,
							 is_stream ? "tar" : "local");
		output->destination = duplicate_string(text);
		return 0;
	}
	return build_setting_parse(text, &setting, err) < 0 ? -1 : take_setting(outputs, &setting, err);
}

static void take_load(struct build_outputs *outputs)
{
	for (size_t i = 0; i < outputs->count; i++)
		if (outputs->items[i].kind == BUILD_OUTPUT_STORE)
			return;
	add_output(outputs, BUILD_OUTPUT_STORE, "docker");
}

static void take_push(struct build_outputs *outputs)
{
	bool is_used = false;
	for (size_t i = 0; i < outputs->count; i++) {
		struct build_output *output = &outputs->items[i];
		if (strcmp(output->type, "image") == 0 || strcmp(output->type, "registry") == 0)
			is_used = output->push = true;
	}
	if (!is_used)
		add_output(outputs, BUILD_OUTPUT_STORE, "image")->push = true;
}

static bool has_manifest(const struct build_output *output)
{
	return output->kind == BUILD_OUTPUT_STORE || output->kind == BUILD_OUTPUT_ARCHIVE ||
	       output->kind == BUILD_OUTPUT_LAYOUT;
}

/* "KEY=VALUE", "manifest:KEY=VALUE", "manifest-descriptor:KEY=VALUE", "manifest,manifest-descriptor:…" */
static int take_annotation(struct build_outputs *outputs, const char *text, struct error *err)
{
	const char *equals = strchr(text, '='), *colon = strchr(text, ':');
	if (!equals || equals == text)
		return error_set(err, ERROR_INVALID, "invalid annotation \"%s\", expected key=value", text);
	bool of_manifest = !colon || colon > equals, of_descriptor = false;
	const char *rest = of_manifest ? text : colon + 1;
	for (const char *at = text; rest != text && at < colon;) {
		size_t length = strcspn(at, ",:");
		if (strncmp(at, "manifest", length) == 0 && length == strlen("manifest"))
			of_manifest = true;
		else if (strncmp(at, "manifest-descriptor", length) == 0 && length == strlen("manifest-descriptor"))
			of_descriptor = true;
		else
			return error_set(
				err, ERROR_UNSUPPORTED,
				"annotation type \"%.*s\" is not supported: manifest and manifest-descriptor are, "
				"since no index is made",
				(int)length, at);
		at += length + 1;
	}
	if (rest[0] == '=')
		return error_set(err, ERROR_INVALID, "invalid annotation \"%s\", expected key=value", text);
	for (size_t i = 0; i < outputs->count; i++) {
		if (has_manifest(&outputs->items[i]) && of_manifest)
			string_list_add(&outputs->items[i].annotations, rest);
		if (has_manifest(&outputs->items[i]) && of_descriptor)
			string_list_add(&outputs->items[i].descriptor_annotations, rest);
	}
	return 0;
}

/* Before the build, so that nobody waits for what cannot be pushed; the words without a tag are BuildKit's. */
static int check_push(const struct build_output *output, struct error *err)
{
	if (!output->push)
		return 0;
	if (!output->names.count)
		return error_set(err, ERROR_INVALID, "tag is needed when pushing to registry");
	if (output->compression && output->compression_kind == COMPRESSION_NONE)
		return error_set(err, ERROR_UNSUPPORTED, "compression=uncompressed is not supported for a push");
	for (size_t i = 0; i < output->names.count; i++) {
		cleanup_reference struct reference reference = {0};
		if (reference_parse(output->names.items[i], &reference, err) < 0 ||
		    image_push_check(&reference, err) < 0)
			return -1;
	}
	return 0;
}

int build_outputs_parse(const struct build_output_options *options, struct build_outputs *ret_outputs,
			struct error *err)
{
	cleanup_build_outputs struct build_outputs outputs = {0};
	bool is_standard_output_used = false;
	for (size_t i = 0; i < options->texts->count; i++)
		if (take_text(&outputs, options->texts->items[i], err) < 0)
			return -1;
	if (options->push)
		take_push(&outputs);
	if (options->load || !outputs.count)
		take_load(&outputs);
	for (size_t i = 0; i < options->annotations->count; i++)
		if (take_annotation(&outputs, options->annotations->items[i], err) < 0)
			return -1;
	for (size_t i = 0; i < outputs.count; i++) {
		struct build_output *output = &outputs.items[i];
		/* -t names all of them, and name= counts without it. */
		if (options->tags->count)
			string_list_copy(&output->names, options->tags);
		if (check_destination(output, &is_standard_output_used, err) < 0 || check_push(output, err) < 0)
			return -1;
	}
	*ret_outputs = outputs;
	outputs = (struct build_outputs){0};
	return 0;
}

static void add_all(struct string_list *to, const struct string_list *from)
{
	for (size_t i = 0; i < from->count; i++)
		if (!string_list_contains(to, from->items[i]))
			string_list_add(to, from->items[i]);
}

void build_outputs_apply(const struct build_outputs *outputs, struct build_options *build)
{
	build->no_image = true;
	for (size_t i = 0; i < outputs->count; i++) {
		const struct build_output *output = &outputs->items[i];
		if (output->kind != BUILD_OUTPUT_STORE)
			continue;
		build->no_image = false;
		add_all(&build->tags, &output->names);
		add_all(&build->annotations, &output->annotations);
	}
}
