/* An image comes from its registry into the store. */
#pragma once

#include "engine/registry_request.h"
#include "oci/platform.h"
#include "store/image.h"

enum pull_policy { PULL_MISSING, PULL_ALWAYS, PULL_NEVER };
/* "missing", "always", "never". */
int pull_policy_parse(const char *text, enum pull_policy *ret_policy, struct error *err);

struct pull_outcome {
	struct image image;
	struct digest repository_digest;
	bool is_newer; /* the name means another image than before */
};

/* Docker's lines go to progress: "…: Pulling from …", "Digest: …", "Status: …". platform NULL: this machine's. */
int image_pull(struct engine *engine, const struct reference *reference, const struct platform *platform,
	       const struct transfer_progress *progress, struct pull_outcome *ret_outcome, struct error *err);
