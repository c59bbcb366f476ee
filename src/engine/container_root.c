#include "engine/container_root.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "engine/launch_mounts.h"
#include "engine/pin.h"
#include "runtime/mount_api.h"
#include "runtime/mounts.h"

void container_root_init(struct container_root *root)
{
	*root = (struct container_root){.fd = -1,
					.namespace_fd = -1,
					.content_lock = -1,
					.view = ROOTFS_VIEW_INIT,
					.hold = CONTAINER_HOLD_INIT};
	container_config_init(&root->config);
}

void container_root_release(struct container_root *root)
{
	const int fds[] = {root->fd, root->namespace_fd};
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		cleanup_close_function(&fds[i]);
	rootfs_view_release(&root->view);
	container_hold_release(&root->hold);
	cleanup_close_function(&root->content_lock);
	container_config_release(&root->config);
	container_record_release(&root->record);
	container_root_init(root);
}

/* In the child: says how it went, and stays in its namespace until we let go, or die. */
static void serve(int (*enter)(const void *context, struct error *err), const void *context, int socket_fd)
{
	struct error problem = {0};
	char byte;
	prctl(PR_SET_DUMPABLE, 0);
	if (enter(context, &problem) < 0 && problem.kind == ERROR_NONE)
		problem.kind = ERROR_SYSTEM;
	if (send(socket_fd, &problem, sizeof problem, MSG_NOSIGNAL) == (ssize_t)sizeof problem)
		while (recv(socket_fd, &byte, 1, 0) < 0 && errno == EINTR)
			;
	_exit(0);
}

static int open_of_child(pid_t child, const char *what, int flags, int *ret_fd, struct error *err)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/%s", (int)child, what);
	*ret_fd = open(path, flags | O_CLOEXEC);
	return *ret_fd < 0 ? error_set_errno(err, errno, "open %s", path) : 0;
}

/* The root and the mount namespace of a child that `enter` has put there. */
static int borrow_namespace(int (*enter)(const void *context, struct error *err), const void *context, int *ret_root,
			    int *ret_namespace, struct error *err)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return error_set_errno(err, errno, "make a socket pair");
	fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		close(ends[0]);
		serve(enter, context, ends[1]);
	}
	int number = errno;
	close(ends[1]);
	if (child < 0) {
		close(ends[0]);
		return error_set_errno(err, number, "fork");
	}
	struct error problem = {0};
	cleanup_close int root = -1, space = -1;
	ssize_t got;
	while ((got = recv(ends[0], &problem, sizeof problem, 0)) < 0 && errno == EINTR)
		;
	int result = 0;
	if (got != (ssize_t)sizeof problem)
		result = error_set(err, ERROR_SYSTEM, "the process that looks at the container's files was killed");
	else if (problem.kind != ERROR_NONE) {
		*err = problem;
		result = -1;
	}
	if (result == 0)
		result = open_of_child(child, "root", O_PATH | O_DIRECTORY, &root, err);
	if (result == 0)
		result = open_of_child(child, "ns/mnt", O_RDONLY, &space, err);
	close(ends[0]);
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	if (result < 0)
		return -1;
	*ret_root = steal_fd(&root);
	*ret_namespace = steal_fd(&space);
	return 0;
}

static int enter_running(const void *context, struct error *err)
{
	/* It also moves our root to that of the namespace. */
	if (setns(*(const int *)context, CLONE_NEWNS) < 0)
		return error_set_errno(err, errno, "enter the container's mount namespace");
	return 0;
}

static int open_running(struct engine *engine, const struct container_state *state, struct container_root *root,
			struct error *err)
{
	cleanup_close int run_folder = -1, pidfd = -1;
	if (container_open_run_folder(engine->store, root->record.id, false, &run_folder, err) < 0 ||
	    container_pin(run_folder, &root->record, state->pid, &pidfd, err) < 0)
		return -1;
	root->is_running = true;
	return borrow_namespace(enter_running, &pidfd, &root->fd, &root->namespace_fd, err);
}

#define ETC_COUNT 3
static const char *const etc_names[ETC_COUNT] = {"hostname", "hosts", "resolv.conf"};

struct assembly {
	int root_fd;
	const struct spec_mount *mounts;
	size_t mount_count;
	int *mount_fds;
	int etc_fds[ETC_COUNT]; /* -1: it has none yet */
	bool read_only;
};

