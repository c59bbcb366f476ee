#include "engine/build_output.h"

#include <string.h>
#include <unistd.h>

#include "archive/layer.h"
#include "base/atomic_file.h"
#include "base/fd.h"
#include "build/copy.h"
#include "build/rootfs_view.h"
#include "engine/save.h"

#define OUTPUT_TEXT_LIMIT 8192

void build_output_release(struct build_output *output)
{
	free(output->destination);
	free(output->name);
	*output = (struct build_output){0};
}

static int set_kind(struct build_output *output, const char *text, bool *ret_archive_kind, struct error *err)
{
	static const struct {
		const char *name;
		enum build_output_kind kind;
	} kinds[] = {{"local", BUILD_OUTPUT_LOCAL},
		     {"tar", BUILD_OUTPUT_TAR},
		     {"oci", BUILD_OUTPUT_ARCHIVE},
		     {"docker", BUILD_OUTPUT_ARCHIVE},
		     {"image", BUILD_OUTPUT_STORE}};
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(kinds[i].name, text) != 0)
			continue;
		output->kind = kinds[i].kind;
		*ret_archive_kind = strcmp(text, "docker") == 0;
		return 0;
	}
	return error_set(err, ERROR_INVALID, "invalid output type \"%s\": docker, image, local, oci and tar are known",
			 text);
}

static int parse_field(struct build_output *output, char *field, bool *has_type, bool *is_docker, struct error *err)
{
	char *value = strchr(field, '=');
	if (!value)
		return error_set(err, ERROR_INVALID, "invalid value %s", field);
	*value++ = '\0';
	if (strcasecmp(field, "type") == 0) {
		*has_type = true;
		return set_kind(output, value, is_docker, err);
	}
	if (strcasecmp(field, "dest") == 0)
		replace_string(&output->destination, duplicate_string(value));
	else if (strcasecmp(field, "name") == 0)
		replace_string(&output->name, duplicate_string(value));
	else
		return error_set(err, ERROR_UNSUPPORTED, "--output: \"%s\" is not supported: type, dest and name are",
				 field);
	return 0;
}

int build_output_parse(const char *text, struct build_output *ret_output, struct error *err)
{
	cleanup_build_output struct build_output output = {0};
	bool has_type = false, is_docker = false;
	if (strlen(text) > OUTPUT_TEXT_LIMIT)
		return error_set(err, ERROR_LIMIT, "--output is longer than %d bytes", OUTPUT_TEXT_LIMIT);
	if (text[0] && !strpbrk(text, "=,")) {
		output.kind = strcmp(text, "-") == 0 ? BUILD_OUTPUT_TAR : BUILD_OUTPUT_LOCAL;
		output.destination = duplicate_string(text);
		has_type = true;
	} else {
		cleanup_free char *copy = duplicate_string(text);
		for (char *rest = copy, *field; (field = strsep(&rest, ","));)
			if (parse_field(&output, field, &has_type, &is_docker, err) < 0)
				return -1;
	}
	if (!has_type)
		return error_set(err, ERROR_INVALID, "type is required for output");
	if (output.kind == BUILD_OUTPUT_LOCAL && (!output.destination || strcmp(output.destination, "-") == 0))
		return error_set(err, ERROR_INVALID, "dest is required for local output");
	if (output.kind == BUILD_OUTPUT_STORE && output.destination)
		return error_set(err, ERROR_INVALID, "dest is not supported for image output");
	if (is_docker && !output.destination)
		output.kind = BUILD_OUTPUT_STORE;
	if (output.destination && strcmp(output.destination, "-") == 0)
		replace_string(&output.destination, NULL);
	*ret_output = output;
	output = (struct build_output){0};
	return 0;
}

static int open_tree(struct engine *engine, const struct image *image, struct rootfs_view *ret_view, struct error *err)
{
	cleanup_image_config struct image_config config = {0};
	if (image_read_config(engine->store, image, &config, err) < 0)
		return -1;
	size_t count = config.diff_id_count;
	cleanup_free struct digest *layers = allocate_array(count + 1, sizeof *layers);
	count = rootfs_unique_layers(config.diff_ids, count, layers);
	return rootfs_view_open(engine->store, layers, count, -1, -1, ret_view, err);
}

static int write_local(struct engine *engine, const char *path, const struct image *image, struct error *err)
{
	cleanup_rootfs_view struct rootfs_view view = ROOTFS_VIEW_INIT;
	cleanup_string_list struct string_list sources = {0};
	cleanup_close int folder = open_folder(path, true, 0755, err);
	if (folder < 0 || open_tree(engine, image, &view, err) < 0)
		return -1;
	struct content_root root = {.fd = view.root_fd, .keep_owners = true};
	struct copy_request request = {
		.root_fd = folder,
		.store_root_fd = engine->store->root_fd,
		.destination = "/",
		.from = &root,
		.sources = &sources,
		.has_owner = true,
		.owner = {.user = geteuid(), .group = getegid()},
	};
	return content_find(&root, "/", &sources, err) < 0 ? -1 : copy_files(&request, err);
}

static int write_tar(struct engine *engine, const struct build_options *options, const struct image *image,
		     const struct sink *sink, struct error *err)
{
	cleanup_rootfs_view struct rootfs_view view = ROOTFS_VIEW_INIT;
	struct layer_diff_options form = {.form = LAYER_FORM_TREE, .owner = LAYER_OWNER_KEEP};
	struct layer_totals totals;
	if (build_epoch(&options->build_arguments, &form.time_limit, err) < 0 ||
	    open_tree(engine, image, &view, err) < 0)
		return -1;
	return layer_diff(view.root_fd, &form, sink, &totals, err);
}

static int write_archive(struct engine *engine, const struct build_options *options, const struct image *image,
			 const struct sink *sink, struct error *err)
{
	cleanup_string_list struct string_list names = {0};
	for (size_t i = 0; i < options->tags.count; i++) {
		cleanup_reference struct reference reference = {0};
		if (reference_parse(options->tags.items[i], &reference, err) < 0)
			return -1;
		string_list_take(&names, reference_text(&reference));
	}
	if (!names.count)
		string_list_add(&names, image->id.text);
	return images_save(engine, names.items, names.count, NULL, sink, err);
}

static int write_stream(struct engine *engine, const struct build_output *output, const struct build_options *options,
			const struct image *image, const int *fd, struct error *err)
{
	struct sink sink = sink_to_fd(fd);
	return output->kind == BUILD_OUTPUT_TAR ? write_tar(engine, options, image, &sink, err)
						: write_archive(engine, options, image, &sink, err);
}

static int write_file(struct engine *engine, const struct build_output *output, const struct build_options *options,
		      const struct image *image, struct error *err)
{
	cleanup_atomic_output struct atomic_output file = ATOMIC_OUTPUT_INIT;
	if (atomic_output_open(output->destination, 0644, &file, err) < 0 ||
	    write_stream(engine, output, options, image, &file.fd, err) < 0)
		return -1;
	return atomic_output_commit(&file, err);
}

int build_output_write(struct engine *engine, const struct build_output *output, const struct build_options *options,
		       const struct image *image, struct error *err)
{
	int standard_output = STDOUT_FILENO, result;
	if (output->kind == BUILD_OUTPUT_STORE)
		return 0;
	if (output->kind == BUILD_OUTPUT_LOCAL)
		result = write_local(engine, output->destination, image, err);
	else if (output->destination)
		result = write_file(engine, output, options, image, err);
	else
		result = write_stream(engine, output, options, image, &standard_output, err);
	return result < 0 ? error_wrap(err, "export the build") : 0;
}
