#include "engine/push.h"
#include "engine/events.h"

#include <inttypes.h>
#include <string.h>

#include "store/image.h"

static int find_image(struct engine *engine, const struct reference *reference, struct image *ret_image,
		      struct error *err)
{
	struct digest repository_digest;
	if (image_find_reference(engine->store, reference, ret_image, &repository_digest, err) == 0)
		return 0;
	if (err->kind != ERROR_NOT_FOUND)
		return -1;
	cleanup_free char *name = reference_familiar_name(reference);
	return error_set(err, ERROR_NOT_FOUND, "An image does not exist locally with the tag: %s", name);
}

/* Where the same bytes were seen: another repository of the same registry can lend them without an upload. */
static char *find_source(struct engine *engine, const struct reference *reference, const struct image *image)
{
	cleanup_image_list struct image_list list = {0};
	struct error ignored = {0};
	if (image_list(engine->store, NULL, &list, &ignored) < 0)
		return NULL;
	cleanup_free char *own_name = reference_name(reference);
	for (size_t i = 0; i < list.count; i++) {
		const struct image_tag *tag = &list.items[i];
		if (tag->name && digest_is_set(&tag->repository_digest) && digest_equal(&tag->image.id, &image->id) &&
		    strcmp(tag->name, own_name) != 0)
			return duplicate_string(tag->name);
	}
	return NULL;
}

static json_t *layers_of(const struct manifest *manifest, const struct image_config *config, const char *source)
{
	json_t *layers = json_array();
	for (size_t i = 0; i < manifest->layer_count; i++) {
		const struct descriptor *layer = &manifest->layers[i];
		json_t *item = json_pack("{s:s, s:s, s:I}", "digest", layer->digest.text, "diff_id",
					 i < config->diff_id_count ? config->diff_ids[i].text : "", "size",
					 (json_int_t)layer->size);
		json_set_text(item, "source", source);
		json_array_append_new(layers, item);
	}
	return layers;
}

static int push_image(struct engine *engine, const struct reference *reference, const struct image *image,
		      const struct push_options *options, const struct transfer_progress *progress, json_t **ret_done,
		      struct error *err)
{
	cleanup_manifest struct manifest manifest = {0};
	cleanup_image_config struct image_config config = {0};
	if (image_read_manifest(engine->store, image, &manifest, NULL, err) < 0 ||
	    image_read_config(engine->store, image, &config, err) < 0)
		return -1;
	cleanup_free char *source = find_source(engine, reference, image);
	cleanup_json json_t *request = registry_request_new(engine, "push", reference);
	json_object_set_new(request, "manifest", json_string(image->manifest.text));
	json_object_set_new(request, "layers", layers_of(&manifest, &config, source));
	json_set_text(request, "compression", options->compression);
	if (options->level)
		json_object_set_new(request, "compression_level", json_integer(options->level));
	return registry_request_send(request, progress, ret_done, err);
}

int image_push_check(const struct reference *reference, struct error *err)
{
	if (!reference->domain_is_implied)
		return 0;
	cleanup_free char *familiar = reference_familiar_text(reference);
	return error_set(err, ERROR_INVALID,
			 "%s names no registry, and this engine has no account at %s to push to. Name yours first, "
			 "then push that: coracle tag %s REGISTRY/USER/%s && coracle push REGISTRY/USER/%s",
			 familiar, reference->domain, familiar, familiar, familiar);
}

/* An image here is of one platform. */
static int check_platform(struct engine *engine, const struct reference *reference, const struct image *image,
			  const struct platform *platform, struct error *err)
{
	cleanup_image_config struct image_config config = {0};
	if (!platform)
		return 0;
	if (image_read_config(engine->store, image, &config, err) < 0)
		return -1;
	if (platform_matches(platform, &config.platform))
		return 0;
	cleanup_free char *name = reference_familiar_text(reference);
	cleanup_free char *wanted = platform_text(platform);
	cleanup_free char *offered = platform_text(&config.platform);
	return error_set(
		err, ERROR_NOT_FOUND,
		"image with reference %s was found but does not provide the specified platform (%s): it is for "
		"%s",
		name, wanted, offered);
}

/* Where layers were compressed: their blobs are named by the image now, if it has not all of its own. */
static int record_compressed(struct engine *engine, const struct image *image, const json_t *done, struct error *err)
{
	struct digest manifest;
	json_t *array = NULL;
	struct image_layer *layers;
	struct image put;
	size_t count;
	if (registry_answer_digest(done, "manifest", &manifest, err) < 0 ||
	    json_get_array(done, "layers", &array, err) < 0)
		return error_wrap(err, "coracle-transfer's answer");
	if (!array)
		return 0;
	if (image_layers(engine->store, &image->id, &layers, &count, err) < 0)
		return -1;
	int result = json_array_size(array) == count
			     ? 0
			     : error_set(err, ERROR_INVALID, "coracle-transfer's answer has another number of layers");
	for (size_t i = 0; i < count && result == 0; i++) {
		const json_t *item = json_array_get(array, i);
		const char *media_type;
		int64_t size;
		struct descriptor blob = {0};
		result = registry_answer_digest(item, "digest", &blob.digest, err) < 0 ||
					 json_need_string(item, "media_type", &media_type, err) < 0 ||
					 json_need_integer(item, "size", &size, err) < 0
				 ? error_wrap(err, "coracle-transfer's answer")
				 : 0;
		if (result == 0) {
			blob.media_type = (char *)media_type;
			blob.size = (uint64_t)size;
			descriptor_copy(&layers[i].blob, &blob);
		}
	}
	if (result == 0)
		result = image_put(engine->store, &manifest, layers, count, NULL, NULL, &put, err);
	image_layers_free(layers, count);
	return result;
}

