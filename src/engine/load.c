#include "engine/load.h"
#include "engine/events.h"

#include <string.h>
#include <sys/resource.h>

#include "engine/load_archive.h"
#include "oci/media_type.h"

struct load_image {
	struct image_config config;
	struct load_file *config_file;
	struct load_file **layers; /* borrowed from the archive */
	size_t layer_count;
	char *manifest; /* the document's text */
	struct digest manifest_digest;
	struct string_list references;
};

struct load {
	struct engine *engine;
	struct load_archive archive;
	const struct platform *platform;
	struct load_image *images;
	size_t image_count;
};

static void load_release(struct load *load)
{
	for (size_t i = 0; i < load->image_count; i++) {
		image_config_release(&load->images[i].config);
		string_list_release(&load->images[i].references);
		free(load->images[i].layers);
		free(load->images[i].manifest);
	}
	free(load->images);
	load_archive_release(&load->archive);
}

static struct load_image *new_image(struct load *load)
{
	load->images = reallocate_array(load->images, load->image_count + 1, sizeof *load->images);
	struct load_image *image = &load->images[load->image_count++];
	*image = (struct load_image){0};
	return image;
}

static int read_config(struct load_image *image, struct load_file *file, const char *name, struct error *err)
{
	if (!file || file->kind != LOAD_DOCUMENT)
		return error_set(err, ERROR_NOT_FOUND, "invalid archive: the configuration %.200s is not in it", name);
	image->config_file = file;
	if (image_config_parse(buffer_text(&file->bytes), file->bytes.size, &image->config, err) < 0)
		return error_wrap(err, "image configuration %.200s", name);
	image->layers = allocate_array(image->config.diff_id_count + 1, sizeof(struct load_file *));
	return 0;
}

static int add_layer(struct load_image *image, struct load_file *file, const char *name, struct error *err)
{
	size_t index = image->layer_count;
	if (!file || file->kind == LOAD_LINK)
		return error_set(err, ERROR_NOT_FOUND, "invalid archive: the layer %.200s is not in it", name);
	if (file->kind != LOAD_LAYER)
		return error_set(err, ERROR_INVALID, "the layer %.200s: %s", name,
				 file->failure.kind ? file->failure.message : "it is no tar archive");
	const struct digest *wanted = &image->config.diff_ids[index];
	const struct digest *found = &file->diff_ids[digest_algorithm_of(wanted)];
	if (!digest_equal(found, wanted))
		return error_set(err, ERROR_CORRUPT, "invalid diffID for layer %zu: expected \"%s\", got \"%s\"", index,
				 wanted->text, found->text);
	image->layers[image->layer_count++] = file;
	return 0;
}

static int check_count(const struct load_image *image, size_t count, struct error *err)
{
	if (count == image->config.diff_id_count)
		return 0;
	return error_set(err, ERROR_INVALID, "invalid manifest, layers length mismatch: expected %zu, got %zu",
			 image->config.diff_id_count, count);
}

static bool manifest_fits(const struct manifest *manifest, const struct load_image *image)
{
	if (!digest_equal(&manifest->config.digest, &image->config_file->digest) ||
	    manifest->layer_count != image->layer_count)
		return false;
	for (size_t i = 0; i < image->layer_count; i++)
		if (!digest_equal(&manifest->layers[i].digest, &image->layers[i]->digest))
			return false;
	return true;
}

/* Whether it is worth parsing: an archive of a thousand images has as many documents. */
static bool names_config(const struct load_file *file, const struct load_image *image)
{
	const char *digest = image->config_file->digest.text;
	return file->kind == LOAD_DOCUMENT &&
	       memmem(buffer_text(&file->bytes), file->bytes.size, digest, strlen(digest)) != NULL;
}

