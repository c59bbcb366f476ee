/* An image from one place to another, past the store: skopeo's job. */
#pragma once

#include "engine/registry_request.h"
#include "oci/platform.h"

struct copy_options {
	bool all;			 /* an index as a whole */
	const struct platform *platform; /* NULL: this machine's */
	bool is_insecure;		 /* neither registry need have a certificate that is trusted */
};

/*
 * Both ends are "NAME[:TAG|@DIGEST]" or "docker://NAME…" for a registry, "oci:FOLDER[:TAG]", "oci-archive:FILE[:TAG]",
 * "docker-archive:FILE[:NAME[:TAG]]".
 */
int image_copy(const char *from, const char *to, const struct copy_options *options,
	       const struct transfer_progress *progress, struct digest *ret_digest, struct error *err);
