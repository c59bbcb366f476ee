#include "engine/image_list.h"

#include <string.h>

#include "build/match.h"

/* The filters, resolved once for all images. */
struct selection {
	const struct string_list *filters;
	bool has_dangling, dangling;
	bool has_labels;
	nanoseconds before, since; /* 0: none */
	bool has_since;
	struct match_pattern **references;
	char **full_names; /* of each reference that is no pattern; else NULL */
	size_t reference_count;
	/* Of the image whose rows are looked at: they follow each other in a list. */
	struct digest image;
	bool is_tagged, labels_match;
};

static void selection_release(struct selection *selection)
{
	for (size_t i = 0; i < selection->reference_count; i++) {
		match_free(selection->references[i]);
		free(selection->full_names[i]);
	}
	free(selection->references);
	free(selection->full_names);
}

/* "docker.io/library/debian" finds what is shown as "debian". */
static char *full_name(const char *text)
{
	cleanup_reference struct reference reference = {0};
	if (match_has_wildcard(text) || reference_parse(text, &reference, NULL) < 0)
		return NULL;
	const char *slash = strrchr(text, '/');
	if (digest_is_set(&reference.digest) || strchr(slash ? slash : text, ':'))
		return reference_text(&reference);
	return reference_name(&reference);
}

static int add_reference(struct selection *selection, const char *text, struct error *err)
{
	size_t index = selection->reference_count;
	selection->references = reallocate_array(selection->references, index + 1, sizeof *selection->references);
	selection->full_names = reallocate_array(selection->full_names, index + 1, sizeof *selection->full_names);
	if (match_compile(text, MATCH_GO, &selection->references[index], err) < 0)
		return error_set(err, ERROR_INVALID, "invalid filter 'reference=%s': syntax error in pattern", text);
	selection->full_names[index] = full_name(text);
	selection->reference_count++;
	return 0;
}

static int find_created(struct engine *engine, const char *name, nanoseconds *ret_created, struct error *err)
{
	struct image image;
	if (image_find(engine->store, name, &image, err) < 0)
		return -1;
	*ret_created = image.created;
	return 0;
}

static void keep_earlier(struct selection *selection, nanoseconds moment)
{
	if (!selection->before || moment < selection->before)
		selection->before = moment;
}

static int add_filter(struct engine *engine, struct selection *selection, const char *filter, struct error *err)
{
	const char *value;
	nanoseconds moment;
	if ((value = filter_value(filter, "before"))) {
		if (find_created(engine, value, &moment, err) < 0)
			return -1;
		keep_earlier(selection, moment);
	} else if ((value = filter_value(filter, "since"))) {
		if (find_created(engine, value, &moment, err) < 0)
			return -1;
		if (!selection->has_since || moment > selection->since)
			selection->since = moment;
		selection->has_since = true;
	} else if ((value = filter_value(filter, "reference"))) {
		return add_reference(selection, value, err);
	}
	return 0;
}

static int resolve(struct engine *engine, struct selection *selection, struct error *err)
{
	static const char *const known[] = {"before",	 "dangling", "label", "label!",
					    "reference", "since",    "until", NULL};
	const struct string_list *filters = selection->filters;
	nanoseconds until;
	if (filter_check_names(filters, known, err) < 0 ||
	    filter_flag(filters, "dangling", &selection->dangling, err) < 0 ||
	    filter_until(filters, time_now(), &until, err) < 0)
		return -1;
	if (until)
		keep_earlier(selection, until);
	selection->has_dangling = filter_is_set(filters, "dangling");
	selection->has_labels = filter_is_set(filters, "label") || filter_is_set(filters, "label!");
	for (size_t i = 0; i < filters->count; i++)
		if (add_filter(engine, selection, filters->items[i], err) < 0)
			return -1;
	return 0;
}

static bool match_text(const struct match_pattern *pattern, const char *text)
{
	return match_test(pattern, text, strlen(text));
}

