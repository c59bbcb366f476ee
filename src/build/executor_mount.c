#include "build/executor_mount.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/random.h"
#include "build/copy.h"
#include "build/path.h"
#include "build/secret.h"

void step_mounts_release(struct step *step, struct step_mounts *mounts)
{
	for (size_t i = 0; i < mounts->count; i++) {
		struct step_mount *item = &mounts->items[i];
		if (item->fd >= 0)
			close(item->fd);
		cache_mount_release(&item->cache);
		ssh_forward_stop(&item->ssh);
		if (item->secret_name)
			unlinkat(step->executor->store->run_root_fd, item->secret_name, 0);
		rootfs_view_release(&item->view);
		bind_view_release(&item->bind);
		layer_staging_release(&item->staging);
		string_list_release(&item->sources);
		run_mount_release(&item->mount);
		free(item->diff_ids);
		free(item->target);
		free(item->secret_name);
		free(item->options);
		free(item->first_missing);
	}
	free(mounts->items);
	free(mounts->ready);
	*mounts = (struct step_mounts){0};
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static int set_target(struct step *step, struct step_mount *item, unsigned *agents, struct error *err)
{
	struct run_mount *mount = &item->mount;
	if (mount->type == RUN_MOUNT_SECRET && !mount->id)
		mount->id = duplicate_string(mount->source ? mount->source : last_part(mount->target));
	cleanup_free char *text = duplicate_string(mount->target);
	if (!text && mount->type == RUN_MOUNT_SECRET)
		text = format_string("/run/secrets/%s", last_part(mount->id));
	if (mount->type == RUN_MOUNT_SSH && !mount->id)
		mount->id = duplicate_string("default");
	if (!text && mount->type == RUN_MOUNT_SSH)
		text = format_string("/run/buildkit/ssh_agent.%u", *agents);
	*agents += mount->type == RUN_MOUNT_SSH;
	const char *folder = step->stage->config.working_directory;
	item->target = path_resolve(folder && folder[0] ? folder : "/", text ? text : "");
	if (strcmp(item->target, "/") == 0)
		return error_set(err, ERROR_INVALID, "invalid mount target \"%s\"", item->target);
	if (mount->type == RUN_MOUNT_CACHE && !mount->id)
		mount->id = duplicate_string(item->target);
	return 0;
}

int step_mounts_parse(struct step *step, struct step_mounts *mounts, struct error *err)
{
	const struct string_list *texts = &step->instruction->mounts;
	unsigned agents = 0;
	mounts->items = allocate_array(texts->count + 1, sizeof *mounts->items);
	mounts->ready = allocate_array(texts->count + 1, sizeof *mounts->ready);
	for (size_t i = 0; i < texts->count; i++) {
		struct step_mount *item = &mounts->items[mounts->count++];
		item->fd = -1;
		item->cache = CACHE_MOUNT_INIT;
		item->ssh = SSH_FORWARD_INIT;
		item->view = ROOTFS_VIEW_INIT;
		item->bind = BIND_VIEW_INIT;
		item->staging = LAYER_STAGING_INIT;
		if (run_mount_parse(texts->items[i], &step->expansion, &item->mount, err) < 0)
			return -1;
		if (set_target(step, item, &agents, err) < 0)
			return -1;
	}
	return 0;
}

/* Finds the one source of a bind in the context, a stage or an image. */
static int find_source(struct step *step, struct step_mount *item, struct error *err)
{
	struct executor *executor = step->executor;
	int is_folder = executor_open_folder(executor, item->mount.from, &item->root, err);
	if (is_folder < 0)
		return -1;
	if (!is_folder) {
		if (step_find_layers(step, item->mount.from, &item->diff_ids, &item->diff_id_count, err) < 0 ||
		    rootfs_view_open(executor->store, item->diff_ids, item->diff_id_count, -1, -1, &item->view, err) <
			    0)
			return -1;
		item->root = (struct content_root){.fd = item->view.root_fd, .keep_owners = true};
	}
	const char *source = item->mount.source ? item->mount.source : "/";
	if (content_find(&item->root, source, &item->sources, err) < 0)
		return -1;
	return item->sources.count == 1
		       ? 0
		       : error_set(err, ERROR_NOT_FOUND, "failed to compute cache key: \"%s\": not found", source);
}

int step_mounts_add_key(struct step *step, struct step_mounts *mounts, struct cache_key *key, struct error *err)
{
	for (size_t i = 0; i < mounts->count; i++) {
		struct step_mount *item = &mounts->items[i];
		const struct run_mount *mount = &item->mount;
		cache_key_add_text(key, run_mount_type_name(mount->type));
		cache_key_add_text(key, item->target);
		cache_key_add_text(key, mount->id);
		cache_key_add_text(key, mount->environment);
		cache_key_add_number(key, mount->read_only);
		cache_key_add_number(key, (uint64_t)mount->size);
		cache_key_add_number(key, mount->has_mode ? mount->mode : UINT64_MAX);
		cache_key_add_number(key, mount->user);
		cache_key_add_number(key, mount->group);
		if (mount->type == RUN_MOUNT_CACHE) {
			cache_key_add_text(key, mount->source);
			item->has_base = mount->from && mount->from[0];
			if (item->has_base && find_source(step, item, err) < 0)
				return -1;
			for (size_t j = 0; j < item->diff_id_count; j++)
				cache_key_add_text(key, item->diff_ids[j].text);
			if (item->has_base && !item->diff_ids &&
			    content_digest(&item->root, &item->sources, &item->base, err) < 0)
				return -1;
			if (digest_is_set(&item->base))
				cache_key_add_text(key, item->base.text);
		}
		if (mount->type != RUN_MOUNT_BIND)
			continue;
		struct digest content;
		if (find_source(step, item, err) < 0 || content_digest(&item->root, &item->sources, &content, err) < 0)
			return -1;
		cache_key_add_text(key, content.text);
	}
	return 0;
}

/* Where the files themselves cannot be shown. */
static int open_copy(struct step *step, struct step_mount *item, struct error *err)
{
	int root_fd = step->executor->store->root_fd;
	if (layer_staging_begin(root_fd, &item->staging, err) < 0)
		return -1;
	struct copy_request request = {
		.root_fd = item->staging.folder_fd,
		.store_root_fd = root_fd,
		.destination = "/source",
		.from = &item->root,
		.sources = &item->sources,
	};
	if (copy_files(&request, err) < 0)
		return -1;
	item->fd = open_in_root(item->staging.folder_fd, "source", O_PATH, 0);
	return item->fd < 0 ? error_set_errno(err, errno, "open the copy for %s", item->target) : 0;
}

static int open_bind(struct step *step, struct step_mount *item, struct error *err)
{
	struct store *store = step->executor->store;
	const char *source = item->sources.items[0];
	bool writable = !item->mount.read_only;
	int result = item->diff_ids ? bind_view_open_layers(store, item->diff_ids, item->diff_id_count, source,
							    writable, &item->bind, err)
				    : bind_view_open_context(store, &item->root, source, writable, &item->bind, err);
	if (result < 0)
		return error_wrap(err, "mount %s", item->target);
	if (result > 0)
		return open_copy(step, item, err);
	item->fd = steal_fd(&item->bind.fd);
	return 0;
}

/* Returns 1 where there is no such secret and the step may go on without it. */
static int open_secret(struct step *step, struct step_mount *item, struct string_list *environment, struct error *err)
{
	const struct run_mount *mount = &item->mount;
	CLEANUP(secret_release) struct buffer text = BUFFER_INIT(SECRET_SIZE_LIMIT);
	int found = secret_read(&step->executor->options->secrets, mount->id, &text, err);
	if (found < 0)
		return -1;
	if (!found)
		return mount->required ? error_set(err, ERROR_NOT_FOUND, "secret %s: not found", mount->id) : 1;
	if (mount->environment) {
		if (text.size && memchr(text.bytes, '\0', text.size))
			return error_set(err, ERROR_INVALID, "secret %s: it holds a zero byte, and env= wants text",
					 mount->id);
		string_list_set_key(environment, mount->environment, buffer_text(&text));
		if (!mount->target)
			return 1;
	}
	char random[17];
	random_hex(random, 16);
	int run_fd = step->executor->store->run_root_fd;
	item->secret_name = format_string("build-%d-%s", (int)getpid(), random);
	item->fd = openat(run_fd, item->secret_name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0400);
	if (item->fd < 0 || write_full(item->fd, buffer_text(&text), text.size, NULL) < 0 ||
	    fchown(item->fd, mount->user, mount->group) < 0 ||
	    fchmod(item->fd, mount->has_mode ? mount->mode : 0400) < 0)
		return error_set_errno(err, errno, "make the file of secret %s", mount->id);
	return 0;
}

/* The same for an agent. */
static int open_ssh(struct step *step, struct step_mount *item, struct error *err)
{
	const struct run_mount *mount = &item->mount;
	const struct string_list *texts = &step->executor->options->ssh;
	struct store *store = step->executor->store;
	int found = ssh_forward_start(texts, mount->id, store->run_root_fd, store->run_root, &item->ssh, err);
	if (found < 0)
		return -1;
	if (!found && mount->required)
		return texts->count ? error_set(err, ERROR_NOT_FOUND, "unset ssh forward key %s", mount->id)
				    : error_set(err, ERROR_NOT_FOUND, "no SSH key \"%s\" forwarded from the client",
						mount->id);
	if (!found)
		return 1;
	char path[32];
	snprintf(path, sizeof path, "/proc/self/fd/%d", item->ssh.socket_fd);
	if (fchownat(item->ssh.socket_fd, "", mount->user, mount->group, AT_EMPTY_PATH) < 0 ||
	    chmod(path, mount->has_mode ? mount->mode : 0600) < 0)
		return error_set_errno(err, errno, "set the owner of an SSH agent's socket");
	item->fd = steal_fd(&item->ssh.socket_fd);
	return 0;
}

static int open_mount(struct step *step, struct step_mount *item, struct string_list *environment, struct error *err)
{
	switch (item->mount.type) {
	case RUN_MOUNT_BIND:
		return open_bind(step, item, err);
	case RUN_MOUNT_CACHE:
		return 0; /* step_caches_open() has */
	case RUN_MOUNT_SECRET:
		return open_secret(step, item, environment, err);
	case RUN_MOUNT_SSH:
		return open_ssh(step, item, err);
	default:
		item->options = item->mount.size
					? format_string("mode=1777,exec,size=%lld", (long long)item->mount.size)
					: duplicate_string("mode=1777,exec");
		return 0;
	}
}

/* The upmost part of the target that the image does not have. */
static void find_missing(const struct rootfs_view *root, struct step_mount *item)
{
	for (char *at = item->target + 1; *at;) {
		size_t length = strcspn(at, "/");
		char kept = at[length];
		at[length] = '\0';
		cleanup_close int fd = open_in_root(root->root_fd, item->target + 1, O_PATH, 0);
		if (fd < 0)
			item->first_missing = duplicate_string(item->target);
		at[length] = kept;
		if (item->first_missing)
			return;
		at += length + (kept != '\0');
	}
}

int step_mounts_open(struct step *step, struct step_mounts *mounts, struct string_list *environment, struct error *err)
{
	const struct image_config *config = &step->stage->config;
	cleanup_rootfs_view struct rootfs_view root = ROOTFS_VIEW_INIT;
	if (mounts->count &&
	    rootfs_view_open(step->executor->store, config->diff_ids, config->diff_id_count, -1, -1, &root, err) < 0)
		return -1;
	if (step_caches_open(step, mounts, err) < 0)
		return -1;
	for (size_t i = 0; i < mounts->count; i++) {
		struct step_mount *item = &mounts->items[i];
		bool is_agent = item->mount.type == RUN_MOUNT_SSH;
		if (is_agent && !string_list_get_key(environment, "SSH_AUTH_SOCK") &&
		    !string_list_get_key(&config->environment, "SSH_AUTH_SOCK"))
			string_list_set_key(environment, "SSH_AUTH_SOCK", item->target);
		int result = open_mount(step, item, environment, err);
		if (result < 0)
			return -1;
		if (result == 1)
			continue;
		find_missing(&root, item);
		mounts->ready[mounts->ready_count++] = (struct build_mount){
			.source_fd = item->fd,
			.target = item->target,
			.options = item->options,
			.read_only = item->mount.read_only,
		};
	}
	return 0;
}

/*
 * Only what is still an empty folder or an empty file, and only below folders that are still folders: what the step put
 * there instead, a link above all, is the step's and stays.
 */
static int remove_stub(int upper_fd, char *path, const char *first_missing, struct error *err)
{
	size_t stop = strlen(first_missing);
	while (strlen(path) >= stop) {
		char *slash = strrchr(path, '/');
		*slash = '\0';
		cleanup_close int folder = open_beneath(upper_fd, path[0] ? path + 1 : ".", O_RDONLY | O_DIRECTORY);
		const char *name = slash + 1;
		struct stat status;
		if (folder < 0 || fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
			return 0;
		bool is_folder = S_ISDIR(status.st_mode);
		if (!is_folder && (!S_ISREG(status.st_mode) || status.st_size != 0))
			return 0;
		if (unlinkat(folder, name, is_folder ? AT_REMOVEDIR : 0) < 0)
			return errno == ENOTEMPTY || errno == EEXIST
				       ? 0
				       : error_set_errno(err, errno, "remove the mount point %s", name);
	}
	return 0;
}

int step_mounts_clean(struct step_mounts *mounts, int upper_fd, struct error *err)
{
	for (size_t i = mounts->count; i-- > 0;) {
		const struct step_mount *item = &mounts->items[i];
		if (!item->first_missing)
			continue;
		cleanup_free char *path = duplicate_string(item->target);
		if (remove_stub(upper_fd, path, item->first_missing, err) < 0)
			return -1;
	}
	return 0;
}
