/*
 * The text of a Dockerfile as logical lines: parser directives read, comments dropped, continued lines joined, heredocs
 * attached to the line that opens them. Rules are those of the Dockerfile reference ("Parser directives", "Format",
 * "Here-Documents"):
 *
 *     - a directive (`# escape=`, `# syntax=`, `# check=`) counts only before anything else, and once;
 *     - the escape character at the end of a line continues it, twice it does not; lines are joined as they are, with
 *       the white space that begins them; comment and blank lines inside a continued line vanish;
 *     - heredocs belong to RUN, COPY and ADD (also behind ONBUILD) in shell form.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/memory.h"

#define DOCKERFILE_SIZE_LIMIT	 ((size_t)1024 * 1024)
#define DOCKERFILE_LINE_LIMIT	 10000
#define DOCKERFILE_HEREDOC_LIMIT 64 /* on one line */

struct heredoc {
	char *name;
	char *content;	 /* leading tabs are gone already where the heredoc was opened with <<- */
	bool expand;	 /* no part of the name stood in quotes */
	bool strip_tabs; /* opened with <<- */
};

struct dockerfile_line {
	char *text;		     /* trimmed at both ends, never empty */
	unsigned first_line;	     /* 1-based, of the file */
	unsigned last_line;	     /* the heredocs' last one included */
	unsigned empty_continuation; /* a blank line stands in it: where it ends, heredocs left out; else 0 */
	struct heredoc *heredocs;
	size_t heredoc_count;
};

struct dockerfile_lines {
	char escape; /* '\\' or '`' */
	char *check; /* the text of `# check=`, or NULL */
	struct dockerfile_line *items;
	size_t count;
};

/* Whether a word of RUN, COPY or ADD opens a heredoc: "<<EOF", "<<-'EOF'", "3<<EOF". */
bool heredoc_is_word(const char *word);
void heredocs_release(struct heredoc *heredocs, size_t count);
void dockerfile_lines_release(struct dockerfile_lines *lines);
#define cleanup_dockerfile_lines CLEANUP(dockerfile_lines_release)

/* On failure the lines to show, or 0: the first and the last one of what is wrong. */
struct dockerfile_place {
	unsigned first, last;
};
int dockerfile_lex(const char *bytes, size_t size, struct dockerfile_lines *ret_lines,
		   struct dockerfile_place *ret_place, struct error *err);
