#include "engine/save.h"
#include "engine/events.h"

#include <string.h>
#include <sys/stat.h>

#include "archive/tar_writer.h"
#include "oci/media_type.h"
#include "store/image_row.h"
#include "store/layer_record.h"
#include "store/recompress.h"

#define CHUNK_SIZE ((size_t)256 * 1024)

struct save_image {
	struct image image;
	struct string_list references; /* full texts, with their tags */
	struct image_layer *layers;
	size_t layer_count;
	bool *is_kept;		  /* of each layer: its blob is here, and is what is written */
	struct manifest manifest; /* as it is written */
	struct buffer manifest_bytes;
	struct digest manifest_digest;
	const struct image_export *export; /* NULL: as the store has it */
};

struct save {
	struct store *store;
	struct save_image *images;
	size_t image_count;
	struct tar_writer *writer;
	struct string_list written; /* digests */
	char *chunk;
};

static void save_release(struct save *save)
{
	for (size_t i = 0; i < save->image_count; i++) {
		struct save_image *image = &save->images[i];
		string_list_release(&image->references);
		image_layers_free(image->layers, image->layer_count);
		manifest_release(&image->manifest);
		buffer_release(&image->manifest_bytes);
		free(image->is_kept);
	}
	free(save->images);
	tar_writer_free(save->writer);
	string_list_release(&save->written);
	free(save->chunk);
}

static int check_platform(struct store *store, const struct image *image, const char *name,
			  const struct platform *platform, struct error *err)
{
	cleanup_image_config struct image_config config = {0};
	if (!platform)
		return 0;
	if (image_read_config(store, image, &config, err) < 0)
		return -1;
	if (platform_matches(platform, &config.platform))
		return 0;
	cleanup_free char *wanted = platform_text(platform);
	cleanup_free char *offered = platform_text(&config.platform);
	return error_set(err, ERROR_NOT_FOUND,
			 "image with reference %s was found but its platform (%s) does not match the specified "
			 "platform (%s)",
			 name, offered, wanted);
}

/* Of a layer whose blob is not here: its plain archive. */
static int plain_descriptor(struct store *store, const struct image_layer *layer, struct descriptor *ret_descriptor,
			    struct error *err)
{
	cleanup_layer_archive struct layer_archive *archive = NULL;
	if (layer_archive_open(store->root_fd, &layer->diff_id, &archive, err) < 0) {
		if (err && err->kind == ERROR_NOT_FOUND)
			return error_wrap(
				err, "neither its blob nor a record of its archive is kept here; pull the image again");
		return -1;
	}
	struct descriptor plain = {.media_type = (char *)MEDIA_TYPE_OCI_LAYER,
				   .digest = layer->diff_id,
				   .size = layer_archive_size(archive)};
	descriptor_copy(ret_descriptor, &plain);
	return 0;
}

/* In the form that is asked for, which is stored as a blob: *ret_converted, unless the layer has that form. */
static int convert_layer(struct save *save, struct save_image *image, size_t i, bool *ret_converted, struct error *err)
{
	const struct image_export *export = image->export;
	struct descriptor *blob = &image->manifest.layers[i];
	enum compression kind;
	struct blob_info info;
	*ret_converted = false;
	if (!export || !export->is_compressed || !recompress_kind_of(blob->media_type, &kind) ||
	    (kind == export->compression && !export->level))
		return 0;
	struct recompress recompress = {
		.root_fd = save->store->root_fd,
		.blobs = save->store->blobs,
		.diff_id = image->layers[i].diff_id,
		.kept = &image->layers[i].blob,
		.kind = export->compression,
		.level = (int)export->level,
	};
	*ret_converted = true;
	if (recompress_recall(&recompress, blob) &&
	    save->store->blobs->operations->stat(save->store->blobs, &blob->digest, &info, NULL) == 0)
		return 0;
	return recompress_layer(&recompress, blob, err);
}

