#include "engine/copy.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

/* coracle-transfer has our folder; an absolute path says so in messages. */
static char *absolute(const char *path)
{
	char folder[PATH_MAX];
	return *path == '/' || !getcwd(folder, sizeof folder) ? duplicate_string(path)
							      : format_string("%s/%s", folder, path);
}

static int file_end(const char *kind, const char *rest, json_t **ret_end, struct error *err)
{
	size_t length = strcspn(rest, ":");
	if (length == 0)
		return error_set(err, ERROR_INVALID, "%s: a path is missing behind \"%s:\"", kind, kind);
	cleanup_free char *path = duplicate_bytes(rest, length);
	cleanup_free char *whole = absolute(path);
	json_t *end = json_pack("{s:s, s:s}", "kind", kind, "file", whole);
	if (!end)
		return error_set(err, ERROR_INVALID, "the path is not valid UTF-8");
	json_set_text(end, "name", rest[length] ? rest + length + 1 : NULL);
	*ret_end = end;
	return 0;
}

static int registry_end(const char *text, bool is_target, bool is_insecure, json_t **ret_end, struct error *err)
{
	cleanup_reference struct reference reference = {0};
	if (reference_parse(text, &reference, err) < 0)
		return -1;
	if (is_target && digest_is_set(&reference.digest))
		return error_set(err, ERROR_INVALID, "%s: a digest cannot be chosen; name a tag", text);
	json_t *end = json_pack("{s:s, s:s, s:s, s:b}", "kind", "registry", "domain", reference.domain, "path",
				reference.path, "insecure", is_insecure);
	json_set_text(end, "tag", reference.tag);
	if (digest_is_set(&reference.digest))
		json_set_text(end, "digest", reference.digest.text);
	*ret_end = end;
	return 0;
}

static int parse_end(const char *text, bool is_target, bool is_insecure, json_t **ret_end, struct error *err)
{
	static const char *const kinds[] = {"oci", "oci-archive", "docker-archive"};
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		size_t length = strlen(kinds[i]);
		if (strncmp(text, kinds[i], length) == 0 && text[length] == ':')
			return file_end(kinds[i], text + length + 1, ret_end, err);
	}
	return registry_end(strncmp(text, "docker://", 9) == 0 ? text + 9 : text, is_target, is_insecure, ret_end, err);
}

int image_copy(const char *from, const char *to, const struct copy_options *options,
	       const struct transfer_progress *progress, struct digest *ret_digest, struct error *err)
{
	cleanup_json json_t *source = NULL;
	cleanup_json json_t *target = NULL;
	cleanup_json json_t *done = NULL;
	if (parse_end(from, false, options->is_insecure, &source, err) < 0 ||
	    parse_end(to, true, options->is_insecure, &target, err) < 0)
		return -1;
	cleanup_json json_t *request = json_pack("{s:s, s:O, s:O, s:b}", "operation", "copy", "from", source, "to",
						 target, "all", options->all);
	if (options->platform) {
		cleanup_free char *text = platform_text(options->platform);
		json_object_set_new(request, "platform", json_string(text));
	}
	if (registry_request_send(request, progress, &done, err) < 0)
		return error_wrap(err, "copy %s to %s", from, to);
	if (registry_answer_digest(done, "manifest", ret_digest, err) < 0)
		return error_wrap(err, "coracle-transfer's answer");
	return 0;
}
