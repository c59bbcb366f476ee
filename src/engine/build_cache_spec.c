/* --cache-to and --cache-from as they are written. */
#include <string.h>

#include "base/text.h"
#include "engine/build_cache.h"
#include "engine/build_setting.h"
#include "oci/reference.h"

void build_cache_specs_release(struct build_cache_specs *specs)
{
	for (size_t i = 0; i < specs->count; i++) {
		free(specs->items[i].place);
		free(specs->items[i].tag);
		free(specs->items[i].digest);
	}
	free(specs->items);
	*specs = (struct build_cache_specs){0};
}

static int find_kind(const char *type, bool is_export, enum build_cache_kind *ret_kind, struct error *err)
{
	static const char *const names[] = {"registry", "local", "inline"};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(names[i], type) == 0 && (is_export || i != BUILD_CACHE_INLINE)) {
			*ret_kind = (enum build_cache_kind)i;
			return 0;
		}
	return error_set(err, ERROR_UNSUPPORTED, "unknown cache %s: \"%s\": registry and local%s are known",
			 is_export ? "exporter" : "importer", type, is_export ? ", and inline," : "");
}

static int take_place(struct build_cache_spec *spec, const struct build_setting *setting, bool is_export,
		      struct error *err)
{
	static const char *const kinds[] = {"registry", "local"};
	if (spec->kind == BUILD_CACHE_INLINE)
		return 0;
	const char *key = spec->kind == BUILD_CACHE_REGISTRY ? "ref" : is_export ? "dest" : "src";
	const char *place = build_setting_get(setting, key);
	if (!place || !place[0])
		return error_set(err, ERROR_INVALID, "%s cache %s requires %s", kinds[spec->kind],
				 is_export ? "exporter" : "importer", key);
	cleanup_reference struct reference reference = {0};
	if (spec->kind == BUILD_CACHE_REGISTRY && reference_parse(place, &reference, err) < 0)
		return -1;
	if (spec->kind == BUILD_CACHE_LOCAL && strchr(place, ':'))
		return error_set(err, ERROR_INVALID, "the path of a cache cannot hold a colon: %s", place);
	const char *tag = build_setting_get(setting, "tag"), *digest = build_setting_get(setting, "digest");
	spec->place = duplicate_string(place);
	spec->tag = duplicate_string(tag && tag[0] ? tag : "latest");
	spec->digest = duplicate_string(digest);
	return 0;
}

static int take_spec(struct build_cache_spec *spec, const char *text, bool is_export, struct error *err)
{
	static const char *const known[] = {"dest",
					    "src",
					    "ref",
					    "tag",
					    "digest",
					    "mode",
					    "ignore-error",
					    "image-manifest",
					    "oci-mediatypes",
					    "compression",
					    "compression-level",
					    "force-compression",
					    "registry.insecure",
					    NULL};
	cleanup_build_setting struct build_setting setting = {0};
	if (text[0] && !strpbrk(text, "=,\"")) {
		setting.type = duplicate_string("registry");
		string_list_add_format(&setting.values, "ref=%s", text);
	} else if (build_setting_parse(text, &setting, err) < 0) {
		return -1;
	}
	if (!setting.type || !setting.type[0])
		return error_set(err, ERROR_INVALID, "type required form> \"%s\"", text);
	if (find_kind(setting.type, is_export, &spec->kind, err) < 0 ||
	    build_setting_check(&setting, is_export ? "--cache-to" : "--cache-from", known, err) < 0 ||
	    build_setting_flag(&setting, "ignore-error", &spec->ignores_errors, err) < 0)
		return -1;
	const char *mode = build_setting_get(&setting, "mode");
	spec->is_max = mode && strcmp(mode, "max") == 0;
	if (mode && !spec->is_max && strcmp(mode, "min") != 0)
		return error_set(err, ERROR_INVALID, "invalid cache export mode: %s", mode);
	return take_place(spec, &setting, is_export, err);
}

int build_cache_specs_parse(const struct string_list *texts, bool is_export, const struct string_list *build_arguments,
			    struct build_cache_specs *ret_specs, struct error *err)
{
	cleanup_build_cache_specs struct build_cache_specs specs = {0};
	specs.items = allocate_array(texts->count + 2, sizeof *specs.items);
	for (size_t i = 0; i < texts->count; i++)
		if (take_spec(&specs.items[specs.count++], texts->items[i], is_export, err) < 0)
			return -1;
	bool is_inline = false;
	const char *old = build_arguments ? string_list_get_key(build_arguments, "BUILDKIT_INLINE_CACHE") : NULL;
	if (old && text_parse_boolean(old, &is_inline) && is_inline)
		specs.items[specs.count++].kind = BUILD_CACHE_INLINE;
	*ret_specs = specs;
	specs = (struct build_cache_specs){0};
	return 0;
}