/* The archive's own manifest of this image, so that its digest stays; or else one made here. */
static void choose_manifest(struct load *load, struct load_image *image)
{
	for (size_t i = 0; i < load->archive.count; i++) {
		const struct load_file *file = &load->archive.files[i];
		cleanup_manifest struct manifest manifest = {0};
		if (names_config(file, image) &&
		    manifest_parse(buffer_text(&file->bytes), file->bytes.size, NULL, &manifest, NULL) == 0 &&
		    manifest_fits(&manifest, image)) {
			image->manifest = duplicate_bytes(buffer_text(&file->bytes), file->bytes.size);
			image->manifest_digest = file->digest;
			return;
		}
	}
	cleanup_free struct descriptor *layers = allocate_array(image->layer_count + 1, sizeof *layers);
	for (size_t i = 0; i < image->layer_count; i++)
		layers[i] = (struct descriptor){.media_type = (char *)image->layers[i]->media_type,
						.digest = image->layers[i]->digest,
						.size = image->layers[i]->size};
	struct manifest manifest = {
		.media_type = (char *)MEDIA_TYPE_OCI_MANIFEST,
		.config = {.media_type = (char *)MEDIA_TYPE_OCI_CONFIG,
			   .digest = image->config_file->digest,
			   .size = image->config_file->size},
		.layers = layers,
		.layer_count = image->layer_count,
	};
	image->manifest = manifest_serialize(&manifest);
	digest_of_bytes(image->manifest, strlen(image->manifest), &image->manifest_digest);
}

static bool is_wanted(const struct load *load, const struct load_image *image)
{
	return !load->platform || !image->config.platform.os[0] ||
	       platform_matches(load->platform, &image->config.platform);
}

static void drop_last(struct load *load)
{
	struct load_image *image = &load->images[--load->image_count];
	image_config_release(&image->config);
	string_list_release(&image->references);
	free(image->layers);
}

/* One item of a docker-archive's manifest.json. */
static int plan_docker(struct load *load, const json_t *item, struct error *err)
{
	const char *config;
	cleanup_string_list struct string_list layers = {0};
	struct load_image *image = new_image(load);
	if (json_need_string(item, "Config", &config, err) < 0 || json_get_strings(item, "Layers", &layers, err) < 0 ||
	    json_get_strings(item, "RepoTags", &image->references, err) < 0)
		return error_wrap(err, "manifest.json");
	if (read_config(image, load_archive_find(&load->archive, config), config, err) < 0)
		return -1;
	if (!is_wanted(load, image)) {
		drop_last(load);
		return 0;
	}
	if (check_count(image, layers.count, err) < 0)
		return -1;
	for (size_t i = 0; i < layers.count; i++)
		if (add_layer(image, load_archive_find(&load->archive, layers.items[i]), layers.items[i], err) < 0)
			return -1;
	choose_manifest(load, image);
	return 0;
}

static int plan_docker_all(struct load *load, const struct load_file *file, struct error *err)
{
	cleanup_json json_t *document = NULL;
	if (json_parse(buffer_text(&file->bytes), file->bytes.size, &document, err) < 0)
		return error_wrap(err, "manifest.json");
	if (!json_is_array(document))
		return error_set(err, ERROR_INVALID, "manifest.json is no list");
	for (size_t i = 0; i < json_array_size(document); i++)
		if (plan_docker(load, json_array_get(document, i), err) < 0)
			return -1;
	return 0;
}

static int find_document(struct load *load, const struct digest *digest, struct load_file **ret_file, struct error *err)
{
	*ret_file = load_archive_find_digest(&load->archive, digest);
	if (!*ret_file || (*ret_file)->kind != LOAD_DOCUMENT)
		return error_set(err, ERROR_NOT_FOUND, "invalid archive: %s is not in it", digest->text);
	return 0;
}

