#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/text.h"
#include "build/instruction.h"
#include "build/run_mount.h"
#include "build/words.h"

#define FORM_TEXT_LIMIT 512

static const char *const names[] = {
	[INSTRUCTION_ADD] = "ADD",
	[INSTRUCTION_ARG] = "ARG",
	[INSTRUCTION_CMD] = "CMD",
	[INSTRUCTION_COPY] = "COPY",
	[INSTRUCTION_ENTRYPOINT] = "ENTRYPOINT",
	[INSTRUCTION_ENV] = "ENV",
	[INSTRUCTION_EXPOSE] = "EXPOSE",
	[INSTRUCTION_FROM] = "FROM",
	[INSTRUCTION_HEALTHCHECK] = "HEALTHCHECK",
	[INSTRUCTION_LABEL] = "LABEL",
	[INSTRUCTION_MAINTAINER] = "MAINTAINER",
	[INSTRUCTION_ONBUILD] = "ONBUILD",
	[INSTRUCTION_RUN] = "RUN",
	[INSTRUCTION_SHELL] = "SHELL",
	[INSTRUCTION_STOPSIGNAL] = "STOPSIGNAL",
	[INSTRUCTION_USER] = "USER",
	[INSTRUCTION_VOLUME] = "VOLUME",
	[INSTRUCTION_WORKDIR] = "WORKDIR",
	[INSTRUCTION_COUNT] = NULL,
};
static_assert(ARRAY_SIZE(names) == INSTRUCTION_COUNT + 1, "a name for each instruction");

const char *instruction_name(enum instruction_kind kind)
{
	return names[kind];
}

void instruction_release(struct instruction *instruction)
{
	free(instruction->text);
	string_list_release(&instruction->arguments);
	for (size_t i = 0; i < instruction->pair_count; i++) {
		free(instruction->pairs[i].key);
		free(instruction->pairs[i].value);
	}
	free(instruction->pairs);
	free(instruction->stage_name);
	free(instruction->platform);
	free(instruction->from);
	free(instruction->chown);
	free(instruction->chmod);
	free(instruction->checksum);
	string_list_release(&instruction->excludes);
	string_list_release(&instruction->mounts);
	string_list_release(&instruction->sources);
	free(instruction->network);
	json_decref(instruction->healthcheck);
	heredocs_release(instruction->heredocs, instruction->heredoc_count);
	*instruction = (struct instruction){0};
}

void dockerfile_release(struct dockerfile *dockerfile)
{
	for (size_t i = 0; i < dockerfile->count; i++)
		instruction_release(&dockerfile->items[i]);
	free(dockerfile->items);
	free(dockerfile->check);
	*dockerfile = (struct dockerfile){0};
}

static char *upper_case(const char *word)
{
	char *upper = duplicate_string(word);
	for (char *at = upper; *at; at++)
		*at = (char)toupper((unsigned char)*at);
	return upper;
}

/* The instruction's name (owned) and what stands behind it; INSTRUCTION_COUNT: there is none of that name. */
static enum instruction_kind split_line(const char *text, char **ret_word, const char **ret_rest)
{
	static const char blanks[] = " \t\r\v\f";
	size_t length = strcspn(text, blanks);
	*ret_word = duplicate_bytes(text, length);
	*ret_rest = text + length + strspn(text + length, blanks);
	enum instruction_kind kind = 0;
	while (kind < INSTRUCTION_COUNT && strcasecmp(names[kind], *ret_word) != 0)
		kind++;
	return kind;
}

static int need_argument(const struct instruction *instruction, const char *rest, struct error *err)
{
	if (rest[0])
		return 0;
	return error_set(err, ERROR_INVALID, "%s requires at least one argument", names[instruction->kind]);
}

static const struct word_flag no_flags[] = {{0}};

/* CMD, ENTRYPOINT, RUN, SHELL, VOLUME: JSON or text. */
static int parse_exec_or_shell(struct instruction *instruction, const char *rest, struct error *err)
{
	int got = words_parse_json(rest, &instruction->arguments, err);
	if (got < 0)
		return -1;
	instruction->is_exec_form = got == 1;
	if (got == 0 && rest[0])
		string_list_add(&instruction->arguments, rest);
	return 0;
}

