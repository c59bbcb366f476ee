#include "registry/metadata.h"

#include "base/memory.h"

void metadata_manifest_release(struct metadata_manifest *manifest)
{
	free(manifest->media_type);
	free(manifest->artifact_type);
	free(manifest->referrer);
	*manifest = (struct metadata_manifest){0};
}

void metadata_upload_release(struct metadata_upload *upload)
{
	free(upload->repository);
	free(upload->owner);
	*upload = (struct metadata_upload){0};
}

void metadata_free(struct metadata *metadata)
{
	if (metadata)
		metadata->operations->free(metadata);
}