/* From a manifest, or an index of several, to the image. */
static int plan_oci(struct load *load, const struct digest *digest, const char *name, struct error *err)
{
	struct load_file *file;
	cleanup_json json_t *document = NULL;
	cleanup_manifest struct manifest manifest = {0};
	enum document_kind kind;
	if (find_document(load, digest, &file, err) < 0 ||
	    json_parse(buffer_text(&file->bytes), file->bytes.size, &document, err) < 0 ||
	    document_classify(document, NULL, &kind, err) < 0)
		return -1;
	if (kind == DOCUMENT_INDEX) {
		cleanup_index struct index index = {0};
		const struct index_entry *entry;
		struct platform host;
		platform_host(&host);
		if (index_parse(buffer_text(&file->bytes), file->bytes.size, NULL, &index, err) < 0 ||
		    index_select(&index, load->platform ? load->platform : &host, &entry, err) < 0 ||
		    find_document(load, &entry->descriptor.digest, &file, err) < 0)
			return -1;
	}
	if (manifest_parse(buffer_text(&file->bytes), file->bytes.size, NULL, &manifest, err) < 0)
		return -1;
	struct load_image *image = new_image(load);
	if (name)
		string_list_add(&image->references, name);
	if (read_config(image, load_archive_find_digest(&load->archive, &manifest.config.digest),
			manifest.config.digest.text, err) < 0)
		return -1;
	if (!is_wanted(load, image)) {
		drop_last(load);
		return 0;
	}
	if (check_count(image, manifest.layer_count, err) < 0)
		return -1;
	for (size_t i = 0; i < manifest.layer_count; i++) {
		const struct digest *layer = &manifest.layers[i].digest;
		if (add_layer(image, load_archive_find_digest(&load->archive, layer), layer->text, err) < 0)
			return -1;
	}
	image->manifest = duplicate_bytes(buffer_text(&file->bytes), file->bytes.size);
	image->manifest_digest = file->digest;
	return 0;
}

/* The image specification's name is often only a tag, which names nothing. */
static const char *name_of(const struct index_entry *entry)
{
	if (entry->full_name)
		return entry->full_name;
	return entry->ref_name && strpbrk(entry->ref_name, ":/") ? entry->ref_name : NULL;
}

static int plan_oci_all(struct load *load, const struct load_file *file, struct error *err)
{
	cleanup_index struct index index = {0};
	if (index_parse(buffer_text(&file->bytes), file->bytes.size, NULL, &index, err) < 0)
		return error_wrap(err, "index.json");
	for (size_t i = 0; i < index.entry_count; i++)
		if (!index.entries[i].is_attestation &&
		    plan_oci(load, &index.entries[i].descriptor.digest, name_of(&index.entries[i]), err) < 0)
			return -1;
	return 0;
}

static int plan(struct load *load, struct error *err)
{
	struct load_file *docker = load_archive_find(&load->archive, "manifest.json");
	struct load_file *index = load_archive_find(&load->archive, "index.json");
	int result;
	if (docker && docker->kind == LOAD_DOCUMENT)
		result = plan_docker_all(load, docker, err);
	else if (index && index->kind == LOAD_DOCUMENT)
		result = plan_oci_all(load, index, err);
	else
		return error_set(
			err, ERROR_INVALID,
			"it is no archive of images: neither manifest.json nor index.json is in it. An archive of "
			"files becomes an image by 'import'");
	if (result == 0 && load->image_count == 0 && load->platform) {
		cleanup_free char *wanted = platform_text(load->platform);
		return error_set(err, ERROR_NOT_FOUND, "no image of the archive is for the platform %s", wanted);
	}
	return result;
}

/* The files of the image go where they belong; what a row names is then there. */
static int put_files(struct load *load, struct load_image *image, struct error *err)
{
	struct blob_store *blobs = load->engine->store->blobs;
	for (size_t i = 0; i < image->layer_count; i++) {
		struct load_file *file = image->layers[i];
		if (file->upload) {
			if (blobs->operations->upload_commit(file->upload, &file->digest, err) < 0)
				return -1;
			file->upload = NULL;
		}
		if (file->staging.folder_fd >= 0 &&
		    layer_staging_commit(&file->staging, &image->config.diff_ids[i], err) < 0)
			return -1;
	}
	const struct buffer *config = &image->config_file->bytes;
	if (blob_write_as(blobs, buffer_text(config), config->size, &image->config_file->digest, err) < 0)
		return -1;
	return blob_write_as(blobs, image->manifest, strlen(image->manifest), &image->manifest_digest, err);
}