static const char *const run_networks[] = {"default", "none", "host", NULL};
static const char *const run_securities[] = {"sandbox", "insecure", NULL};

/* --network, --security: one of few words. The first is what holds without the flag, and becomes NULL. */
static int parse_choice(char **text, const char *flag, const char *const *choices, struct error *err)
{
	if (!*text)
		return 0;
	size_t i = 0;
	while (choices[i] && strcmp(choices[i], *text) != 0)
		i++;
	if (!choices[i])
		return error_set(err, ERROR_INVALID, "%s %s is not supported: --%s takes %s, %s%s%s", flag, *text, flag,
				 choices[0], choices[1], choices[2] ? ", " : "", choices[2] ? choices[2] : "");
	if (i == 0)
		replace_string(text, NULL);
	return 0;
}

static int parse_run(struct instruction *instruction, const char *rest, char escape, struct error *err)
{
	cleanup_free char *security = NULL;
	const struct word_flag flags[] = {
		{"mount", .list = &instruction->mounts},
		{"network", .value = &instruction->network},
		{"security", .value = &security},
		{0},
	};
	if (words_take_flags(&rest, escape, flags, err) < 0)
		return -1;
	for (size_t i = 0; i < instruction->mounts.count; i++) {
		CLEANUP(run_mount_release) struct run_mount mount = {0};
		if (run_mount_parse(instruction->mounts.items[i], NULL, &mount, err) < 0)
			return -1;
		if (mount.from && mount.from[0])
			string_list_add(&instruction->sources, mount.from);
	}
	if (parse_choice(&instruction->network, "network", run_networks, err) < 0 ||
	    parse_choice(&security, "security", run_securities, err) < 0)
		return -1;
	instruction->is_insecure = security && strcmp(security, "insecure") == 0;
	if (need_argument(instruction, rest, err) < 0 || parse_exec_or_shell(instruction, rest, err) < 0)
		return -1;
	if (!instruction->arguments.count)
		return error_set(err, ERROR_INVALID, "RUN requires at least one argument");
	return 0;
}

static int parse_command(struct instruction *instruction, const char *rest, char escape, struct error *err)
{
	if (words_take_flags(&rest, escape, no_flags, err) < 0)
		return -1;
	return parse_exec_or_shell(instruction, rest, err);
}

static int parse_shell(struct instruction *instruction, const char *rest, char escape, struct error *err)
{
	if (words_take_flags(&rest, escape, no_flags, err) < 0 || need_argument(instruction, rest, err) < 0 ||
	    parse_exec_or_shell(instruction, rest, err) < 0)
		return -1;
	if (!instruction->is_exec_form)
		return error_set(err, ERROR_INVALID, "SHELL requires the arguments to be in JSON form");
	if (!instruction->arguments.count)
		return error_set(err, ERROR_INVALID, "SHELL requires at least one argument");
	return 0;
}

static int parse_volume(struct instruction *instruction, const char *rest, char escape, struct error *err)
{
	if (words_take_flags(&rest, escape, no_flags, err) < 0 || need_argument(instruction, rest, err) < 0)
		return -1;
	int got = words_parse_json(rest, &instruction->arguments, err);
	if (got < 0)
		return -1;
	if (got == 0)
		words_split_plain(rest, &instruction->arguments);
	if (!instruction->arguments.count)
		return error_set(err, ERROR_INVALID, "VOLUME requires at least one argument");
	for (size_t i = 0; i < instruction->arguments.count; i++) {
		const char *path = instruction->arguments.items[i];
		size_t length = strlen(path);
		text_trim(&path, &length);
		if (!length)
			return error_set(err, ERROR_INVALID, "VOLUME specified can not be an empty string");
		replace_string(&instruction->arguments.items[i], duplicate_bytes(path, length));
	}
	return 0;
}