/* What the row says already is not written, and not waited for. */
static bool is_known_there(struct store *store, const struct reference *reference, const struct image *image,
			   const struct digest *digest)
{
	struct image named;
	struct digest known;
	return image_find_reference(store, reference, &named, &known, NULL) == 0 &&
	       digest_equal(&named.id, &image->id) && digest_equal(&known, digest);
}

static int push_tag(struct engine *engine, const struct reference *reference, const struct image *image,
		    const struct push_options *options, const struct transfer_progress *progress, struct error *err)
{
	cleanup_json json_t *done = NULL;
	struct digest digest;
	int64_t size;
	if (check_platform(engine, reference, image, options->platform, err) < 0 ||
	    push_image(engine, reference, image, options, progress, &done, err) < 0)
		return -1;
	if (registry_answer_digest(done, "repository_digest", &digest, err) < 0 ||
	    json_need_integer(done, "size", &size, err) < 0)
		return error_wrap(err, "coracle-transfer's answer");
	engine_report_line(progress ? &progress->report : NULL, "%s: digest: %s size: %" PRId64, reference->tag,
			   digest.text, size);
	if (record_compressed(engine, image, done, err) < 0)
		return -1;
	if (!is_known_there(engine->store, reference, image, &digest) &&
	    image_tag_set(engine->store, reference, &image->id, &digest, err) < 0)
		return -1;
	cleanup_free char *text = reference_familiar_text(reference);
	cleanup_free char *name = reference_familiar_name(reference);
	event_image(engine, "push", text, name);
	return 0;
}

int image_push(struct engine *engine, const struct reference *reference, const struct push_options *options,
	       const struct transfer_progress *progress, struct error *err)
{
	cleanup_free char *name = reference_name(reference);
	cleanup_close int lock = -1;
	struct image image;
	if (find_image(engine, reference, &image, err) < 0 || image_push_check(reference, err) < 0 ||
	    store_lock_content(engine->store, STORE_LOCK_SHARED, &lock, err) < 0)
		return -1;
	engine_report_line(progress ? &progress->report : NULL, "The push refers to repository [%s]", name);
	return push_tag(engine, reference, &image, options, progress, err);
}

int image_push_all_tags(struct engine *engine, const struct reference *reference, const struct push_options *options,
			const struct transfer_progress *progress, struct error *err)
{
	cleanup_free char *name = reference_name(reference);
	cleanup_image_list struct image_list list = {0};
	cleanup_close int lock = -1;
	bool is_any = false;
	if (store_lock_content(engine->store, STORE_LOCK_SHARED, &lock, err) < 0 ||
	    image_list(engine->store, name, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < list.count; i++)
		is_any = is_any || list.items[i].tag;
	if (!is_any) {
		cleanup_free char *familiar = reference_familiar_name(reference);
		return error_set(err, ERROR_NOT_FOUND, "An image does not exist locally with the tag: %s", familiar);
	}
	if (image_push_check(reference, err) < 0)
		return -1;
	engine_report_line(progress ? &progress->report : NULL, "The push refers to repository [%s]", name);
	for (size_t i = 0; i < list.count; i++) {
		struct reference tagged = {.domain = reference->domain, .path = reference->path};
		tagged.tag = list.items[i].tag;
		if (tagged.tag && push_tag(engine, &tagged, &list.items[i].image, options, progress, err) < 0)
			return -1;
	}
	return 0;
}

static const char *last_component(const char *name)
{
	const char *slash = strrchr(name, '/');
	return slash ? slash + 1 : name;
}

static bool is_named_by(const struct image_list *list, const char *name, const struct digest *id)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].name && strcmp(list->items[i].name, name) == 0 &&
		    digest_equal(&list->items[i].image.id, id))
			return true;
	return false;
}

int image_find_newer_build(struct engine *engine, const struct reference *reference, char **ret_name, struct error *err)
{
	cleanup_free char *own_name = reference_name(reference);
	cleanup_image_list struct image_list list = {0};
	struct image own;
	if (find_image(engine, reference, &own, err) < 0 || image_list(engine->store, NULL, &list, err) < 0)
		return -1;
	const struct image_tag *newest = NULL;
	for (size_t i = 0; i < list.count; i++) {
		const struct image_tag *item = &list.items[i];
		if (!item->name || !item->tag || digest_is_set(&item->repository_digest) ||
		    strcmp(last_component(item->name), last_component(own_name)) != 0 ||
		    item->image.stored <= own.stored || (newest && item->image.stored <= newest->image.stored) ||
		    is_named_by(&list, own_name, &item->image.id))
			continue;
		newest = item;
	}
	*ret_name = NULL;
	if (newest) {
		cleanup_free char *familiar = reference_familiarize(newest->name);
		*ret_name = format_string("%s:%s", familiar, newest->tag);
	}
	return 0;
}
