#include <string.h>

#include "base/json.h"
#include "engine/build.h"
#include "oci/media_type.h"

int build_metadata(struct engine *engine, const struct build_options *options, const struct image *image,
		   char **ret_text, struct error *err)
{
	struct blob_info info;
	cleanup_string_list struct string_list names = {0};
	if (engine->store->blobs->operations->stat(engine->store->blobs, &image->manifest, &info, err) < 0)
		return -1;
	for (size_t i = 0; i < options->tags.count; i++) {
		cleanup_reference struct reference reference = {0};
		if (reference_parse(options->tags.items[i], &reference, err) < 0)
			return -1;
		string_list_take(&names, reference_text(&reference));
	}
	cleanup_json json_t *document = json_pack("{s:s, s:{s:s, s:s, s:I}, s:s}", "containerimage.config.digest",
						  image->id.text, "containerimage.descriptor", "mediaType",
						  MEDIA_TYPE_OCI_MANIFEST, "digest", image->manifest.text, "size",
						  (json_int_t)info.size, "containerimage.digest", image->manifest.text);
	if (names.count) {
		cleanup_free char *joined = string_list_join(&names, ",");
		json_object_set_new(document, "image.name", json_string(joined));
	}
	cleanup_free char *text = json_dumps(document, JSON_INDENT(2));
	if (!text)
		return error_set(err, ERROR_INVALID, "the build's metadata is not UTF-8");
	*ret_text = format_string("%s\n", text);
	return 0;
}
