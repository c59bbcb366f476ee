#include <errno.h>
#include <string.h>

#include "cli/command.h"
#include "cli/format.h"
#include "engine/search.h"

#define DESCRIPTION_WIDTH 45 /* characters, as Docker cuts it */

struct search_arguments {
	bool whole;
	int64_t limit;
	int64_t stars; /* at least */
	int official;  /* -1: either */
	int automated; /* -1: either; nothing is any more */
};

static char *name_text(const void *row, const void *context)
{
	return duplicate_string(((const struct search_result *)row)->name);
}

static char *description_text(const void *row, const void *context)
{
	const char *text = ((const struct search_result *)row)->description;
	if (((const struct search_arguments *)context)->whole)
		return duplicate_string(text);
	size_t characters = 0, cut = 0;
	for (size_t i = 0; text[i]; i++) {
		if (((unsigned char)text[i] & 0xc0) == 0x80)
			continue;
		if (characters == DESCRIPTION_WIDTH - 1)
			cut = i;
		characters++;
	}
	return characters <= DESCRIPTION_WIDTH ? duplicate_string(text) : format_string("%.*s…", (int)cut, text);
}

static char *stars_text(const void *row, const void *context)
{
	return format_string("%lld", (long long)((const struct search_result *)row)->stars);
}

static char *official_text(const void *row, const void *context)
{
	return duplicate_string(((const struct search_result *)row)->is_official ? "[OK]" : "");
}

static char *automated_text(const void *row, const void *context)
{
	return duplicate_string("");
}

static const struct format_column columns[] = {
	{"Description", "DESCRIPTION", description_text},
	{"IsAutomated", "AUTOMATED", automated_text},
	{"IsOfficial", "OFFICIAL", official_text},
	{"Name", "NAME", name_text},
	{"StarCount", "STARS", stars_text},
	{NULL, NULL, NULL},
};

static int parse_boolean(const char *name, const char *value, int *ret_value, struct error *err)
{
	bool is_true = strcmp(value, "true") == 0 || strcmp(value, "1") == 0;
	if (!is_true && strcmp(value, "false") != 0 && strcmp(value, "0") != 0)
		return error_set(err, ERROR_INVALID, "invalid filter '%s=[%s]'", name, value);
	*ret_value = is_true;
	return 0;
}

static int parse_filter(struct search_arguments *arguments, const char *text, struct error *err)
{
	const char *equals = strchr(text, '=');
	if (!equals)
		return error_set(err, ERROR_INVALID,
				 "invalid argument \"%s\" for \"-f, --filter\" flag: invalid filter "
				 "'%s': expected '<key>=<value>'",
				 text, text);
	cleanup_free char *name = duplicate_bytes(text, (size_t)(equals - text));
	const char *value = equals + 1;
	if (strcmp(name, "is-official") == 0)
		return parse_boolean(name, value, &arguments->official, err);
	if (strcmp(name, "is-automated") == 0)
		return parse_boolean(name, value, &arguments->automated, err);
	if (strcmp(name, "stars") != 0)
		return error_set(err, ERROR_INVALID, "invalid filter '%s'", name);
	char *end;
	errno = 0;
	arguments->stars = strtoll(value, &end, 10);
	if (errno || end == value || *end)
		return error_set(err, ERROR_INVALID, "invalid filter 'stars=[%s]'", value);
	return 0;
}

static bool is_wanted(const struct search_result *result, const struct search_arguments *arguments)
{
	return result->stars >= arguments->stars &&
	       (arguments->official < 0 || result->is_official == (arguments->official == 1)) &&
	       arguments->automated != 1;
}

int cmd_search(struct invocation *invocation, int count, char **words, struct error *err)
{
	struct search_arguments arguments = {.limit = 25, .official = -1, .automated = -1};
	cleanup_string_list struct string_list filters = {0};
	const char *format = NULL;
	bool verify_tls = true;
	const struct option options[] = {
		OPTION_LIST('f', "filter", &filters, "filter",
			    "Filter output: stars=N, is-official=true or is-official=false"),
		OPTION_STRING(0, "format", &format, "string",
			      "Format output: 'json', 'table TEMPLATE' or a Go template"),
		OPTION_INTEGER(0, "limit", &arguments.limit, "int", "Max number of search results (default 25)"),
		OPTION_FLAG(0, "no-trunc", &arguments.whole, "Don't truncate output"),
		OPTION_TLS_VERIFY(&verify_tls),
		OPTION_END,
	};
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, words, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	for (size_t i = 0; i < filters.count; i++)
		if (parse_filter(&arguments, filters.items[i], err) < 0)
			return -1;
	if (arguments.limit < 1 || arguments.limit > SEARCH_LIMIT_MAX)
		return error_set(err, ERROR_INVALID, "limit %lld is outside the range of [1, %d]",
				 (long long)arguments.limit, SEARCH_LIMIT_MAX);
	cleanup_search_results struct search_results results = {0};
	if (registry_search(words[0], arguments.limit, !verify_tls, &results, err) < 0)
		return -1;
	/* Borrowed from the results, in their order. */
	cleanup_free struct search_result *wanted = allocate_array(results.count + 1, sizeof *wanted);
	size_t wanted_count = 0;
	for (size_t i = 0; i < results.count; i++)
		if (is_wanted(&results.items[i], &arguments))
			wanted[wanted_count++] = results.items[i];
	const struct format_rows rows = {
		.type_name = "*formatter.searchContext",
		.columns = columns,
		.context = &arguments,
		.rows = wanted,
		.count = wanted_count,
		.row_size = sizeof *wanted,
	};
	if (!format || strcmp(format, "table") == 0)
		format = "table {{.Name}}\t{{.Description}}\t{{.StarCount}}\t{{.IsOfficial}}";
	return format_print(&rows, format, err);
}