static int plan_layers(struct save *save, struct save_image *image, struct error *err)
{
	bool all_kept = !image->export || string_list_equal(&image->manifest.annotations, image->export->annotations);
	image->is_kept = allocate_array(image->layer_count + 1, sizeof *image->is_kept);
	for (size_t i = 0; i < image->layer_count; i++) {
		struct blob_info info;
		const struct descriptor *blob = &image->layers[i].blob;
		if (convert_layer(save, image, i, &image->is_kept[i], err) < 0)
			return -1;
		if (image->is_kept[i]) {
			all_kept = false;
			continue;
		}
		image->is_kept[i] =
			save->store->blobs->operations->stat(save->store->blobs, &blob->digest, &info, NULL) == 0 &&
			info.size == blob->size;
		if (!image->is_kept[i] &&
		    plain_descriptor(save->store, &image->layers[i], &image->manifest.layers[i], err) < 0)
			return -1;
		all_kept = all_kept && image->is_kept[i];
	}
	image->manifest_digest = image->image.manifest;
	if (all_kept)
		return 0;
	if (image->export)
		string_list_copy(&image->manifest.annotations, image->export->annotations);
	/* Other layers are another manifest. The configuration, and so the image's id, is the same. */
	cleanup_free char *text = NULL;
	replace_string(&image->manifest.media_type, duplicate_string(MEDIA_TYPE_OCI_MANIFEST));
	replace_string(&image->manifest.config.media_type, duplicate_string(MEDIA_TYPE_OCI_CONFIG));
	for (size_t i = 0; i < image->layer_count; i++)
		if (strcmp(image->manifest.layers[i].media_type, MEDIA_TYPE_DOCKER_LAYER_GZIP) == 0)
			replace_string(&image->manifest.layers[i].media_type,
				       duplicate_string(MEDIA_TYPE_OCI_LAYER_GZIP));
	text = manifest_serialize(&image->manifest);
	buffer_clear(&image->manifest_bytes);
	digest_of_bytes(text, strlen(text), &image->manifest_digest);
	return buffer_append_string(&image->manifest_bytes, text, err);
}

/* Of an image that has no row: its documents say what its layers are. */
static int layers_of_documents(struct save *save, struct save_image *image, struct error *err)
{
	cleanup_image_config struct image_config config = {0};
	if (image_read_config(save->store, &image->image, &config, err) < 0)
		return -1;
	image->layer_count = config.diff_id_count;
	image->layers = allocate_array(image->layer_count + 1, sizeof *image->layers);
	for (size_t i = 0; i < image->layer_count && i < image->manifest.layer_count; i++) {
		image->layers[i].diff_id = config.diff_ids[i];
		descriptor_copy(&image->layers[i].blob, &image->manifest.layers[i]);
	}
	return 0;
}

static int fill_image(struct save *save, struct save_image *image, struct error *err)
{
	if (image_read_manifest(save->store, &image->image, &image->manifest, &image->manifest_bytes, err) < 0 ||
	    (image->export ? layers_of_documents(save, image, err)
			   : image_layers(save->store, &image->image.id, &image->layers, &image->layer_count, err)) < 0)
		return -1;
	if (image->manifest.layer_count != image->layer_count)
		return error_set(err, ERROR_CORRUPT, "the manifest has %zu layers, its record %zu",
				 image->manifest.layer_count, image->layer_count);
	return plan_layers(save, image, err);
}

static int add_image(struct save *save, const struct image *found, struct save_image **ret_image, struct error *err)
{
	for (size_t i = 0; i < save->image_count; i++) {
		if (digest_equal(&save->images[i].image.id, &found->id)) {
			*ret_image = &save->images[i];
			return 0;
		}
	}
	save->images = reallocate_array(save->images, save->image_count + 1, sizeof *save->images);
	struct save_image *image = &save->images[save->image_count++];
	*image = (struct save_image){.image = *found};
	*ret_image = image;
	return fill_image(save, image, err);
}

static int add_repository(struct save *save, const struct reference *reference, const struct platform *platform,
			  bool *ret_found, struct error *err)
{
	cleanup_free char *name = reference_name(reference);
	cleanup_image_list struct image_list list = {0};
	if (image_list(save->store, name, &list, err) < 0)
		return -1;
	*ret_found = false;
	for (size_t i = 0; i < list.count; i++) {
		struct save_image *image;
		if (!list.items[i].tag)
			continue;
		if (check_platform(save->store, &list.items[i].image, name, platform, err) < 0 ||
		    add_image(save, &list.items[i].image, &image, err) < 0)
			return -1;
		string_list_add_format(&image->references, "%s:%s", name, list.items[i].tag);
		*ret_found = true;
	}
	return 0;
}

