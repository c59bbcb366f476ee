/*
 * `cp`: files between a container and the host, by Docker's rules:
 *
 *     source   destination          what comes of it
 *     file     absent               the file of that name; its folder must be there, and the name end in no slash
 *     file     file                 takes its place
 *     file     folder               goes into it under its own name
 *     folder   absent               a folder of that name with the contents
 *     folder   file                 an error
 *     folder   folder               goes into it under its own name; FOLDER/. only its contents
 *
 * A link as the source is copied as a link, unless the path ends in a slash or `follows_link` is set; as the
 * destination it is followed. Folders that are there keep owner and mode. All paths are resolved by container_root.h's
 * descriptor.
 */
#pragma once

#include <stdint.h>

#include "engine/engine.h"

struct container_copy {
	const char *container;
	const char *path;      /* in the container */
	const char *host_path; /* "-": a tar archive, on standard output, or from standard input (plain, gzip, zstd) */
	/*
	 * Owners. Into a container: the source's, as Docker has it; with `archive` the container's user and group. Onto
	 * the host: whoever runs this; with `archive` the source's.
	 */
	bool archive;
	bool follows_link;
	/* Told of the bytes of archive that have gone over; NULL: nobody is. */
	void (*progress)(void *context, uint64_t bytes);
	void *context;
	uint64_t bytes; /* afterwards: all of them */
};

/* ERROR_NOT_FOUND "Could not find the file PATH in container NAME". */
int container_copy_from(struct engine *engine, struct container_copy *copy, struct error *err);
int container_copy_to(struct engine *engine, struct container_copy *copy, struct error *err);
