/*
 * Instructions of a Dockerfile, checked in form but not yet expanded: what can be said without a base image is said
 * here, in the words of BuildKit.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"
#include "base/string_list.h"
#include "build/lexer.h"

enum instruction_kind {
	INSTRUCTION_ADD,
	INSTRUCTION_ARG,
	INSTRUCTION_CMD,
	INSTRUCTION_COPY,
	INSTRUCTION_ENTRYPOINT,
	INSTRUCTION_ENV,
	INSTRUCTION_EXPOSE,
	INSTRUCTION_FROM,
	INSTRUCTION_HEALTHCHECK,
	INSTRUCTION_LABEL,
	INSTRUCTION_MAINTAINER,
	INSTRUCTION_ONBUILD,
	INSTRUCTION_RUN,
	INSTRUCTION_SHELL,
	INSTRUCTION_STOPSIGNAL,
	INSTRUCTION_USER,
	INSTRUCTION_VOLUME,
	INSTRUCTION_WORKDIR,
	INSTRUCTION_COUNT,
};

struct instruction_pair {
	char *key;
	char *value; /* NULL: ARG without a default */
};

enum instruction_unpack { UNPACK_LOCAL_ARCHIVES, UNPACK_ALWAYS, UNPACK_NEVER };

struct instruction {
	enum instruction_kind kind;
	char *text; /* the logical line as it was written: for progress and for errors */
	unsigned first_line, last_line;
	unsigned empty_continuation; /* as in the dockerfile_line */
	/*
	 * Shell form: one item. Exec form: the items. FROM: the base. COPY, ADD: sources, then the destination. EXPOSE,
	 * VOLUME: words. HEALTHCHECK: none, see below. ONBUILD: the trigger's text. Others: one item.
	 */
	struct string_list arguments;
	bool is_exec_form;
	struct instruction_pair *pairs; /* ENV, LABEL, ARG */
	size_t pair_count;
	char *stage_name; /* FROM … AS, lower case; or NULL */
	char *platform;	  /* FROM --platform, or NULL */
	char *from;	  /* COPY --from, or NULL */
	char *chown;	  /* COPY, ADD; or NULL */
	char *chmod;	  /* COPY, ADD; or NULL */
	char *checksum;	  /* ADD; or NULL */
	bool has_link, has_parents, keep_git_dir;
	enum instruction_unpack unpack; /* ADD */
	struct string_list excludes;	/* COPY, ADD: patterns, not yet expanded */
	struct string_list mounts;	/* RUN: texts of run_mount_parse(), checked in form */
	struct string_list sources;	/* stages or images that COPY --from and RUN --mount=from take from */
	char *network;			/* RUN: "none", "host", or NULL */
	bool is_insecure;		/* RUN --security=insecure */
	json_t *healthcheck;		/* as the image's config has it */
	struct heredoc *heredocs;
	size_t heredoc_count;
};

struct dockerfile {
	char escape;
	char *check;		   /* the text of `# check=`, or NULL */
	struct instruction *items; /* global ARGs, then FROM … */
	size_t count;
};

/* RUN of a heredoc alone, whose content is the script: "<<EOF", also with a number in front. */
bool instruction_is_heredoc(const struct instruction *instruction);
const char *instruction_name(enum instruction_kind kind); /* "RUN" */
void instruction_release(struct instruction *instruction);
#define cleanup_instruction CLEANUP(instruction_release)
void dockerfile_release(struct dockerfile *dockerfile);
#define cleanup_dockerfile CLEANUP(dockerfile_release)

/*
 * ERROR_INVALID: "dockerfile parse error on line 3: unknown instruction: FORM (did you mean FROM?)".
 * On failure *ret_first_line and *ret_last_line (never NULL) are the lines to show, or 0.
 */
int dockerfile_parse(const char *bytes, size_t size, struct dockerfile *ret_dockerfile, unsigned *ret_first_line,
		     unsigned *ret_last_line, struct error *err);
/* One line: an ONBUILD trigger of a base image. Takes the heredocs out of `line`. */
int instruction_parse(struct dockerfile_line *line, char escape, struct instruction *ret_instruction,
		      struct error *err);
