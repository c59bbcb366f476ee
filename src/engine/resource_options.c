#include "engine/resource_options.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/time.h"
#include "engine/ulimit.h"
#include "runtime/cgroup_layout.h"

#define MEMORY_MINIMUM	 ((int64_t)6 * 1024 * 1024)
#define CGROUP_NAME_ROOM 80 /* a slash and an id */
#define PROCESSOR_LIMIT	 8192

int container_config_add_ulimit(struct container_config *config, const char *text, struct error *err)
{
	struct spec_limit limit;
	if (ulimit_parse(text, &limit, err) < 0)
		return -1;
	cleanup_free char *name = format_string("%.*s", (int)strcspn(text, "="), text);
	string_list_set_key(&config->ulimits, name, text + strlen(name) + 1);
	return 0;
}

/* Of "rwm", each at most once. */
static bool is_access(const char *text)
{
	size_t length = strlen(text);
	if (length == 0 || length > 3)
		return false;
	for (const char *at = text; *at; at++)
		if (!strchr("rwm", *at) || strchr(at + 1, *at))
			return false;
	return true;
}

int container_config_add_device(struct container_config *config, const char *text, struct error *err)
{
	cleanup_free char *copy = duplicate_string(text);
	char *parts[3] = {NULL};
	size_t count = 0;
	for (char *rest = copy, *part; (part = strsep(&rest, ":"));) {
		if (count == ARRAY_SIZE(parts))
			return error_set(err, ERROR_USAGE, "bad format for path: %s", text);
		parts[count++] = part;
	}
	const char *access = "rwm", *target = parts[0];
	if (count == 3 && !is_access(parts[2]))
		return error_set(err, ERROR_USAGE, "bad mode specified: %s", parts[2]);
	if (count == 3)
		access = parts[2];
	if (count == 2 && is_access(parts[1]))
		access = parts[1];
	else if (count >= 2 && *parts[1])
		target = parts[1];
	if (parts[0][0] != '/' || target[0] != '/')
		return error_set(err, ERROR_USAGE, "%s is not an absolute path",
				 parts[0][0] != '/' ? parts[0] : target);
	string_list_add_format(&config->devices, "%s:%s:%s", parts[0], target, access);
	return 0;
}

/* Digits, or "*". */
static bool skip_number(const char **at)
{
	size_t length = **at == '*' ? 1 : strspn(*at, "0123456789");
	*at += length;
	return length > 0 && length < 10;
}

int container_config_add_device_rule(struct container_config *config, const char *text, struct error *err)
{
	const char *at = text;
	bool is_rule = *at && strchr("acb", *at) && at[1] == ' ';
	at += is_rule ? 2 : 0;
	is_rule = is_rule && skip_number(&at) && *at++ == ':' && skip_number(&at) && *at++ == ' ' && is_access(at);
	if (!is_rule)
		return error_set(err, ERROR_USAGE, "invalid device cgroup format '%s'", text);
	string_list_add(&config->device_rules, text);
	return 0;
}

static bool parse_whole(const char *text, uint64_t *ret_number, char **ret_end)
{
	errno = 0;
	*ret_number = strtoull(text, ret_end, 10);
	return isdigit((unsigned char)*text) && !errno;
}

/* "1mb", "64k", "1024": powers of 1024. */
static bool parse_bytes(const char *text, uint64_t *ret_bytes)
{
	static const char units[] = "bkmgtp";
	char *end;
	if (!parse_whole(text, ret_bytes, &end))
		return false;
	const char *unit = *end ? strchr(units, tolower((unsigned char)*end)) : units;
	if (!unit || (*end && !*unit))
		return false;
	int shift = (int)(unit - units) * 10;
	end += *end != '\0';
	end += shift > 0 && tolower((unsigned char)*end) == 'i';
	end += shift > 0 && tolower((unsigned char)*end) == 'b';
	if (*end || *ret_bytes > (uint64_t)INT64_MAX >> shift)
		return false;
	*ret_bytes <<= shift;
	return true;
}

static bool parse_count(const char *text, uint64_t *ret_count)
{
	char *end;
	return parse_whole(text, ret_count, &end) && !*end && *ret_count <= (uint64_t)INT64_MAX;
}

