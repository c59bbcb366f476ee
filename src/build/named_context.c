#include "build/named_context.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "build/remote_source.h"
#include "oci/reference.h"

/* NULL: it is no reference. */
static char *canonical_name(const char *text, struct error *err)
{
	static const char latest[] = ":latest";
	cleanup_reference struct reference reference = {0};
	if (reference_parse(text, &reference, err) < 0)
		return NULL;
	char *name = reference_familiar_text(&reference);
	size_t length = strlen(name);
	if (length > strlen(latest) && strcmp(name + length - strlen(latest), latest) == 0)
		name[length - strlen(latest)] = '\0';
	return name;
}

static const char *behind(const char *text, const char *prefix)
{
	size_t length = strlen(prefix);
	return strncmp(text, prefix, length) == 0 ? text + length : NULL;
}

static int take_folder(const char *name, const char *path, struct error *err)
{
	struct stat status;
	if (stat(path, &status) < 0)
		return error_set(err, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_INVALID,
				 "failed to get build context %s: stat %s: %s", name, path,
				 errno == ENOENT ? "no such file or directory" : strerror(errno));
	if (!S_ISDIR(status.st_mode))
		return error_set(err, ERROR_INVALID, "failed to get build context path %s: not a directory", path);
	return 0;
}

static int take_value(const char *text, struct named_context *context, struct error *err)
{
	const char *image = behind(text, "docker-image://"), *stage = behind(text, "target:");
	const char *layout = behind(text, "oci-layout://");
	const char *value = text;
	struct stat status;
	if (image) {
		cleanup_reference struct reference reference = {0};
		context->kind = NAMED_CONTEXT_IMAGE;
		value = image;
		if (strcmp(image, "scratch") != 0 && reference_parse(image, &reference, err) < 0)
			return error_wrap(err, "failed to get build context %s", context->name);
	} else if (layout) {
		context->kind = NAMED_CONTEXT_LAYOUT;
		value = layout;
	} else if (stage) {
		context->kind = NAMED_CONTEXT_STAGE;
		value = stage;
	} else if (remote_source_kind(text) != REMOTE_NONE ||
		   (behind(text, "github.com/") && stat(text, &status) < 0)) {
		context->kind = NAMED_CONTEXT_REMOTE;
	} else if (take_folder(context->name, text, err) < 0) {
		return -1;
	}
	context->value = duplicate_string(value);
	return 0;
}

static void release(struct named_context *context)
{
	free(context->name);
	free(context->value);
}

static int add(struct named_contexts *contexts, const char *text, struct error *err)
{
	const char *equals = strchr(text, '=');
	if (!equals)
		return error_set(err, ERROR_USAGE, "invalid context value: %s, expected key=value", text);
	cleanup_free char *key = duplicate_bytes(text, (size_t)(equals - text));
	struct named_context context = {.name = canonical_name(key, err)};
	if (!context.name)
		return error_wrap(err, "invalid context name %s", key);
	if (take_value(equals + 1, &context, err) < 0) {
		release(&context);
		return -1;
	}
	for (size_t i = 0; i < contexts->count; i++) {
		if (strcmp(contexts->items[i].name, context.name) != 0)
			continue;
		release(&contexts->items[i]);
		contexts->items[i] = context;
		return 0;
	}
	contexts->items = reallocate_array(contexts->items, contexts->count + 1, sizeof *contexts->items);
	contexts->items[contexts->count++] = context;
	return 0;
}

int named_contexts_parse(const struct string_list *texts, struct named_contexts *ret_contexts, struct error *err)
{
	cleanup_named_contexts struct named_contexts contexts = {0};
	for (size_t i = 0; i < texts->count; i++)
		if (add(&contexts, texts->items[i], err) < 0)
			return -1;
	*ret_contexts = contexts;
	contexts = (struct named_contexts){0};
	return 0;
}

void named_contexts_copy(struct named_contexts *to, const struct named_contexts *from)
{
	*to = (struct named_contexts){allocate_array(from->count + 1, sizeof *to->items), from->count};
	for (size_t i = 0; i < from->count; i++) {
		to->items[i] = from->items[i];
		to->items[i].name = duplicate_string(from->items[i].name);
		to->items[i].value = duplicate_string(from->items[i].value);
	}
}

const struct named_context *named_contexts_find(const struct named_contexts *contexts, const char *text)
{
	struct error ignored = {0};
	if (!contexts || !contexts->count)
		return NULL;
	cleanup_free char *name = canonical_name(text, &ignored);
	for (size_t i = 0; name && i < contexts->count; i++)
		if (strcmp(contexts->items[i].name, name) == 0)
			return &contexts->items[i];
	return NULL;
}

void named_contexts_release(struct named_contexts *contexts)
{
	for (size_t i = 0; i < contexts->count; i++)
		release(&contexts->items[i]);
	free(contexts->items);
	*contexts = (struct named_contexts){0};
}