static int tag_image(struct load *load, const struct digest *manifest, const struct image_layer *layers, size_t count,
		     const char *text, const struct engine_report *report, struct error *err)
{
	cleanup_reference struct reference reference = {0};
	struct image image, before = {0};
	struct error none = {0};
	if (reference_parse(text, &reference, err) < 0)
		return -1;
	cleanup_free char *familiar = reference_familiar_text(&reference);
	bool had = image_find_reference(load->engine->store, &reference, &before, NULL, &none) == 0;
	if (image_put(load->engine->store, manifest, layers, count, &reference, NULL, &image, err) < 0)
		return -1;
	if (had && !digest_equal(&before.id, &image.id))
		engine_report_line(report,
				   "The image %s already exists, renaming the old one with ID %s to empty string",
				   familiar, before.id.text);
	engine_report_line(report, "Loaded image: %s", familiar);
	event_image(load->engine, "load", image.id.text, familiar);
	return 0;
}

static int put_image(struct load *load, struct load_image *image, const struct engine_report *report, struct error *err)
{
	const struct digest *manifest = &image->manifest_digest;
	struct image put;
	cleanup_free struct image_layer *layers = allocate_array(image->layer_count + 1, sizeof *layers);
	if (put_files(load, image, err) < 0)
		return -1;
	for (size_t i = 0; i < image->layer_count; i++)
		layers[i] = (struct image_layer){.diff_id = image->config.diff_ids[i],
						 .blob = {.media_type = (char *)image->layers[i]->media_type,
							  .digest = image->layers[i]->digest,
							  .size = image->layers[i]->size},
						 .size = image->layers[i]->layer_size};
	for (size_t i = 0; i < image->references.count; i++)
		if (tag_image(load, manifest, layers, image->layer_count, image->references.items[i], report, err) < 0)
			return -1;
	if (image->references.count > 0)
		return 0;
	if (image_put(load->engine->store, manifest, layers, image->layer_count, NULL, NULL, &put, err) < 0)
		return -1;
	engine_report_line(report, "Loaded image ID: %s", put.id.text);
	event_image(load->engine, "load", put.id.text, put.id.text);
	return 0;
}

static int check_names(const struct load *load, struct error *err)
{
	for (size_t i = 0; i < load->image_count; i++)
		for (size_t j = 0; j < load->images[i].references.count; j++) {
			cleanup_reference struct reference reference = {0};
			if (reference_parse(load->images[i].references.items[j], &reference, err) < 0)
				return -1;
		}
	return 0;
}

/* Each layer that waits holds up to four descriptors. */
static void allow_descriptors(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int images_load(struct engine *engine, const struct source *archive, const struct platform *platform,
		const struct transfer_progress *progress, struct error *err)
{
	/* Released in the opposite order: what was staged goes while the lock is held. */
	cleanup_close int lock = -1;
	CLEANUP(load_release) struct load load = {.engine = engine, .platform = platform};
	load.archive.store = engine->store;
	allow_descriptors();
	if (store_lock_content(engine->store, STORE_LOCK_SHARED, &lock, err) < 0 ||
	    load_archive_read(&load.archive, archive, progress, err) < 0 || plan(&load, err) < 0 ||
	    check_names(&load, err) < 0)
		return -1;
	for (size_t i = 0; i < load.image_count; i++)
		if (put_image(&load, &load.images[i], progress ? &progress->report : NULL, err) < 0)
			return -1;
	return 0;
}