static int add_block(struct string_list *list, const char *text, bool (*parse)(const char *text, uint64_t *ret_number),
		     const char *what, struct error *err)
{
	const char *colon = strchr(text, ':');
	uint64_t number;
	if (!colon)
		return error_set(err, ERROR_USAGE, "bad format: %s", text);
	if (strncmp(text, "/dev/", 5) != 0)
		return error_set(err, ERROR_USAGE, "bad format for device path: %s", text);
	if (!parse(colon + 1, &number))
		return error_set(err, ERROR_USAGE, "invalid %s for device: %s%s",
				 strcmp(what, "weight") == 0 ? what : "rate", text,
				 strcmp(what, "weight") == 0 ? "" : what);
	string_list_add_format(list, "%.*s:%llu", (int)(colon - text), text, (unsigned long long)number);
	return 0;
}

static bool parse_weight(const char *text, uint64_t *ret_weight)
{
	return parse_count(text, ret_weight) && (*ret_weight == 0 || (*ret_weight >= 10 && *ret_weight <= 1000));
}

#define BYTES_FORMAT                                                                                                   \
	". The correct format is <device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional " \
	"and can be kb, mb, or gb"
#define COUNT_FORMAT ". The correct format is <device-path>:<number>. Number must be a positive integer"

int container_config_add_block_weight(struct container_config *config, const char *text, struct error *err)
{
	return add_block(&config->block_weights, text, parse_weight, "weight", err);
}

int container_config_add_block_read_bytes(struct container_config *config, const char *text, struct error *err)
{
	return add_block(&config->block_read_bytes, text, parse_bytes, BYTES_FORMAT, err);
}

int container_config_add_block_write_bytes(struct container_config *config, const char *text, struct error *err)
{
	return add_block(&config->block_write_bytes, text, parse_bytes, BYTES_FORMAT, err);
}

int container_config_add_block_read_operations(struct container_config *config, const char *text, struct error *err)
{
	return add_block(&config->block_read_operations, text, parse_count, COUNT_FORMAT, err);
}

int container_config_add_block_write_operations(struct container_config *config, const char *text, struct error *err)
{
	return add_block(&config->block_write_operations, text, parse_count, COUNT_FORMAT, err);
}

int cpus_parse(const char *text, int64_t *ret_nano_cpus, struct error *err)
{
	/* Digits alone: no exponents, no sign, no more than nine behind the point. */
	size_t whole = strspn(text, "0123456789");
	size_t fraction = text[whole] == '.' ? strspn(text + whole + 1, "0123456789") : 0;
	size_t length = whole + (text[whole] == '.') + fraction;
	if (whole + fraction == 0 || text[length] || whole > 6)
		return error_set(err, ERROR_USAGE, "failed to parse %s as a rational number", text);
	while (fraction > 9 && text[whole + fraction] == '0')
		fraction--;
	if (fraction > 9)
		return error_set(err, ERROR_USAGE, "value is too precise");
	int64_t number = whole ? strtoll(text, NULL, 10) : 0;
	for (size_t i = 0; i < 9; i++)
		number = number * 10 + (i < fraction ? text[whole + 1 + i] - '0' : 0);
	*ret_nano_cpus = number;
	return 0;
}

/* Marks what cpuset(7)'s list names; false where it is none. */
static bool read_set(const char *text, bool *members)
{
	const char *at = text;
	if (!*at)
		return false;
	for (;;) {
		char *end;
		if (!isdigit((unsigned char)*at))
			return false;
		unsigned long first = strtoul(at, &end, 10), last = first;
		if (*end == '-') {
			at = end + 1;
			if (!isdigit((unsigned char)*at))
				return false;
			last = strtoul(at, &end, 10);
		}
		if (last < first || last >= PROCESSOR_LIMIT)
			return false;
		for (unsigned long i = first; members && i <= last; i++)
			members[i] = true;
		if (!*end)
			return true;
		if (*end != ',')
			return false;
		at = end + 1;
	}
}

bool cpuset_is_valid(const char *text)
{
	return read_set(text, NULL);
}

int cgroup_parent_check(const char *parent, struct error *err)
{
	bool is_bad = !*parent || strlen(parent) + CGROUP_NAME_ROOM >= CGROUP_PATH_LIMIT || parent[0] == '.' ||
		      strstr(parent, "/.") || strstr(parent, "//") || parent[strlen(parent) - 1] == '/';
	return is_bad ? error_set(err, ERROR_INVALID, "invalid cgroup parent \"%s\"", parent) : 0;
}