static int add_named(struct save *save, const char *name, const struct platform *platform, struct error *err)
{
	struct image found;
	struct save_image *image;
	cleanup_reference struct reference reference = {0};
	bool is_reference = reference_parse(name, &reference, NULL) == 0;
	if (is_reference && !reference_text_has_tag(name)) {
		bool has_any;
		if (add_repository(save, &reference, platform, &has_any, err) < 0)
			return error_wrap(err, "save %s", name);
		if (has_any)
			return 0;
	}
	if (image_find(save->store, name, &found, err) < 0 ||
	    check_platform(save->store, &found, name, platform, err) < 0)
		return -1;
	if (add_image(save, &found, &image, err) < 0)
		return error_wrap(err, "save %s", name);
	if (is_reference && reference.tag && !image_text_is_id(name, &found.id)) {
		cleanup_free char *text = reference_text(&reference);
		string_list_add_once(&image->references, text);
	}
	return 0;
}

static int write_file(struct save *save, const char *path, const void *bytes, size_t size, struct error *err)
{
	struct tar_entry entry = {.path = path, .mode = S_IFREG | 0644, .size = size};
	return tar_writer_entry(save->writer, &entry, err) < 0 ? -1 : tar_writer_data(save->writer, bytes, size, err);
}

static int write_json(struct save *save, const char *path, const json_t *document, struct error *err)
{
	cleanup_free char *text = json_text(document);
	return write_file(save, path, text, strlen(text), err);
}

static char *blob_path(const struct digest *digest)
{
	return format_string("blobs/%s/%s", digest_algorithm_name(digest_algorithm_of(digest)), digest_hex(digest));
}

static bool is_written(struct save *save, const struct digest *digest)
{
	if (string_list_contains(&save->written, digest->text))
		return true;
	string_list_add(&save->written, digest->text);
	return false;
}

/* The contents of a blob, which are verified on their way. */
static int write_stream(struct save *save, const struct digest *digest, uint64_t size, const struct source *from,
			struct error *err)
{
	cleanup_free char *path = blob_path(digest);
	cleanup_hasher struct hasher *hasher = hasher_new(digest_algorithm_of(digest));
	struct tar_entry entry = {.path = path, .mode = S_IFREG | 0644, .size = size};
	struct digest found;
	ssize_t got;
	if (tar_writer_entry(save->writer, &entry, err) < 0)
		return -1;
	while ((got = source_read(from, save->chunk, CHUNK_SIZE, err)) > 0) {
		hasher_update(hasher, save->chunk, (size_t)got);
		if (tar_writer_data(save->writer, save->chunk, (size_t)got, err) < 0)
			return -1;
	}
	if (got < 0)
		return -1;
	hasher_finish(hasher, &found);
	if (!digest_equal(&found, digest))
		return error_set(err, ERROR_CORRUPT, "blob %s is damaged here: its bytes are %s", digest->text,
				 found.text);
	return 0;
}

static int write_kept(struct save *save, const struct descriptor *blob, struct error *err)
{
	cleanup_close int fd = -1;
	if (save->store->blobs->operations->open(save->store->blobs, &blob->digest, &fd, err) < 0)
		return -1;
	struct source from = source_from_fd(&fd);
	return write_stream(save, &blob->digest, blob->size, &from, err);
}

static int write_layers(struct save *save, const struct save_image *image, struct error *err)
{
	for (size_t i = 0; i < image->layer_count; i++) {
		const struct descriptor *blob = &image->manifest.layers[i];
		if (is_written(save, &blob->digest))
			continue;
		if (image->is_kept[i]) {
			if (write_kept(save, blob, err) < 0)
				return -1;
			continue;
		}
		cleanup_layer_archive struct layer_archive *archive = NULL;
		if (layer_archive_open(save->store->root_fd, &blob->digest, &archive, err) < 0)
			return -1;
		struct source from = layer_archive_source(archive);
		if (write_stream(save, &blob->digest, blob->size, &from, err) < 0)
			return -1;
	}
	return 0;
}

static void add_descriptor_annotations(const struct save_image *image, json_t *item)
{
	const struct string_list *list = image->export ? image->export->descriptor_annotations : NULL;
	if (!list || !list->count)
		return;
	if (!json_object_get(item, "annotations"))
		json_object_set_new(item, "annotations", json_object());
	json_set_pairs(json_object_get(item, "annotations"), list);
}