static int assemble(const void *context, struct error *err)
{
	const struct assembly *assembly = context;
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return error_set_errno(err, errno, "make a mount namespace");
	if (move_mount(assembly->root_fd, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return error_set_errno(err, errno, "put the container's root in place");
	if (mounts_attach(assembly->root_fd, assembly->mounts, assembly->mount_count, assembly->mount_fds, err) < 0)
		return -1;
	for (size_t i = 0; i < ETC_COUNT; i++) {
		char path[32];
		snprintf(path, sizeof path, "etc/%s", etc_names[i]);
		if (assembly->etc_fds[i] >= 0 &&
		    mounts_attach_file(assembly->root_fd, assembly->etc_fds[i], path, err) < 0)
			return -1;
	}
	/* Last: places to mount on may have to be made. */
	return assembly->read_only ? mount_set(assembly->root_fd, MOUNT_ATTR_RDONLY, 0, false, err) : 0;
}

static int open_overlay(struct engine *engine, struct container_root *root, int folder, struct error *err)
{
	cleanup_free struct digest *layers = NULL;
	size_t count = 0;
	cleanup_close int upper = open_folder_at(folder, "upper", true, 0755, err);
	cleanup_close int work = upper < 0 ? -1 : open_folder_at(folder, "work", true, 0700, err);
	if (work < 0 || container_layers(engine->store, root->record.id, &layers, &count, err) < 0)
		return -1;
	if (count > 0)
		return rootfs_view_open(engine->store, layers, count, upper, work, &root->view, err);
	/* An image from scratch: what was written is all there is. */
	root->view.root_fd = mount_clone(upper, false, err);
	return root->view.root_fd < 0 ? -1 : 0;
}

/* Volumes and folders of the host; a tmpfs is there only while it runs. */
static int prepare_mounts(struct engine *engine, const struct container_config *config, struct spec_mount **ret_mounts,
			  size_t *ret_opened, struct assembly *assembly, struct error *err)
{
	if (launch_mounts_open(engine, config, ret_mounts, ret_opened, err) < 0)
		return -1;
	struct spec_mount *mounts = *ret_mounts;
	size_t kept = 0;
	for (size_t i = 0; i < *ret_opened; i++)
		if (mounts[i].kind != SPEC_MOUNT_TMPFS)
			mounts[kept++] = mounts[i];
	*ret_opened = kept;
	assembly->mounts = mounts;
	assembly->mount_count = kept;
	assembly->mount_fds = allocate_array(kept + 1, sizeof *assembly->mount_fds);
	return mounts_prepare(mounts, kept, assembly->mount_fds, err);
}

static int prepare_etc(int folder, struct assembly *assembly, struct error *err)
{
	for (size_t i = 0; i < ETC_COUNT; i++) {
		cleanup_close int file = openat(folder, etc_names[i], O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (file < 0)
			continue;
		assembly->etc_fds[i] = mounts_prepare_bind(file, false, false, etc_names[i], err);
		if (assembly->etc_fds[i] < 0)
			return -1;
	}
	return 0;
}

static int open_stopped(struct engine *engine, struct container_root *root, struct error *err)
{
	cleanup_close int folder = -1, unused = -1;
	struct assembly assembly = {.etc_fds = {-1, -1, -1}, .read_only = root->config.read_only_root};
	struct spec_mount *mounts = NULL;
	size_t opened = 0;
	if (container_hold_take(engine, root->record.id, &root->hold, err) < 0 ||
	    store_lock_content(engine->store, STORE_LOCK_SHARED, &root->content_lock, err) < 0 ||
	    container_open_folder(engine->store, root->record.id, true, &folder, err) < 0 ||
	    open_overlay(engine, root, folder, err) < 0)
		return -1;
	int result = prepare_mounts(engine, &root->config, &mounts, &opened, &assembly, err);
	if (result == 0)
		result = prepare_etc(folder, &assembly, err);
	if (result == 0) {
		assembly.root_fd = root->view.root_fd;
		/* The child's own root is what lies below; ours is the mount that it has put in place. */
		result = borrow_namespace(assemble, &assembly, &unused, &root->namespace_fd, err);
	}
	for (size_t i = 0; assembly.mount_fds && i < assembly.mount_count; i++)
		cleanup_close_function(&assembly.mount_fds[i]);
	for (size_t i = 0; i < ETC_COUNT; i++)
		cleanup_close_function(&assembly.etc_fds[i]);
	free(assembly.mount_fds);
	launch_mounts_close(mounts, opened);
	if (result < 0)
		return -1;
	root->fd = fcntl(root->view.root_fd, F_DUPFD_CLOEXEC, 3);
	return root->fd < 0 ? error_set_errno(err, errno, "duplicate a descriptor") : 0;
}

static int open_once(struct engine *engine, const char *name, struct container_root *root, struct error *err)
{
	struct container_state state;
	container_root_release(root);
	if (container_state_find(engine, name, &root->record, &state, err) < 0 ||
	    container_config_from_json(root->record.config, &root->config, err) < 0 ||
	    container_state_refuse_restarting(&root->record, &state, err) < 0)
		return -1;
	return state.status == CONTAINER_RUNNING ? open_running(engine, &state, root, err)
						 : open_stopped(engine, root, err);
}

int container_root_open(struct engine *engine, const char *name, struct container_root *ret_root, struct error *err)
{
	cleanup_container_root struct container_root root;
	container_root_init(&root);
	int result = open_once(engine, name, &root, err);
	/* It ended, or was started, while we looked. */
	for (int tries = 0; result < 0 && err->kind == ERROR_CONFLICT && tries < 3; tries++) {
		error_clear(err);
		result = open_once(engine, name, &root, err);
	}
	if (result < 0)
		return -1;
	*ret_root = root;
	container_root_init(&root);
	return 0;
}

int container_root_check_writable(const struct container_root *root, int fd, struct error *err)
{
	struct statvfs status;
	struct statx here, top;
	if (fstatvfs(fd, &status) < 0 || statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &here) < 0 ||
	    statx(root->fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &top) < 0)
		return error_set_errno(err, errno, "look at the destination's mount");
	if (!(status.f_flag & ST_RDONLY))
		return 0;
	return error_set(err, ERROR_DENIED, "%s is marked read-only",
			 here.stx_mnt_id == top.stx_mnt_id ? "container rootfs" : "mounted volume");
}
