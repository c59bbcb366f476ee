#include "build/executor_remote.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/atomic_file.h"
#include "base/fd.h"

#define TIME_FILE_LIMIT ((size_t)64)

void remote_list_release(struct remote_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		struct remote *remote = &list->items[i];
		free(remote->text);
		remote_source_release(&remote->source);
		git_commit_release(&remote->commit);
		git_checkout_release(&remote->files);
		if (remote->fd >= 0)
			close(remote->fd);
	}
	free(list->items);
	*list = (struct remote_list){0};
}

int remote_list_add(struct remote_list *list, const char *url, struct error *err)
{
	struct remote remote = {.fd = -1, .files = GIT_CHECKOUT_INIT};
	if (remote_source_parse(url, &remote.source, err) < 0)
		return -1;
	list->items = reallocate_array(list->items, list->count + 1, sizeof *list->items);
	remote.text = duplicate_string(url);
	list->items[list->count++] = remote;
	return 0;
}

/* Of one file of one URL: the key of its row in the build cache, and the name of the file that keeps its time. */
static void identify(const struct remote *remote, const struct digest *digest, struct digest *ret_id)
{
	struct cache_key *key = cache_key_begin(NULL, "fetch");
	cache_key_add_text(key, remote->source.url);
	cache_key_add_text(key, digest->text);
	cache_key_finish(key, ret_id);
}

static char *time_file(const struct digest *id)
{
	return format_string("fetched-%.32s", digest_hex(id));
}

/*
 * 1: it was fetched from there before and still is here, so that no server has to be asked. A blob that came from
 * elsewhere is not enough: nobody knows the time that this server gives it, and images would differ by machine.
 */
static int find_here(struct executor *executor, struct remote *remote, const struct digest *expected)
{
	struct store *store = executor->store;
	struct blob_info info;
	struct digest id;
	if (!digest_is_set(expected) || store->blobs->operations->stat(store->blobs, expected, &info, NULL) < 0)
		return 0;
	identify(remote, expected, &id);
	cleanup_free char *name = time_file(&id);
	cleanup_buffer struct buffer text = {0};
	cleanup_close int cache = open_folder_at(store->root_fd, "cache", false, 0, NULL);
	if (cache < 0 || read_file_at(cache, name, TIME_FILE_LIMIT, &text, NULL) < 0)
		return 0;
	remote->file = (struct build_file){*expected, strtoll(buffer_text(&text), NULL, 10)};
	return 1;
}

/* The row first: what is written after it may be missing. */
static int remember(struct executor *executor, const struct remote *remote, struct error *err)
{
	struct store *store = executor->store;
	struct build_cache_entry entry = {.blob = remote->file.digest}, known;
	struct blob_info info;
	struct digest id;
	identify(remote, &remote->file.digest, &id);
	if (store->blobs->operations->stat(store->blobs, &entry.blob, &info, err) < 0)
		return -1;
	entry.blob_size = entry.size = info.size;
	if (build_cache_find(store, &id, &known, NULL) < 0 && build_cache_put(store, &id, &entry, err) < 0)
		return -1;
	cleanup_free char *name = time_file(&id);
	cleanup_free char *text = format_string("%" PRId64 "\n", remote->file.modified);
	cleanup_close int cache = open_folder_at(store->root_fd, "cache", true, 0700, err);
	return cache < 0 ? -1 : atomic_file_write(cache, name, text, strlen(text), 0600, ATOMIC_FILE_REPLACEABLE, err);
}

static int resolve_file(struct step *step, struct remote *remote, const char *checksum, struct error *err)
{
	struct executor *executor = step->executor;
	struct digest expected = {0};
	if (checksum && digest_parse(checksum, &expected, err) < 0)
		return error_wrap(err, "invalid checksum");
	if (find_here(executor, remote, &expected))
		return 0;
	if (executor->host->fetch(executor->host->context, remote->source.url, &expected, &remote->file, err) < 0)
		return error_wrap(err, "failed to load cache key");
	return remember(executor, remote, err);
}

static int resolve_git(struct step *step, struct remote *remote, const char *checksum, struct error *err)
{
	if (git_authorize(&remote->source, &step->executor->options->secrets, err) < 0)
		return -1;
	if (git_find_commit(&remote->source, &remote->commit, err) < 0)
		return error_wrap(err, "failed to load cache key");
	const struct git_commit *commit = &remote->commit;
	if (!checksum || strncmp(commit->id, checksum, strlen(checksum)) == 0 ||
	    (commit->tag && strncmp(commit->tag, checksum, strlen(checksum)) == 0))
		return 0;
	return error_set(err, ERROR_CORRUPT, "failed to load cache key: expected checksum to match %s, got %s%s%s",
			 checksum, commit->tag ? commit->tag : "", commit->tag ? " or " : "", commit->id);
}

int remote_list_resolve(struct step *step, struct remote_list *list, const char *checksum, struct error *err)
{
	for (size_t i = 0; i < list->count; i++) {
		struct remote *remote = &list->items[i];
		if (remote->source.kind == REMOTE_FILE ? resolve_file(step, remote, checksum, err) < 0
						       : resolve_git(step, remote, checksum, err) < 0)
			return -1;
	}
	return 0;
}

void remote_list_add_to_key(const struct remote_list *list, const struct instruction *instruction,
			    struct cache_key *key)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct remote *remote = &list->items[i];
		cache_key_add_number(key, remote->source.kind);
		if (remote->source.kind == REMOTE_FILE) {
			cache_key_add_text(key, remote->source.name);
			cache_key_add_text(key, remote->file.digest.text);
			continue;
		}
		cache_key_add_text(key, remote->commit.id);
		cache_key_add_text(key, remote->source.folder);
		cache_key_add_number(key, instruction->keep_git_dir);
		/* What is kept of it tells where it came from. */
		cache_key_add_text(key, instruction->keep_git_dir ? remote->source.url : NULL);
	}
}

int remote_list_open(struct step *step, struct remote_list *list, const struct ignore_list *exclude,
		     struct copy_request *request, struct error *err)
{
	struct store *store = step->executor->store;
	struct copy_file *files = allocate_array(list->count, sizeof *files);
	struct content_root *trees = allocate_array(list->count, sizeof *trees);
	request->files = files;
	request->trees = trees;
	for (size_t i = 0; i < list->count; i++) {
		struct remote *remote = &list->items[i];
		if (remote->source.kind == REMOTE_FILE) {
			if (store->blobs->operations->open(store->blobs, &remote->file.digest, &remote->fd, err) < 0)
				return -1;
			files[request->file_count++] = (struct copy_file){
				.name = remote->source.name,
				.fd = remote->fd,
				.modified = remote->file.modified,
				.unpacks = step->instruction->unpack == UNPACK_ALWAYS,
			};
			continue;
		}
		if (git_check_out(store, &remote->source, &remote->commit, step->instruction->keep_git_dir,
				  &remote->files, err) < 0)
			return -1;
		trees[request->tree_count++] = (struct content_root){.fd = remote->files.folder_fd, .exclude = exclude};
	}
	return 0;
}

void remote_list_close(struct copy_request *request)
{
	free((void *)(uintptr_t)request->files);
	free((void *)(uintptr_t)request->trees);
}
