/*
 * Fsck of the store: whether images are what their digests say.
 *
 * Documents and kept blobs are hashed. A layer is unpacked once more, from its kept blob or from the archive that its
 * record gives (store/layer_record.h), the archive is compared with the diff id, and both folders are compared as
 * archives: contents, names, modes, owners, times, links and attributes. So it needs room for the largest layer.
 */
#pragma once

#include "engine/registry_request.h"

struct verify_options {
	char *const *names; /* images; none: all of them, every blob, and what nothing names */
	size_t count;
	/* Makes what is bad again from a kept blob, or pulls it where it came from, and puts it in place of the bad
	 * one: that one is there until the new one is verified. */
	bool repair;
};

struct verify_outcome {
	uint64_t images, blobs, layers; /* that were checked */
	uint64_t problems;		/* that are there, after the repair where one was asked for */
	uint64_t unchecked;		/* layers of which neither blob nor record is here; a registry has them */
	uint64_t garbage;
};

/* Each finding is a line of the report. Findings are no errors; a full disk or an unknown name is. */
int images_verify(struct engine *engine, const struct verify_options *options, const struct engine_report *report,
		  struct verify_outcome *ret_outcome, struct error *err);