static int compare_words(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int parse_expose(struct instruction *instruction, const char *rest, char escape, struct error *err)
{
	if (words_take_flags(&rest, escape, no_flags, err) < 0 || need_argument(instruction, rest, err) < 0)
		return -1;
	words_split_plain(rest, &instruction->arguments);
	qsort(instruction->arguments.items, instruction->arguments.count, sizeof *instruction->arguments.items,
	      compare_words);
	return 0;
}

/* USER, WORKDIR, STOPSIGNAL, MAINTAINER: the whole line is one argument. */
static int parse_text(struct instruction *instruction, const char *rest, char escape, struct error *err)
{
	if (words_take_flags(&rest, escape, no_flags, err) < 0)
		return -1;
	if (!rest[0])
		return error_set(err, ERROR_INVALID, "%s requires exactly one argument", names[instruction->kind]);
	string_list_add(&instruction->arguments, rest);
	return 0;
}

static void add_pair(struct instruction *instruction, char *key, char *value)
{
	instruction->pairs =
		reallocate_array(instruction->pairs, instruction->pair_count + 1, sizeof *instruction->pairs);
	instruction->pairs[instruction->pair_count++] = (struct instruction_pair){key, value};
}

static int add_pair_word(struct instruction *instruction, const char *word, struct error *err)
{
	const char *equals = strchr(word, '=');
	if (equals == word || !word[0])
		return error_set(err, ERROR_INVALID, "%s names can not be blank", names[instruction->kind]);
	add_pair(instruction, duplicate_bytes(word, equals ? (size_t)(equals - word) : strlen(word)),
		 equals ? duplicate_string(equals + 1) : NULL);
	return 0;
}

/* ENV, LABEL: `name=value …`, or the old form `name the rest of the line`. */
static int parse_pairs(struct instruction *instruction, const char *rest, char escape, struct error *err)
{
	if (words_take_flags(&rest, escape, no_flags, err) < 0 || need_argument(instruction, rest, err) < 0)
		return -1;
	cleanup_string_list struct string_list words = {0};
	words_split_quoted(rest, escape, &words);
	if (!strchr(words.items[0], '=')) {
		size_t key = strcspn(rest, " \t");
		size_t gap = strspn(rest + key, " \t");
		add_pair(instruction, duplicate_bytes(rest, key), duplicate_string(rest + key + gap));
		return 0;
	}
	for (size_t i = 0; i < words.count; i++)
		if (add_pair_word(instruction, words.items[i], err) < 0)
			return -1;
	return 0;
}

static int parse_arg(struct instruction *instruction, const char *rest, char escape, struct error *err)
{
	if (words_take_flags(&rest, escape, no_flags, err) < 0 || need_argument(instruction, rest, err) < 0)
		return -1;
	cleanup_string_list struct string_list words = {0};
	words_split_quoted(rest, escape, &words);
	for (size_t i = 0; i < words.count; i++)
		if (add_pair_word(instruction, words.items[i], err) < 0)
			return -1;
	return 0;
}

static bool stage_name_is_valid(const char *name)
{
	if (!islower((unsigned char)name[0]))
		return false;
	for (; *name; name++)
		if (!islower((unsigned char)*name) && !isdigit((unsigned char)*name) && !strchr("-_.", *name))
			return false;
	return true;
}

static int parse_from(struct instruction *instruction, const char *rest, char escape, struct error *err)
{
	const struct word_flag flags[] = {{"platform", .value = &instruction->platform}, {0}};
	cleanup_string_list struct string_list words = {0};
	words_split_plain(words_behind_flags(rest, escape), &words);
	bool named = words.count == 3 && strcasecmp(words.items[1], "AS") == 0;
	if (words.count != 1 && !named)
		return error_set(err, ERROR_INVALID, "FROM requires either one or three arguments");
	if (named) {
		char *name = instruction->stage_name = duplicate_string(words.items[2]);
		for (char *at = name; *at; at++)
			*at = (char)tolower((unsigned char)*at);
		if (!stage_name_is_valid(name))
			return error_set(err, ERROR_INVALID,
					 "invalid name for build stage: \"%s\", name can't start with a number or "
					 "contain symbols",
					 words.items[2]);
	}
	string_list_add(&instruction->arguments, words.items[0]);
	return words_take_flags(&rest, escape, flags, err);
}

static bool is_true(const char *flag)
{
	return flag && strcmp(flag, "true") == 0;
}

/* COPY, ADD: sources and destination. */
static int take_sources(struct instruction *instruction, const char *rest, struct error *err)
{
	int got = words_parse_json(rest, &instruction->arguments, err);
	if (got < 0)
		return -1;
	if (got == 0)
		words_split_plain(rest, &instruction->arguments);
	const struct string_list *arguments = &instruction->arguments;
	if (arguments->count < 2)
		return error_set(err, ERROR_INVALID,
				 "%s requires at least two arguments, but only one was provided. Destination could not "
				 "be determined",
				 names[instruction->kind]);
	if (got == 0 && heredoc_is_word(arguments->items[arguments->count - 1]))
		return error_set(err, ERROR_INVALID, "%s cannot accept a heredoc as a destination",
				 names[instruction->kind]);
	return 0;
}

static int parse_copy(struct instruction *instruction, const char *rest, char escape, struct error *err)
{
	bool is_copy = instruction->kind == INSTRUCTION_COPY;
	cleanup_free char *link = NULL, *parents = NULL, *keep_git_dir = NULL, *unpack = NULL;
	const struct word_flag copy_flags[] = {
		{"from", .value = &instruction->from},
		{"chown", .value = &instruction->chown},
		{"chmod", .value = &instruction->chmod},
		{"link", true, .value = &link},
		{"parents", true, .value = &parents},
		{"exclude", .list = &instruction->excludes},
		{0},
	};
	const struct word_flag add_flags[] = {
		{"chown", .value = &instruction->chown},
		{"chmod", .value = &instruction->chmod},
		{"link", true, .value = &link},
		{"keep-git-dir", true, .value = &keep_git_dir},
		{"checksum", .value = &instruction->checksum},
		{"unpack", true, .value = &unpack},
		{"exclude", .list = &instruction->excludes},
		{0},
	};
	if (take_sources(instruction, words_behind_flags(rest, escape), err) < 0 ||
	    words_take_flags(&rest, escape, is_copy ? copy_flags : add_flags, err) < 0)
		return -1;
	instruction->has_link = is_true(link);
	instruction->has_parents = is_true(parents);
	instruction->keep_git_dir = is_true(keep_git_dir);
	instruction->unpack = !unpack ? UNPACK_LOCAL_ARCHIVES : is_true(unpack) ? UNPACK_ALWAYS : UNPACK_NEVER;
	if (instruction->from && strchr(instruction->from, '$'))
		return error_set(err, ERROR_INVALID,
				 "variable expansion is not supported for --from, define a new stage with FROM using "
				 "ARG from global scope as a workaround");
	if (instruction->from && !instruction->from[0])
		return error_set(err, ERROR_INVALID, "invalid from flag value: it is empty");
	if (instruction->from)
		string_list_add(&instruction->sources, instruction->from);
	return 0;
}

static int parse_interval(const char *name, const char *flag, const char *text, const char *member, json_t *ret_object,
			  struct error *err)
{
	if (!text || !text[0])
		return 0;
	long long span;
	if (words_parse_duration(text, &span, err) < 0)
		return -1;
	if (span == 0)
		return 0;
	if (span < 1000000)
		return error_set(err, ERROR_INVALID, "%s \"%s\" cannot be less than 1ms", name, flag);
	json_object_set_new(ret_object, member, json_integer(span));
	return 0;
}

static int parse_retries(const char *text, json_t *ret_object, struct error *err)
{
	if (!text || !text[0])
		return 0;
	char *end;
	errno = 0;
	long retries = strtol(text, &end, 10);
	bool is_number = end != text && !*end && !isspace((unsigned char)text[0]);
	if (!is_number || errno || retries > INT32_MAX || retries < INT32_MIN)
		return error_set(err, ERROR_INVALID, "strconv.ParseInt: parsing \"%s\": %s", text,
				 is_number ? "value out of range" : "invalid syntax");
	if (retries < 0)
		return error_set(err, ERROR_INVALID, "--retries cannot be negative (%ld)", retries);
	if (retries > 0)
		json_object_set_new(ret_object, "Retries", json_integer(retries));
	return 0;
}

/* `rest` is behind the flags: NONE, or CMD and a command. */
static int parse_health_test(const char *rest, json_t *ret_object, struct error *err)
{
	size_t length = strcspn(rest, " \t");
	const char *command = rest + length + strspn(rest + length, " \t");
	json_t *test = json_array();
	json_object_set_new(ret_object, "Test", test);
	if (length == 4 && strncasecmp(rest, "NONE", 4) == 0) {
		if (command[0])
			return error_set(err, ERROR_INVALID, "HEALTHCHECK NONE takes no arguments");
		json_array_append_new(test, json_string("NONE"));
		return 0;
	}
	if (length != 3 || strncasecmp(rest, "CMD", 3) != 0) {
		cleanup_free char *type = duplicate_bytes(rest, length > 64 ? 64 : length);
		cleanup_free char *upper = upper_case(type);
		return error_set(err, ERROR_INVALID, "Unknown type \"%s\" in HEALTHCHECK (try CMD)", upper);
	}
	cleanup_string_list struct string_list words = {0};
	int got = words_parse_json(command, &words, err);
	if (got < 0)
		return -1;
	if (!command[0] || (got == 1 && !words.count))
		return error_set(err, ERROR_INVALID, "Missing command after HEALTHCHECK CMD");
	json_array_append_new(test, json_string(got == 1 ? "CMD" : "CMD-SHELL"));
	for (size_t i = 0; i < words.count; i++)
		json_array_append_new(test, json_string(words.items[i]));
	if (got == 0 && json_array_append_new(test, json_string(command)) < 0)
		return error_set(err, ERROR_INVALID, "HEALTHCHECK: the command is not UTF-8");
	return 0;
}

static int parse_healthcheck(struct instruction *instruction, const char *rest, char escape, struct error *err)
{
	cleanup_free char *interval = NULL, *timeout = NULL, *start_period = NULL, *start_interval = NULL,
			  *retries = NULL;
	const struct word_flag flags[] = {
		{"interval", .value = &interval},	  {"timeout", .value = &timeout},
		{"start-period", .value = &start_period}, {"start-interval", .value = &start_interval},
		{"retries", .value = &retries},		  {0},
	};
	if (words_take_flags(&rest, escape, flags, err) < 0 || need_argument(instruction, rest, err) < 0)
		return -1;
	json_t *check = instruction->healthcheck = json_object();
	if (parse_health_test(rest, check, err) < 0 ||
	    parse_interval("Interval", "interval", interval, "Interval", check, err) < 0 ||
	    parse_interval("Interval", "timeout", timeout, "Timeout", check, err) < 0 ||
	    parse_interval("Interval", "start-period", start_period, "StartPeriod", check, err) < 0 ||
	    parse_interval("Interval", "start-interval", start_interval, "StartInterval", check, err) < 0)
		return -1;
	return parse_retries(retries, check, err);
}

static int parse_onbuild(struct instruction *instruction, const char *rest, char escape, struct error *err)
{
	if (words_take_flags(&rest, escape, no_flags, err) < 0 || need_argument(instruction, rest, err) < 0)
		return -1;
	size_t length = strcspn(rest, " \t");
	if (length == 7 && strncasecmp(rest, "ONBUILD", 7) == 0)
		return error_set(err, ERROR_INVALID, "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
	if ((length == 4 && strncasecmp(rest, "FROM", 4) == 0) ||
	    (length == 10 && strncasecmp(rest, "MAINTAINER", 10) == 0))
		return error_set(err, ERROR_INVALID, "%s isn't allowed as an ONBUILD trigger",
				 names[length == 4 ? INSTRUCTION_FROM : INSTRUCTION_MAINTAINER]);
	/* A trigger that can never work is said here and not in somebody else's build. */
	struct dockerfile_line line = {.text = duplicate_string(rest)};
	cleanup_instruction struct instruction trigger = {0};
	int result = instruction_parse(&line, escape, &trigger, err);
	free(line.text);
	cleanup_buffer struct buffer text = BUFFER_INIT(2 * DOCKERFILE_SIZE_LIMIT);
	if (result < 0 || buffer_append_string(&text, rest, err) < 0)
		return -1;
	/* The image keeps one text, heredocs and all. */
	for (size_t i = 0; i < instruction->heredoc_count; i++)
		if (buffer_append_format(&text, err, "\n%s%s", instruction->heredocs[i].content,
					 instruction->heredocs[i].name) < 0)
			return -1;
	string_list_take(&instruction->arguments, buffer_steal(&text));
	return 0;
}

typedef int parse_function(struct instruction *instruction, const char *rest, char escape, struct error *err);

static parse_function *const parse_functions[INSTRUCTION_COUNT] = {
	[INSTRUCTION_ADD] = parse_copy,
	[INSTRUCTION_ARG] = parse_arg,
	[INSTRUCTION_CMD] = parse_command,
	[INSTRUCTION_COPY] = parse_copy,
	[INSTRUCTION_ENTRYPOINT] = parse_command,
	[INSTRUCTION_ENV] = parse_pairs,
	[INSTRUCTION_EXPOSE] = parse_expose,
	[INSTRUCTION_FROM] = parse_from,
	[INSTRUCTION_HEALTHCHECK] = parse_healthcheck,
	[INSTRUCTION_LABEL] = parse_pairs,
	[INSTRUCTION_MAINTAINER] = parse_text,
	[INSTRUCTION_ONBUILD] = parse_onbuild,
	[INSTRUCTION_RUN] = parse_run,
	[INSTRUCTION_SHELL] = parse_shell,
	[INSTRUCTION_STOPSIGNAL] = parse_text,
	[INSTRUCTION_USER] = parse_text,
	[INSTRUCTION_VOLUME] = parse_volume,
	[INSTRUCTION_WORKDIR] = parse_text,
};

int instruction_parse(struct dockerfile_line *line, char escape, struct instruction *ret_instruction, struct error *err)
{
	const char *rest = NULL;
	cleanup_free char *word = NULL;
	enum instruction_kind kind = split_line(line->text, &word, &rest);
	if (kind == INSTRUCTION_COUNT) {
		cleanup_free char *upper = upper_case(word);
		const char *suggestion = words_suggest(upper, names);
		if (suggestion)
			return error_set(err, ERROR_INVALID, "unknown instruction: %s (did you mean %s?)", word,
					 suggestion);
		return error_set(err, ERROR_INVALID, "unknown instruction: %s", word);
	}
	cleanup_instruction struct instruction instruction = {
		.kind = kind,
		.text = duplicate_string(line->text),
		.first_line = line->first_line,
		.last_line = line->last_line,
		.empty_continuation = line->empty_continuation,
	};
	instruction.heredocs = steal_pointer(&line->heredocs);
	instruction.heredoc_count = line->heredoc_count;
	line->heredoc_count = 0;
	if (parse_functions[kind](&instruction, rest, escape, err) < 0)
		return -1;
	*ret_instruction = instruction;
	instruction = (struct instruction){0};
	return 0;
}

static int check_pairs_form(enum instruction_kind kind, const char *rest, char escape, struct error *err)
{
	cleanup_string_list struct string_list words = {0};
	words_split_quoted(rest, escape, &words);
	if (words.count == 1 && !strchr(words.items[0], '='))
		return error_set(err, ERROR_INVALID, "%s must have two arguments", names[kind]);
	for (size_t i = 0; i < words.count && strchr(words.items[0], '='); i++) {
		if (strchr(words.items[i], '='))
			continue;
		cleanup_buffer struct buffer quoted = BUFFER_INIT(8 * DOCKERFILE_SIZE_LIMIT);
		if (text_append_quoted(&quoted, words.items[i], err) < 0)
			return -1;
		return error_set(err, ERROR_INVALID,
				 "Syntax error - can't find = in %.*s. Must be of the form: name=value",
				 FORM_TEXT_LIMIT, buffer_text(&quoted));
	}
	return 0;
}

/* What is wrong with a line whatever the other lines say: BuildKit finds it first, and names no line in the message. */
static int check_form(const char *text, char escape, struct error *err)
{
	const char *rest = NULL;
	cleanup_free char *word = NULL;
	enum instruction_kind kind = split_line(text, &word, &rest);
	rest = words_behind_flags(rest, escape);
	cleanup_string_list struct string_list words = {0};
	switch (kind) {
	case INSTRUCTION_ENV:
	case INSTRUCTION_LABEL:
		return check_pairs_form(kind, rest, escape, err);
	case INSTRUCTION_HEALTHCHECK:
		rest += strcspn(rest, " \t");
		rest += strspn(rest, " \t");
		__attribute__((fallthrough));
	case INSTRUCTION_ADD:
	case INSTRUCTION_CMD:
	case INSTRUCTION_COPY:
	case INSTRUCTION_ENTRYPOINT:
	case INSTRUCTION_RUN:
	case INSTRUCTION_SHELL:
	case INSTRUCTION_VOLUME:
		return words_parse_json(rest, &words, err) < 0 ? -1 : 0;
	case INSTRUCTION_ONBUILD:
		return check_form(rest, escape, err);
	default:
		return 0;
	}
}

/* *ret_at is the line that an error is about. */
static int check_forms(const struct dockerfile_lines *lines, size_t *ret_at, struct error *err)
{
	for (*ret_at = 0; *ret_at < lines->count; ++*ret_at)
		if (check_form(lines->items[*ret_at].text, lines->escape, err) < 0)
			return -1;
	return 0;
}

/* *ret_wrap: whether the message is to name the line. */
static int parse_lines(struct dockerfile_lines *lines, struct dockerfile *dockerfile, bool *ret_wrap, struct error *err)
{
	bool in_stage = false;
	*ret_wrap = true;
	dockerfile->escape = lines->escape;
	dockerfile->check = steal_pointer(&lines->check);
	dockerfile->items = allocate_array(lines->count, sizeof *dockerfile->items);
	for (size_t i = 0; i < lines->count; i++) {
		struct instruction *instruction = &dockerfile->items[i];
		if (instruction_parse(&lines->items[i], lines->escape, instruction, err) < 0)
			return -1;
		dockerfile->count++;
		in_stage |= instruction->kind == INSTRUCTION_FROM;
		if (!in_stage && instruction->kind != INSTRUCTION_ARG) {
			dockerfile->count = i; /* so that the caller sees which one */
			instruction_release(instruction);
			*ret_wrap = false;
			return error_set(err, ERROR_INVALID, "no build stage in current context");
		}
	}
	*ret_wrap = false;
	return in_stage ? 0 : error_set(err, ERROR_INVALID, "dockerfile contains no stages to build");
}

bool instruction_is_heredoc(const struct instruction *instruction)
{
	const char *text = instruction->arguments.count ? instruction->arguments.items[0] : "";
	return instruction->kind == INSTRUCTION_RUN && instruction->heredoc_count == 1 && !strpbrk(text, " \t") &&
	       heredoc_is_word(text);
}

static int show_line(const struct dockerfile_line *line, unsigned *ret_first_line, unsigned *ret_last_line)
{
	*ret_first_line = line->first_line;
	*ret_last_line = line->last_line;
	return -1;
}

int dockerfile_parse(const char *bytes, size_t size, struct dockerfile *ret_dockerfile, unsigned *ret_first_line,
		     unsigned *ret_last_line, struct error *err)
{
	*ret_first_line = *ret_last_line = 0;
	cleanup_dockerfile_lines struct dockerfile_lines lines = {0};
	struct dockerfile_place place;
	size_t at = 0;
	if (dockerfile_lex(bytes, size, &lines, &place, err) < 0) {
		*ret_first_line = place.first;
		*ret_last_line = place.last;
		return -1;
	}
	if (check_forms(&lines, &at, err) < 0)
		return show_line(&lines.items[at], ret_first_line, ret_last_line);
	cleanup_dockerfile struct dockerfile dockerfile = {0};
	bool wrap = true;
	if (parse_lines(&lines, &dockerfile, &wrap, err) < 0) {
		if (dockerfile.count < lines.count)
			show_line(&lines.items[dockerfile.count], ret_first_line, ret_last_line);
		return wrap ? error_wrap(err, "dockerfile parse error on line %u", *ret_first_line) : -1;
	}
	*ret_dockerfile = dockerfile;
	dockerfile = (struct dockerfile){0};
	return 0;
}
