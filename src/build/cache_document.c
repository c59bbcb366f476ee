#include "build/cache_document.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"

void cache_document_release(struct cache_document *document)
{
	free(document->layers);
	free(document->records);
	*document = (struct cache_document){0};
}

static ptrdiff_t add_layer(struct cache_document *document, const struct cache_layer *layer)
{
	for (size_t i = 0; i < document->layer_count; i++)
		if (digest_equal(&document->layers[i].diff_id, &layer->diff_id))
			return (ptrdiff_t)i;
	document->layers = reallocate_array(document->layers, document->layer_count + 1, sizeof *document->layers);
	document->layers[document->layer_count] = *layer;
	return (ptrdiff_t)document->layer_count++;
}

void cache_document_add(struct cache_document *document, const struct digest *key, const struct cache_layer *layer)
{
	for (size_t i = 0; i < document->record_count; i++)
		if (digest_equal(&document->records[i].key, key))
			return;
	document->records = reallocate_array(document->records, document->record_count + 1, sizeof *document->records);
	document->records[document->record_count++] =
		(struct cache_record){*key, layer ? add_layer(document, layer) : -1};
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct cache_record *)a)->key.text, ((const struct cache_record *)b)->key.text);
}

static void sort(struct cache_document *document)
{
	if (document->record_count)
		qsort(document->records, document->record_count, sizeof *document->records, compare);
}

char *cache_document_serialize(struct cache_document *document)
{
	cleanup_json json_t *object = json_pack("{s:i}", "version", 1);
	json_t *layers = json_array(), *records = json_array();
	sort(document);
	json_object_set_new(object, "layers", layers);
	json_object_set_new(object, "records", records);
	for (size_t i = 0; i < document->layer_count; i++) {
		const struct cache_layer *layer = &document->layers[i];
		char created[TIME_TEXT_SIZE];
		time_format_rfc3339(layer->created, created);
		json_array_append_new(layers, json_pack("{s:s, s:I, s:s, s:I, s:s}", "digest", layer->blob.text, "size",
							(json_int_t)layer->blob_size, "diffID", layer->diff_id.text,
							"unpacked", (json_int_t)layer->size, "created", created));
	}
	for (size_t i = 0; i < document->record_count; i++) {
		const struct cache_record *record = &document->records[i];
		json_t *item = json_pack("{s:s}", "digest", record->key.text);
		if (record->layer >= 0)
			json_object_set_new(item, "layer", json_integer((json_int_t)record->layer));
		json_array_append_new(records, item);
	}
	return json_text(object);
}

static int need_digest(const json_t *object, const char *name, struct digest *ret_digest, struct error *err)
{
	const char *text;
	if (json_need_string(object, name, &text, err) < 0 || digest_parse(text, ret_digest, err) < 0)
		return -1;
	return digest_algorithm_of(ret_digest) == DIGEST_SHA256
		       ? 0
		       : error_set(err, ERROR_UNSUPPORTED, "\"%s\" is not a sha256 digest", name);
}

static int parse_layer(const json_t *item, struct cache_layer *layer, struct error *err)
{
	int64_t size, unpacked;
	const char *created;
	if (need_digest(item, "digest", &layer->blob, err) < 0 ||
	    need_digest(item, "diffID", &layer->diff_id, err) < 0 || json_need_integer(item, "size", &size, err) < 0 ||
	    json_need_integer(item, "unpacked", &unpacked, err) < 0 ||
	    json_need_string(item, "created", &created, err) < 0)
		return -1;
	if (size < 0 || unpacked < 0 || !time_parse_rfc3339(created, &layer->created))
		return error_set(err, ERROR_INVALID, "a size or time makes no sense");
	layer->blob_size = (uint64_t)size;
	layer->size = (uint64_t)unpacked;
	return 0;
}

static int parse_layers(const json_t *array, struct cache_document *document, struct error *err)
{
	size_t count = json_array_size(array);
	document->layers = allocate_array(count + 1, sizeof *document->layers);
	for (; document->layer_count < count; document->layer_count++) {
		size_t i = document->layer_count;
		if (parse_layer(json_array_get(array, i), &document->layers[i], err) < 0)
			return error_wrap(err, "layer %zu", i);
	}
	return 0;
}

static int parse_records(const json_t *array, struct cache_document *document, struct error *err)
{
	size_t count = json_array_size(array);
	document->records = allocate_array(count + 1, sizeof *document->records);
	for (; document->record_count < count; document->record_count++) {
		const json_t *item = json_array_get(array, document->record_count);
		struct cache_record *record = &document->records[document->record_count];
		int64_t layer = -1;
		if (need_digest(item, "digest", &record->key, err) < 0 ||
		    json_get_integer(item, "layer", &layer, err) < 0)
			return error_wrap(err, "record %zu", document->record_count);
		if (layer < -1 || layer >= (int64_t)document->layer_count)
			return error_set(err, ERROR_INVALID, "record %zu names a layer that is not there",
					 document->record_count);
		record->layer = (ptrdiff_t)layer;
	}
	sort(document);
	for (size_t i = 1; i < count; i++)
		if (compare(&document->records[i - 1], &document->records[i]) == 0)
			return error_set(err, ERROR_INVALID, "the key %s comes twice", document->records[i].key.text);
	return 0;
}

int cache_document_parse(const void *bytes, size_t size, struct cache_document *ret_document, struct error *err)
{
	cleanup_cache_document struct cache_document document = {0};
	cleanup_json json_t *object = NULL;
	json_t *layers = NULL, *records = NULL;
	int64_t version = 0;
	if (size > CACHE_DOCUMENT_SIZE_LIMIT)
		return error_set(err, ERROR_LIMIT, "build cache: %zu bytes; at most %zu are allowed", size,
				 CACHE_DOCUMENT_SIZE_LIMIT);
	if (json_parse(bytes, size, &object, err) < 0 || json_need_integer(object, "version", &version, err) < 0 ||
	    json_get_array(object, "layers", &layers, err) < 0 || json_get_array(object, "records", &records, err) < 0)
		return error_wrap(err, "build cache");
	if (version != 1)
		return error_set(err, ERROR_UNSUPPORTED, "build cache: version %lld is not known", (long long)version);
	if (json_array_size(layers) > CACHE_RECORD_LIMIT || json_array_size(records) > CACHE_RECORD_LIMIT)
		return error_set(err, ERROR_LIMIT, "build cache: more than %d entries", CACHE_RECORD_LIMIT);
	if (parse_layers(layers, &document, err) < 0 || parse_records(records, &document, err) < 0)
		return error_wrap(err, "build cache");
	*ret_document = document;
	document = (struct cache_document){0};
	return 0;
}

const struct cache_record *cache_document_find(const struct cache_document *document, const struct digest *key)
{
	const struct cache_record wanted = {.key = *key};
	return document->record_count
		       ? bsearch(&wanted, document->records, document->record_count, sizeof *document->records, compare)
		       : NULL;
}
