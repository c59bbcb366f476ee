/* mcli's commands: one table, from which dispatch, help and completion come. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "service.h"
#include "words.h"

struct command {
	const char *name;
	const char *usage;
	const char *help;
	size_t minimum, maximum;					       /* words behind the name */
	bool (*run)(struct music_service *service, const struct words *words); /* false: it failed, and said so */
};

extern const struct command commands[];
extern const size_t command_count;

/* What came back is printed as the JSON that it is, a document a line. */
extern bool commands_print_json;

enum command_outcome { COMMAND_DONE, COMMAND_FAILED, COMMAND_QUIT };
enum command_outcome command_run(struct music_service *service, const char *line);
