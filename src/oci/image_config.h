/*
 * Image configuration (OCI image specification v1.1, config.md) with the members that Docker adds (Healthcheck, Shell,
 * OnBuild). The image's id is the digest of this document's bytes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/json.h"
#include "base/string_list.h"
#include "oci/digest.h"
#include "oci/platform.h"

#define IMAGE_CONFIG_SIZE_LIMIT ((size_t)4 * 1024 * 1024)

struct image_history {
	char *created;	  /* RFC 3339 or NULL */
	char *created_by; /* or NULL */
	char *comment;	  /* or NULL */
	bool empty_layer;
};

struct image_config {
	char *created; /* RFC 3339 or NULL */
	char *author;
	struct platform platform;
	/* member `config` */
	char *user;
	char *working_directory;
	char *stop_signal;
	struct string_list environment;
	struct string_list entrypoint;
	bool has_entrypoint; /* an empty list is not the same as none */
	struct string_list command;
	bool has_command;
	struct string_list exposed_ports; /* "30001/tcp", sorted */
	struct string_list volumes;	  /* "/data", sorted */
	struct string_list labels;	  /* "KEY=VALUE", sorted by key */
	struct string_list shell;	  /* SHELL; empty: /bin/sh -c */
	struct string_list on_build;
	json_t *healthcheck; /* owned, or NULL */
	/* `rootfs` and `history` */
	struct digest *diff_ids; /* base first */
	size_t diff_id_count;
	struct image_history *history;
	size_t history_count;
};

int image_config_parse(const void *bytes, size_t size, struct image_config *ret_config, struct error *err);
/* Deterministic text, owned by the caller. */
char *image_config_serialize(const struct image_config *config);
void image_config_copy(struct image_config *to, const struct image_config *from); /* `to` is released first */
void image_config_add_diff_id(struct image_config *config, const struct digest *diff_id);
void image_config_add_history(struct image_config *config, const char *created, const char *created_by,
			      const char *comment, bool empty_layer);
/* Adds to a sorted list unless it is there. */
void image_config_add_sorted(struct string_list *list, const char *item);
void image_config_release(struct image_config *config);
#define cleanup_image_config CLEANUP(image_config_release)
