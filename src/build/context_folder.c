#include "build/context_folder.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

int context_folder_open(struct context_folder *folder, struct store *store, struct error *err)
{
	if (folder->fd >= 0)
		return 0;
	int fd = open_folder(folder->path, false, 0, err);
	if (fd < 0)
		return error_wrap(err, "unable to prepare context");
	folder->fd = fd;
	if (folder->is_archive)
		return 0;
	cleanup_free char *real = realpath(folder->path, NULL);
	const char *known_as = real ? real : folder->path;
	struct digest digest;
	digest_of_bytes(known_as, strlen(known_as), &digest);
	cleanup_free char *name = format_string("context-%.32s", digest_hex(&digest));
	folder->memo = memo_open(store->root_fd, name);
	return 0;
}

struct content_root context_folder_root(const struct context_folder *folder, const struct ignore_list *exclude)
{
	return (struct content_root){
		.fd = folder->fd,
		.ignore = folder->ignore.count ? &folder->ignore : NULL,
		.exclude = exclude,
		.memo = folder->memo,
	};
}

void context_folder_keep_memo(struct context_folder *folder)
{
	memo_free(steal_pointer(&folder->memo));
}

void context_folder_release(struct context_folder *folder)
{
	context_folder_keep_memo(folder);
	ignore_list_release(&folder->ignore);
	if (folder->fd >= 0)
		close(folder->fd);
	folder->fd = -1;
}