static bool match_reference(const struct selection *selection, const struct image_tag *tag)
{
	if (!selection->reference_count)
		return true;
	if (!tag->name)
		return false;
	cleanup_free char *name = reference_familiarize(tag->name);
	bool has_digest = digest_is_set(&tag->repository_digest);
	cleanup_free char *tagged = tag->tag ? format_string("%s:%s", name, tag->tag) : NULL;
	cleanup_free char *by_digest = has_digest ? format_string("%s@%s", name, tag->repository_digest.text) : NULL;
	const char *known_by = tagged ? tagged : by_digest;
	for (size_t i = 0; i < selection->reference_count; i++) {
		const struct match_pattern *pattern = selection->references[i];
		const char *full = selection->full_names[i];
		if (match_text(pattern, name) || (tagged && match_text(pattern, tagged)) ||
		    (by_digest && match_text(pattern, by_digest)))
			return true;
		if (!full || strncmp(full, tag->name, strlen(tag->name)) != 0)
			continue;
		/* Behind the name: nothing, or the tag or digest, which stands behind the familiar name too. */
		const char *rest = full + strlen(tag->name);
		if (!*rest || (known_by && strcmp(rest, known_by + strlen(name)) == 0) ||
		    (by_digest && strcmp(rest, by_digest + strlen(name)) == 0))
			return true;
	}
	return false;
}

/* What is the same for all rows of the image that begins at `index`. */
static int look_at_image(struct engine *engine, struct selection *selection, const struct image_list *list,
			 size_t index, struct error *err)
{
	const struct image *image = &list->items[index].image;
	if (digest_is_set(&selection->image) && digest_equal(&selection->image, &image->id))
		return 0;
	selection->image = image->id;
	selection->is_tagged = false;
	for (size_t i = index; i < list->count && digest_equal(&list->items[i].image.id, &image->id); i++)
		selection->is_tagged = selection->is_tagged || list->items[i].tag;
	if (!selection->has_labels)
		return 0;
	cleanup_image_config struct image_config config = {0};
	if (image_read_config(engine->store, image, &config, err) < 0)
		return -1;
	selection->labels_match = filter_match_labels(selection->filters, &config.labels);
	return 0;
}

static bool passes(const struct selection *selection, const struct image_tag *tag)
{
	if (selection->has_dangling && (selection->dangling ? selection->is_tagged : !tag->name))
		return false;
	if ((selection->before && tag->image.created >= selection->before) ||
	    (selection->has_since && tag->image.created <= selection->since))
		return false;
	return (!selection->has_labels || selection->labels_match) && match_reference(selection, tag);
}

int image_list_filtered(struct engine *engine, const struct string_list *filters, struct image_list *ret_list,
			struct error *err)
{
	cleanup_image_list struct image_list list = {0};
	CLEANUP(selection_release) struct selection selection = {.filters = filters};
	if (resolve(engine, &selection, err) < 0 || image_list(engine->store, NULL, &list, err) < 0)
		return -1;
	bool *is_wanted = allocate_array(list.count + 1, sizeof *is_wanted);
	int result = 0;
	for (size_t i = 0; i < list.count && result == 0; i++) {
		result = look_at_image(engine, &selection, &list, i, err);
		is_wanted[i] = passes(&selection, &list.items[i]);
	}
	size_t kept = 0;
	for (size_t i = 0; i < list.count && result == 0; i++) {
		if (is_wanted[i]) {
			struct image_tag moved = list.items[kept];
			list.items[kept++] = list.items[i];
			list.items[i] = moved;
		}
	}
	free(is_wanted);
	if (result < 0)
		return -1;
	for (size_t i = kept; i < list.count; i++) {
		free(list.items[i].name);
		free(list.items[i].tag);
	}
	list.count = kept;
	*ret_list = list;
	list = (struct image_list){0};
	return 0;
}