/* `online`: a file of the kernel's with the list of what there is; a kernel without memory nodes has one, 0. */
static int check_set(const char *wanted, const char *what, const char *plural, const char *online, struct error *err)
{
	if (!wanted)
		return 0;
	static bool asked[PROCESSOR_LIMIT], there[PROCESSOR_LIMIT];
	memset(asked, 0, sizeof asked);
	memset(there, 0, sizeof there);
	if (!read_set(wanted, asked))
		return error_set(err, ERROR_INVALID, "Invalid value %s for cpuset %s", wanted, what);
	cleanup_buffer struct buffer file = BUFFER_INIT(0);
	cleanup_free char *available = duplicate_string("0");
	if (read_file_at(AT_FDCWD, online, 4096, &file, NULL) == 0)
		replace_string(&available,
			       format_string("%.*s", (int)strcspn(buffer_text(&file), "\n"), buffer_text(&file)));
	read_set(available, there);
	for (size_t i = 0; i < PROCESSOR_LIMIT; i++)
		if (asked[i] && !there[i])
			return error_set(err, ERROR_INVALID,
					 "Requested %s are not available - requested %s, available: %s", plural, wanted,
					 available);
	return 0;
}

static int check_memory(struct spec_resources *resources, struct error *err)
{
	const char *problem = NULL;
	int64_t memory = resources->memory_bytes, swap = resources->memory_swap_bytes;
	int64_t reservation = resources->memory_reservation_bytes;
	if (memory && memory < MEMORY_MINIMUM)
		problem = "Minimum memory limit allowed is 6MB";
	else if (memory && swap > 0 && swap < memory)
		problem = "Minimum memoryswap limit should be larger than memory limit, see usage";
	else if (!memory && swap > 0)
		problem = "You should always set the Memory limit when using Memoryswap limit, see usage";
	else if (reservation && reservation < MEMORY_MINIMUM)
		problem = "Minimum memory reservation allowed is 6MB";
	else if (memory && reservation > memory)
		problem = "Minimum memory limit can not be less than memory reservation limit, see usage";
	if (problem)
		return error_set(err, ERROR_INVALID, "%s", problem);
	if (memory && !swap)
		resources->memory_swap_bytes = memory > INT64_MAX / 2 ? -1 : 2 * memory;
	return 0;
}

int container_config_check_processors(const struct container_config *config, struct error *err)
{
	const struct spec_resources *resources = &config->resources;
	int64_t period = resources->cpu_period_us, quota = resources->cpu_quota_us;
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	if (config->nano_cpus && (period || quota))
		return error_set(err, ERROR_INVALID, "Conflicting options: Nano CPUs and CPU %s cannot both be set",
				 period ? "Period" : "Quota");
	if (config->nano_cpus && (config->nano_cpus < NANOSECONDS_PER_SECOND / 100 ||
				  config->nano_cpus > processors * NANOSECONDS_PER_SECOND))
		return error_set(err, ERROR_INVALID,
				 "Range of CPUs is from 0.01 to %ld.00, as there are only %ld CPUs available",
				 processors, processors);
	if (period && (period < 1000 || period > 1000000))
		return error_set(
			err, ERROR_INVALID,
			"CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)");
	if (quota > 0 && quota < 1000)
		return error_set(err, ERROR_INVALID, "CPU cfs quota can not be less than 1ms (i.e. 1000)");
	if (resources->cpu_rt_period_us && resources->cpu_rt_runtime_us > resources->cpu_rt_period_us)
		return error_set(err, ERROR_INVALID,
				 "cpu real-time runtime cannot be higher than cpu real-time period");
	if (check_set(config->cpuset_cpus, "cpus", "CPUs", "/sys/devices/system/cpu/online", err) < 0)
		return -1;
	return check_set(config->cpuset_mems, "mems", "memory nodes", "/sys/devices/system/node/online", err);
}

int container_config_check_resources(struct container_config *config, struct error *err)
{
	struct spec_resources *resources = &config->resources;
	if (check_memory(resources, err) < 0 || container_config_check_processors(config, err) < 0)
		return -1;
	if (resources->sets_swappiness && (resources->memory_swappiness < 0 || resources->memory_swappiness > 100))
		return error_set(err, ERROR_INVALID, "invalid value: %lld. Valid memory swappiness range is 0-100",
				 (long long)resources->memory_swappiness);
	if (resources->block_weight && (resources->block_weight < 10 || resources->block_weight > 1000))
		return error_set(err, ERROR_INVALID, "Range of blkio weight is from 10 to 1000");
	if (config->oom_score_adj < -1000 || config->oom_score_adj > 1000)
		return error_set(err, ERROR_INVALID, "Invalid value %lld, range for oom score adj is [-1000, 1000]",
				 (long long)config->oom_score_adj);
	return config->cgroup_parent ? cgroup_parent_check(config->cgroup_parent, err) : 0;
}
