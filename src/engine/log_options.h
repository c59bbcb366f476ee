/*
 * --log-opt: Docker's options of the drivers json-file, local and journald, checked with Docker's messages, and what
 * comes of them. Where nothing is said a log is bounded: LOG_DEFAULT_SIZE bytes a file, LOG_DEFAULT_FILES files.
 */
#pragma once

#include "engine/container_config.h"
#include "store/container.h"

#define LOG_DEFAULT_SIZE   (20 * 1024 * 1024)
#define LOG_DEFAULT_FILES  5
#define LOG_DEFAULT_BUFFER (1024 * 1024)

struct log_settings {
	int64_t max_size;  /* of a file; 0: no limit */
	int64_t max_files; /* with the one that is written to */
	bool compress;	   /* the others */
	int64_t buffer;	   /* bytes of mode=non-blocking; 0: the container waits for its log */
};

/* ERROR_INVALID where an option, its value or their combination is none of the driver's. */
int log_settings_read(const struct container_config *config, struct log_settings *ret_settings, struct error *err);

/*
 * What tag, labels, labels-regex, env and env-regex choose of a container: KEY=VALUE, sorted by key. `default_tag`
 * stands where no tag is set; NULL: then there is none. Regular expressions are POSIX extended ones.
 */
int log_attributes(const struct container_config *config, const struct container_record *record,
		   struct string_list *attributes, struct error *err);
/* The tag alone; NULL where there is neither one nor a default. Owned by the caller. */
int log_tag(const struct container_config *config, const struct container_record *record, const char *default_tag,
	    char **ret_tag, struct error *err);
/* KEY=VALUE by key, as Docker tells its maps. */
void log_sort_pairs(struct string_list *pairs);
/* As `logs --details` shows them: KEY=VALUE,KEY=VALUE, quoted as in a URL's query. Owned by the caller. */
char *log_details_text(const struct string_list *attributes);
