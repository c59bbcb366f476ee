/*
 * Names of images, as Docker normalises them (distribution/reference): [DOMAIN/]PATH[:TAG][@DIGEST].
 * A name without a domain is docker.io's, and one without a slash docker.io/library's. The first component is a domain
 * where it holds a '.' or a ':' or is "localhost".
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/memory.h"
#include "oci/digest.h"

#define REFERENCE_DEFAULT_DOMAIN "docker.io"
#define REFERENCE_DEFAULT_TAG	 "latest"
#define REFERENCE_NAME_LIMIT	 255 /* bytes of DOMAIN/PATH */
#define REFERENCE_TAG_LIMIT	 128

struct reference {
	char *domain;		/* "docker.io", "ghcr.test", "127.0.0.1:5000" */
	char *path;		/* "library/debian", "regid/s2-standalone" */
	char *tag;		/* NULL where only a digest is named */
	struct digest digest;	/* unset where none is named */
	bool domain_is_implied; /* the text had no domain */
};

void reference_release(struct reference *reference);
#define cleanup_reference CLEANUP(reference_release)

/* Parses and normalises; where neither tag nor digest is named the tag is "latest". Messages are Docker's:
 * `invalid reference format: repository name (library/Foo) must be lowercase`. */
int reference_parse(const char *text, struct reference *ret_reference, struct error *err);

/* "docker.io/library/debian" — the key of the store. */
char *reference_name(const struct reference *reference);
/* "docker.io/library/debian:bookworm" or "…@sha256:…". */
char *reference_text(const struct reference *reference);
/* What users see: docker.io/ and library/ left out. "debian", "debian:bookworm". */
char *reference_familiar_name(const struct reference *reference);
char *reference_familiar_text(const struct reference *reference);
/* A full name from the store ("docker.io/library/debian") as users see it. */
char *reference_familiarize(const char *full_name);

/* Whether a text that a user typed names a tag or a digest: "web:1", and not "localhost:5000/web". */
bool reference_text_has_tag(const char *text);

/* Of the distribution specification, for servers too. */
bool reference_path_is_valid(const char *path);
bool reference_tag_is_valid(const char *tag);
