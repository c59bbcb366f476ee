/* Images of FROM that are here, by name and platform. */
#include "build/build.h"
#include "oci/manifest.h"

/*
 * The entry that the index has for the platform. 1; 0: it has none; -1: what the name means is known here by no index.
 * A tag has one image here, that which was pulled last; the others of its index have no name.
 */
static int look_into_index(struct store *store, const char *name, const struct platform *platform,
			   struct digest *ret_manifest)
{
	cleanup_reference struct reference reference = {0};
	cleanup_buffer struct buffer bytes = {0};
	cleanup_index struct index index = {0};
	const struct index_entry *entry;
	struct image image;
	struct digest digest = {0};
	struct error ignored = {0};
	if (reference_parse(name, &reference, &ignored) < 0 ||
	    image_find_reference(store, &reference, &image, &digest, &ignored) < 0 || !digest_is_set(&digest) ||
	    digest_equal(&digest, &image.manifest) ||
	    blob_read(store->blobs, &digest, MANIFEST_SIZE_LIMIT, &bytes, &ignored) < 0 ||
	    index_parse(buffer_text(&bytes), bytes.size, NULL, &index, &ignored) < 0)
		return -1;
	if (index_select(&index, platform, &entry, &ignored) < 0)
		return 0;
	*ret_manifest = entry->descriptor.digest;
	return 1;
}

bool build_image_may_be_elsewhere(struct store *store, const char *name, const struct platform *platform)
{
	cleanup_reference struct reference reference = {0};
	struct image image;
	struct digest digest = {0}, manifest;
	struct error ignored = {0};
	if (reference_parse(name, &reference, &ignored) < 0 ||
	    image_find_reference(store, &reference, &image, &digest, &ignored) < 0)
		return true;
	return digest_is_set(&digest) && !digest_equal(&digest, &image.manifest) &&
	       look_into_index(store, name, platform, &manifest) != 0;
}

int build_find_image(struct store *store, const char *name, const struct platform *platform, struct image *ret_image,
		     struct error *err)
{
	cleanup_image_config struct image_config config = {0};
	struct image image;
	struct digest manifest;
	struct error ignored = {0};
	if (image_find(store, name, &image, err) < 0 ||
	    (platform && image_read_config(store, &image, &config, err) < 0))
		return -1;
	*ret_image = image;
	if (!platform || !config.platform.os[0] || !config.platform.architecture[0] ||
	    platform_matches(platform, &config.platform))
		return 0;
	if (look_into_index(store, name, platform, &manifest) > 0 &&
	    image_find_manifest(store, &manifest, ret_image, &ignored) == 0)
		return 0;
	cleanup_free char *wanted = platform_text(platform);
	cleanup_free char *offered = platform_text(&config.platform);
	return error_set(
		err, ERROR_UNSUPPORTED,
		"image with reference %s was found but its platform (%s) does not match the specified platform "
		"(%s)",
		name, offered, wanted);
}
