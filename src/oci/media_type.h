/* Media types of OCI's image specification v1.1 and of Docker's image manifest version 2, schema 2. */
#pragma once

#define MEDIA_TYPE_OCI_MANIFEST	     "application/vnd.oci.image.manifest.v1+json"
#define MEDIA_TYPE_OCI_INDEX	     "application/vnd.oci.image.index.v1+json"
#define MEDIA_TYPE_OCI_CONFIG	     "application/vnd.oci.image.config.v1+json"
#define MEDIA_TYPE_OCI_LAYER	     "application/vnd.oci.image.layer.v1.tar"
#define MEDIA_TYPE_OCI_LAYER_GZIP    "application/vnd.oci.image.layer.v1.tar+gzip"
#define MEDIA_TYPE_OCI_LAYER_ZSTD    "application/vnd.oci.image.layer.v1.tar+zstd"
#define MEDIA_TYPE_DOCKER_MANIFEST   "application/vnd.docker.distribution.manifest.v2+json"
#define MEDIA_TYPE_DOCKER_LIST	     "application/vnd.docker.distribution.manifest.list.v2+json"
#define MEDIA_TYPE_DOCKER_CONFIG     "application/vnd.docker.container.image.v1+json"
#define MEDIA_TYPE_DOCKER_LAYER_GZIP "application/vnd.docker.image.rootfs.diff.tar.gzip"
