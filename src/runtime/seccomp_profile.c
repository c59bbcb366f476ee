#include "runtime/seccomp_profile.h"

#include <errno.h>
#include <inttypes.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/memory.h"
#include "runtime/capability.h"

#define ARGUMENTS 6
#if defined(__x86_64__)
#define ARCHITECTURE "amd64"
#elif defined(__aarch64__)
#define ARCHITECTURE "arm64"
#endif

struct profile {
	scmp_filter_ctx filter;
	uint64_t capabilities;
	uint32_t default_action;
	int64_t default_errno;
};

static void release_context(scmp_filter_ctx *filter)
{
	if (*filter)
		seccomp_release(*filter);
}

static int fail(int number, const char *what, struct error *err)
{
	return error_set_errno(err, -number, "make the system call filter: %s", what);
}

static int parse_action(const char *name, int64_t number, uint32_t *ret_action, struct error *err)
{
	static const struct {
		const char *name;
		uint32_t action;
	} actions[] = {
		{"SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD},
		{"SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD},
		{"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS},
		{"SCMP_ACT_TRAP", SCMP_ACT_TRAP},
		{"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW},
		{"SCMP_ACT_LOG", SCMP_ACT_LOG},
	};
	if (number < 0 || number > 4095)
		return error_set(err, ERROR_INVALID, "seccomp profile: errno %" PRId64 " is out of range", number);
	if (strcmp(name, "SCMP_ACT_ERRNO") == 0) {
		*ret_action = SCMP_ACT_ERRNO((uint32_t)number);
		return 0;
	}
	if (strcmp(name, "SCMP_ACT_TRACE") == 0) {
		*ret_action = SCMP_ACT_TRACE((uint32_t)number);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		if (strcmp(actions[i].name, name) == 0) {
			*ret_action = actions[i].action;
			return 0;
		}
	}
	return error_set(err, ERROR_INVALID, "seccomp profile: invalid action '%s'", name);
}

static int parse_operator(const char *name, enum scmp_compare *ret_operator, struct error *err)
{
	static const struct {
		const char *name;
		enum scmp_compare value;
	} operators[] = {
		{"SCMP_CMP_NE", SCMP_CMP_NE},
		{"SCMP_CMP_LT", SCMP_CMP_LT},
		{"SCMP_CMP_LE", SCMP_CMP_LE},
		{"SCMP_CMP_EQ", SCMP_CMP_EQ},
		{"SCMP_CMP_GE", SCMP_CMP_GE},
		{"SCMP_CMP_GT", SCMP_CMP_GT},
		{"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
	};
	for (size_t i = 0; i < ARRAY_SIZE(operators); i++) {
		if (strcmp(operators[i].name, name) == 0) {
			*ret_operator = operators[i].value;
			return 0;
		}
	}
	return error_set(err, ERROR_INVALID, "seccomp profile: invalid operator '%s'", name);
}

/* "SCMP_ARCH_X86_64" as libseccomp's own functions name it: "x86_64". 0: unknown to it. */
static uint32_t parse_architecture(const char *name)
{
	char text[32];
	if (strncmp(name, "SCMP_ARCH_", 10) != 0 || strlen(name + 10) >= sizeof text)
		return 0;
	size_t length = strlen(name + 10);
	for (size_t i = 0; i <= length; i++)
		text[i] = (char)(name[10 + i] >= 'A' && name[10 + i] <= 'Z' ? name[10 + i] + 32 : name[10 + i]);
	return seccomp_arch_resolve_name(text);
}

static int add_architecture(struct profile *profile, const char *name, struct error *err)
{
	uint32_t architecture = parse_architecture(name);
	if (architecture == 0)
		return error_set(err, ERROR_INVALID, "seccomp profile: unrecognized architecture \"%s\"", name);
	int result = seccomp_arch_add(profile->filter, architecture);
	return result < 0 && result != -EEXIST ? fail(result, name, err) : 0;
}

static int add_architectures(struct profile *profile, const json_t *document, struct error *err)
{
	cleanup_string_list struct string_list names = {0};
	json_t *map = NULL, *item;
	size_t index;
	if (json_get_strings(document, "architectures", &names, err) < 0 ||
	    json_get_array(document, "archMap", &map, err) < 0)
		return -1;
	if (names.count && json_array_size(map))
		return error_set(err, ERROR_INVALID,
				 "both 'architectures' and 'archMap' are specified in the seccomp profile, use either "
				 "'architectures' or 'archMap'");
	for (size_t i = 0; i < names.count; i++)
		if (add_architecture(profile, names.items[i], err) < 0)
			return -1;
	json_array_foreach(map, index, item)
	{
		const char *name;
		cleanup_string_list struct string_list others = {0};
		if (json_need_string(item, "architecture", &name, err) < 0 ||
		    json_get_strings(item, "subArchitectures", &others, err) < 0)
			return -1;
		if (parse_architecture(name) != seccomp_arch_native())
			continue;
		for (size_t i = 0; i < others.count; i++)
			if (add_architecture(profile, others.items[i], err) < 0)
				return -1;
	}
	return 0;
}

/* "4.8": whether this kernel is that, or younger. */
static bool is_kernel(const char *minimum)
{
	struct utsname host;
	char *end;
	if (uname(&host) < 0)
		return false;
	long major = strtol(host.release, &end, 10);
	long minor = *end == '.' ? strtol(end + 1, NULL, 10) : 0;
	long wanted = strtol(minimum, &end, 10);
	long wanted_minor = *end == '.' ? strtol(end + 1, NULL, 10) : 0;
	return major > wanted || (major == wanted && minor >= wanted_minor);
}

/* How many of the condition's capabilities the container has. */
static int count_capabilities(const struct profile *profile, const struct string_list *names, size_t *ret_count,
			      struct error *err)
{
	*ret_count = 0;
	for (size_t i = 0; i < names->count; i++) {
		uint64_t bits;
		if (capability_parse(names->items[i], &bits, err) < 0)
			return error_wrap(err, "seccomp profile");
		*ret_count += (profile->capabilities & bits) == bits;
	}
	return 0;
}

static int is_left_out(const struct profile *profile, const json_t *rule, bool *ret_is_left_out, struct error *err)
{
	json_t *includes = NULL, *excludes = NULL;
	cleanup_string_list struct string_list with = {0}, without = {0}, on = {0}, not_on = {0};
	const char *from = NULL, *before = NULL;
	size_t has_with, has_without;
	if (json_get_object(rule, "includes", &includes, err) < 0 ||
	    json_get_object(rule, "excludes", &excludes, err) < 0)
		return -1;
	if (includes &&
	    (json_get_strings(includes, "caps", &with, err) < 0 || json_get_strings(includes, "arches", &on, err) < 0 ||
	     json_get_string(includes, "minKernel", &from, err) < 0))
		return -1;
	if (excludes && (json_get_strings(excludes, "caps", &without, err) < 0 ||
			 json_get_strings(excludes, "arches", &not_on, err) < 0 ||
			 json_get_string(excludes, "minKernel", &before, err) < 0))
		return -1;
	if (count_capabilities(profile, &with, &has_with, err) < 0 ||
	    count_capabilities(profile, &without, &has_without, err) < 0)
		return -1;
	*ret_is_left_out = has_with < with.count || has_without > 0 ||
			   (on.count && !string_list_contains(&on, ARCHITECTURE)) ||
			   string_list_contains(&not_on, ARCHITECTURE) || (from && !is_kernel(from)) ||
			   (before && is_kernel(before));
	return 0;
}

static int read_arguments(const json_t *array, struct scmp_arg_cmp *arguments, size_t *ret_count, bool *ret_repeats,
			  struct error *err)
{
	size_t index;
	json_t *item;
	unsigned seen = 0;
	*ret_count = 0;
	*ret_repeats = false;
	if (json_array_size(array) > ARGUMENTS)
		return error_set(err, ERROR_INVALID, "seccomp profile: more than %d arguments", ARGUMENTS);
	json_array_foreach(array, index, item)
	{
		int64_t number = 0, value = 0, second = 0;
		const char *name;
		enum scmp_compare comparison = SCMP_CMP_EQ;
		if (json_get_integer(item, "index", &number, err) < 0 ||
		    json_get_integer(item, "value", &value, err) < 0 ||
		    json_get_integer(item, "valueTwo", &second, err) < 0 ||
		    json_need_string(item, "op", &name, err) < 0 || parse_operator(name, &comparison, err) < 0)
			return -1;
		if (number < 0 || number >= ARGUMENTS)
			return error_set(err, ERROR_INVALID, "seccomp profile: a call has no argument %" PRId64,
					 number);
		*ret_repeats = *ret_repeats || seen & 1U << number;
		seen |= 1U << number;
		arguments[(*ret_count)++] = (struct scmp_arg_cmp){.arg = (unsigned)number,
								  .op = comparison,
								  .datum_a = (scmp_datum_t)value,
								  .datum_b = (scmp_datum_t)second};
	}
	return 0;
}

static int add_call(const struct profile *profile, const char *name, uint32_t action, const json_t *array,
		    struct error *err)
{
	struct scmp_arg_cmp arguments[ARGUMENTS];
	size_t count;
	bool repeats;
	int number = seccomp_syscall_resolve_name(name);
	if (read_arguments(array, arguments, &count, &repeats, err) < 0)
		return -1;
	if (number == __NR_SCMP_ERROR)
		return 0;
	/* What is said twice of one argument are alternatives: a rule each. */
	for (size_t i = 0; i < (repeats ? count : 1); i++) {
		int result = seccomp_rule_add_array(profile->filter, action, number, (unsigned)(repeats ? 1 : count),
						    arguments + (repeats ? i : 0));
		if (result < 0 && result != -EEXIST && result != -EDOM)
			return fail(result, name, err);
	}
	return 0;
}

static int add_rule(const struct profile *profile, const json_t *rule, struct error *err)
{
	const char *name = NULL, *action_name;
	cleanup_string_list struct string_list names = {0};
	json_t *arguments = NULL;
	int64_t number = profile->default_errno;
	uint32_t action;
	bool left_out;
	if (json_get_string(rule, "name", &name, err) < 0 || json_get_strings(rule, "names", &names, err) < 0 ||
	    json_need_string(rule, "action", &action_name, err) < 0 ||
	    json_get_integer(rule, "errnoRet", &number, err) < 0 || json_get_array(rule, "args", &arguments, err) < 0 ||
	    parse_action(action_name, number, &action, err) < 0 || is_left_out(profile, rule, &left_out, err) < 0)
		return -1;
	if (name && *name && names.count)
		return error_set(err, ERROR_INVALID,
				 "both 'name' and 'names' are specified in the seccomp profile, use either 'name' or "
				 "'names'");
	if (name && *name)
		string_list_add(&names, name);
	/* What says the same as the default is no rule. */
	if (left_out || action == profile->default_action)
		return 0;
	for (size_t i = 0; i < names.count; i++)
		if (add_call(profile, names.items[i], action, arguments, err) < 0)
			return -1;
	return 0;
}

static int fill(struct profile *profile, const json_t *document, struct error *err)
{
	json_t *rules = NULL, *rule;
	size_t index;
	if (json_get_array(document, "syscalls", &rules, err) < 0 || add_architectures(profile, document, err) < 0)
		return -1;
	json_array_foreach(rules, index, rule)
	{
		if (add_rule(profile, rule, err) < 0)
			return -1;
	}
	int result = seccomp_attr_set(profile->filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	return result < 0 ? fail(result, "optimize", err) : 0;
}

static int export(scmp_filter_ctx filter, struct seccomp_filter *ret_filter, struct error *err)
{
	cleanup_close int memory = memfd_create("seccomp", MFD_CLOEXEC);
	if (memory < 0)
		return error_set_errno(err, errno, "make the system call filter");
	int result = seccomp_export_bpf(filter, memory);
	if (result < 0)
		return fail(result, "write the program", err);
	if (lseek(memory, 0, SEEK_SET) < 0)
		return error_set_errno(err, errno, "make the system call filter");
	cleanup_buffer struct buffer program = BUFFER_INIT(0);
	if (read_fd(memory, BPF_MAXINSNS * sizeof(struct sock_filter), &program, err) < 0)
		return error_wrap(err, "make the system call filter");
	ret_filter->program.len = (unsigned short)(program.size / sizeof(struct sock_filter));
	ret_filter->program.filter = (struct sock_filter *)(void *)buffer_steal(&program);
	return 0;
}

/* Those that change how the filter is loaded are refused rather than forgotten. */
static int check_flags(const json_t *document, struct error *err)
{
	cleanup_string_list struct string_list flags = {0};
	if (json_get_strings(document, "flags", &flags, err) < 0)
		return -1;
	for (size_t i = 0; i < flags.count; i++)
		/* Of threads there is one. */
		if (strcmp(flags.items[i], "SECCOMP_FILTER_FLAG_TSYNC") != 0)
			return error_set(err, ERROR_UNSUPPORTED, "seccomp profile: the flag %s is not supported",
					 flags.items[i]);
	return 0;
}

int seccomp_profile_filter(const char *text, uint64_t capabilities, struct seccomp_filter *ret_filter,
			   struct error *err)
{
	cleanup_json json_t *document = NULL;
	const char *action;
	struct profile profile = {.capabilities = capabilities, .default_errno = EPERM};
	if (json_parse(text, strlen(text), &document, err) < 0)
		return error_wrap(err, "Decoding seccomp profile failed");
	if (json_need_string(document, "defaultAction", &action, err) < 0 ||
	    json_get_integer(document, "defaultErrnoRet", &profile.default_errno, err) < 0 ||
	    parse_action(action, profile.default_errno, &profile.default_action, err) < 0 ||
	    check_flags(document, err) < 0)
		return -1;
	CLEANUP(release_context) scmp_filter_ctx filter = seccomp_init(profile.default_action);
	if (!filter)
		return error_set(err, ERROR_SYSTEM, "make the system call filter: libseccomp does not start");
	profile.filter = filter;
	return fill(&profile, document, err) < 0 ? -1 : export(filter, ret_filter, err);
}
