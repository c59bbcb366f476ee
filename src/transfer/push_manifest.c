#include "transfer/push_manifest.h"

#include <string.h>

#include "base/json.h"
#include "oci/media_type.h"

/* OCI's word for one of Docker's. */
static const char *oci_type(const char *type)
{
	static const char *const twins[][2] = {
		{MEDIA_TYPE_DOCKER_LAYER_GZIP, MEDIA_TYPE_OCI_LAYER_GZIP},
		{"application/vnd.docker.image.rootfs.diff.tar", MEDIA_TYPE_OCI_LAYER},
		{"application/vnd.docker.image.rootfs.diff.tar.zstd", MEDIA_TYPE_OCI_LAYER_ZSTD},
	};
	for (size_t i = 0; i < ARRAY_SIZE(twins); i++)
		if (strcmp(type, twins[i][0]) == 0)
			return twins[i][1];
	return type;
}

int push_manifest_rewrite(const struct buffer *document, const struct descriptor *const *layers, size_t count,
			  struct buffer *ret_bytes, struct error *err)
{
	cleanup_json json_t *manifest = NULL;
	json_t *array = NULL, *config = NULL;
	if (json_parse(buffer_text(document), document->size, &manifest, err) < 0 ||
	    json_get_array(manifest, "layers", &array, err) < 0 ||
	    json_get_object(manifest, "config", &config, err) < 0)
		return -1;
	if (json_array_size(array) != count || !config)
		return error_set(err, ERROR_CORRUPT, "the manifest has %zu layers, not %zu", json_array_size(array),
				 count);
	json_object_set_new(manifest, "mediaType", json_string(MEDIA_TYPE_OCI_MANIFEST));
	json_object_set_new(config, "mediaType", json_string(MEDIA_TYPE_OCI_CONFIG));
	for (size_t i = 0; i < count; i++) {
		json_t *item = json_array_get(array, i);
		json_object_set_new(item, "mediaType", json_string(oci_type(layers[i]->media_type)));
		json_object_set_new(item, "digest", json_string(layers[i]->digest.text));
		json_object_set_new(item, "size", json_integer((json_int_t)layers[i]->size));
	}
	cleanup_free char *text = json_text(manifest);
	*ret_bytes = BUFFER_INIT(MANIFEST_SIZE_LIMIT);
	return buffer_append_string(ret_bytes, text, err);
}