static json_t *index_document(const struct save *save)
{
	json_t *manifests = json_array();
	for (size_t i = 0; i < save->image_count; i++) {
		const struct save_image *image = &save->images[i];
		size_t names = image->references.count;
		for (size_t j = 0; j < (names ? names : 1); j++) {
			json_t *item = json_pack(
				"{s:s, s:s, s:I}", "mediaType",
				image->manifest.media_type ? image->manifest.media_type : MEDIA_TYPE_OCI_MANIFEST,
				"digest", image->manifest_digest.text, "size", (json_int_t)image->manifest_bytes.size);
			if (names) {
				const char *full = image->references.items[j];
				json_object_set_new(item, "annotations",
						    json_pack("{s:s, s:s}", "io.containerd.image.name", full,
							      "org.opencontainers.image.ref.name",
							      strrchr(full, ':') + 1));
			}
			add_descriptor_annotations(image, item);
			json_array_append_new(manifests, item);
		}
	}
	return json_pack("{s:i, s:s, s:o}", "schemaVersion", 2, "mediaType", MEDIA_TYPE_OCI_INDEX, "manifests",
			 manifests);
}

/* manifest.json of a docker-archive: [{"Config":…,"RepoTags":…,"Layers":[…]}] */
static json_t *docker_document(const struct save *save)
{
	json_t *list = json_array();
	for (size_t i = 0; i < save->image_count; i++) {
		const struct save_image *image = &save->images[i];
		cleanup_free char *config = blob_path(&image->image.id);
		json_t *layers = json_array(), *tags = image->references.count ? json_array() : json_null();
		for (size_t j = 0; j < image->references.count; j++) {
			cleanup_free char *familiar = reference_familiarize(image->references.items[j]);
			json_array_append_new(tags, json_string(familiar));
		}
		for (size_t j = 0; j < image->layer_count; j++) {
			cleanup_free char *path = blob_path(&image->manifest.layers[j].digest);
			json_array_append_new(layers, json_string(path));
		}
		json_array_append_new(
			list, json_pack("{s:s, s:o, s:o}", "Config", config, "RepoTags", tags, "Layers", layers));
	}
	return list;
}

static int write_folders(struct save *save, struct error *err)
{
	static const char *const paths[] = {"blobs", "blobs/sha256"};
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct tar_entry entry = {.path = paths[i], .mode = S_IFDIR | 0755};
		if (tar_writer_entry(save->writer, &entry, err) < 0)
			return -1;
	}
	return 0;
}

static int write_documents(struct save *save, struct error *err)
{
	static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	cleanup_json json_t *index = index_document(save);
	cleanup_json json_t *docker = docker_document(save);
	if (write_file(save, "oci-layout", layout, strlen(layout), err) < 0 ||
	    write_json(save, "index.json", index, err) < 0 || write_json(save, "manifest.json", docker, err) < 0)
		return -1;
	for (size_t i = 0; i < save->image_count; i++) {
		const struct save_image *image = &save->images[i];
		cleanup_free char *path = blob_path(&image->manifest_digest);
		struct descriptor config = image->manifest.config;
		config.digest = image->image.id;
		if (write_file(save, path, buffer_text(&image->manifest_bytes), image->manifest_bytes.size, err) < 0 ||
		    write_kept(save, &config, err) < 0)
			return -1;
	}
	return 0;
}

static int write_archive(struct save *save, const struct sink *archive, struct error *err)
{
	save->chunk = allocate(CHUNK_SIZE);
	if (tar_writer_new(archive, &save->writer, err) < 0 || write_folders(save, err) < 0 ||
	    write_documents(save, err) < 0)
		return -1;
	for (size_t i = 0; i < save->image_count; i++)
		if (write_layers(save, &save->images[i], err) < 0)
			return -1;
	return tar_writer_finish(save->writer, err);
}

int images_save(struct engine *engine, char *const *names, size_t count, const struct platform *platform,
		const struct sink *archive, struct error *err)
{
	CLEANUP(save_release) struct save save = {.store = engine->store};
	cleanup_close int lock = -1;
	/* Nothing that it reads may be collected meanwhile. */
	if (store_lock_content(engine->store, STORE_LOCK_SHARED, &lock, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (add_named(&save, names[i], platform, err) < 0)
			return -1;
	if (write_archive(&save, archive, err) < 0)
		return -1;
	for (size_t i = 0; i < save.image_count; i++)
		event_image(engine, "save", save.images[i].image.id.text, save.images[i].image.id.text);
	return 0;
}

int image_export(struct engine *engine, const struct image_export *export, const struct sink *archive,
		 struct error *err)
{
	CLEANUP(save_release) struct save save = {.store = engine->store};
	save.images = allocate_array(1, sizeof *save.images);
	save.image_count = 1;
	save.images[0] = (struct save_image){.image = *export->image, .export = export};
	string_list_copy(&save.images[0].references, export->references);
	return fill_image(&save, &save.images[0], err) < 0 ? -1 : write_archive(&save, archive, err);
}
