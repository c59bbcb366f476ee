#include "support.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "oci/media_type.h"
#include "store/layer_folder.h"

struct store *fixture_open(const struct fixture *fixture)
{
	struct error err = {0};
	struct store *store = NULL;
	assert_ok(store_open(fixture->root, fixture->run_root, &store, &err), &err);
	return store;
}

int fixture_set_up(void **state)
{
	char folder[] = "/tmp/coracle-store-XXXXXX";
	assert_non_null(mkdtemp(folder));
	struct fixture *fixture = allocate(sizeof *fixture);
	fixture->folder = duplicate_string(folder);
	fixture->root = format_string("%s/root", folder);
	fixture->run_root = format_string("%s/run", folder);
	fixture->store = fixture_open(fixture);
	*state = fixture;
	return 0;
}

int fixture_tear_down(void **state)
{
	struct fixture *fixture = *state;
	struct error err = {0};
	store_free(fixture->store);
	assert_ok(remove_tree_at(AT_FDCWD, fixture->folder, &err), &err);
	free(fixture->folder);
	free(fixture->root);
	free(fixture->run_root);
	free(fixture);
	return 0;
}

int make_layer(struct store *store, const char *text, struct image_layer *ret_layer, struct error *err)
{
	struct image_layer layer = {.size = strlen(text)};
	cleanup_free char *tar = format_string("the plain tar of %s", text);
	digest_of_bytes(tar, strlen(tar), &layer.diff_id);
	cleanup_layer_staging struct layer_staging staging = LAYER_STAGING_INIT;
	if (!layer_folder_exists(store->root_fd, &layer.diff_id)) {
		if (layer_staging_begin(store->root_fd, &staging, err) < 0)
			return -1;
		cleanup_close int fd = openat(staging.folder_fd, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		if (fd < 0 || write_full(fd, text, strlen(text), err) < 0 ||
		    layer_staging_commit(&staging, &layer.diff_id, err) < 0)
			return -1;
	}
	if (blob_write(store->blobs, text, strlen(text), &layer.blob.digest, err) < 0)
		return -1;
	layer.blob.size = strlen(text);
	layer.blob.media_type = duplicate_string(MEDIA_TYPE_OCI_LAYER_GZIP);
	*ret_layer = layer;
	return 0;
}

static int put_documents(struct store *store, const struct image_layer *layers, size_t count, const char *variant,
			 struct digest *ret_manifest, struct error *err)
{
	cleanup_image_config struct image_config config = {0};
	config.created = duplicate_string("2026-11-24T03:04:05Z");
	platform_host(&config.platform);
	string_list_set_key(&config.environment, "VARIANT", variant);
	for (size_t i = 0; i < count; i++)
		image_config_add_diff_id(&config, &layers[i].diff_id);
	cleanup_free char *config_text = image_config_serialize(&config);
	cleanup_manifest struct manifest manifest = {.media_type = duplicate_string(MEDIA_TYPE_OCI_MANIFEST)};
	manifest.config.media_type = duplicate_string(MEDIA_TYPE_OCI_CONFIG);
	manifest.config.size = strlen(config_text);
	manifest.layers = allocate_array(count + 1, sizeof *manifest.layers);
	manifest.layer_count = count;
	for (size_t i = 0; i < count; i++)
		descriptor_copy(&manifest.layers[i], &layers[i].blob);
	if (blob_write(store->blobs, config_text, strlen(config_text), &manifest.config.digest, err) < 0)
		return -1;
	cleanup_free char *manifest_text = manifest_serialize(&manifest);
	return blob_write(store->blobs, manifest_text, strlen(manifest_text), ret_manifest, err);
}

int make_image(struct store *store, const char *const *texts, const char *variant, const char *tag,
	       const struct digest *repository_digest, struct image *ret_image, struct error *err)
{
	struct image_layer layers[8] = {0};
	size_t count = 0;
	int result = 0;
	cleanup_close int lock_fd = -1;
	if (store_lock_content(store, STORE_LOCK_SHARED, &lock_fd, err) < 0)
		return -1;
	for (; texts[count] && result == 0; count++)
		result = make_layer(store, texts[count], &layers[count], err);
	struct digest manifest = {0};
	cleanup_reference struct reference reference = {0};
	if (result == 0)
		result = put_documents(store, layers, count, variant, &manifest, err);
	if (result == 0 && tag)
		result = reference_parse(tag, &reference, err);
	if (result == 0)
		result = image_put(store, &manifest, layers, count, tag ? &reference : NULL, repository_digest,
				   ret_image, err);
	for (size_t i = 0; i < ARRAY_SIZE(layers); i++)
		descriptor_release(&layers[i].blob);
	return result;
}

void make_record(struct store *store, const char *name, const struct image *image, struct container_record *ret_record)
{
	struct error err = {0};
	*ret_record = (struct container_record){.name = duplicate_string(name),
						.image_name = duplicate_string("image"),
						.config = json_object(),
						.created = time_now()};
	json_object_set_new(ret_record->config, "hostname", json_string(name));
	if (image)
		ret_record->image = image->id;
	assert_ok(container_new_id(store, ret_record->id, &err), &err);
}
