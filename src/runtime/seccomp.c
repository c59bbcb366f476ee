/*
 * Theory of operation. libseccomp makes a program of the list: a binary tree a processor architecture. That takes
 * thirty milliseconds, so the program is kept in a file whose name is a hash of all that it depends on, and whose
 * header holds the same again with a checksum: a file that is cut off, altered or of another program is made anew. In
 * front of libseccomp's program goes a page of our own for calls that are younger than the library.
 */
#include "runtime/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/atomic_file.h"
#include "base/fd.h"
#include "base/memory.h"
#include "runtime/seccomp_default.h"

#define PROGRAM_LIMIT	BPF_MAXINSNS
#define NAMESPACE_FLAGS 0x7e020000U /* CLONE_NEWNS, CGROUP, UTS, IPC, USER, PID, NET */
#define X32_BIT		0x40000000U
#define CALL_URETPROBE	335 /* x86-64 alone: the kernel's own trampoline makes it */

struct cache_header {
	char magic[8];
	char key[152]; /* what the program depends on, as text */
	uint64_t checksum;
	uint32_t instructions;
	uint32_t reserved;
};

static const char cache_magic[8] = "CORSECC";

static uint64_t hash(const void *bytes, size_t size)
{
	/* FNV-1a: it finds accidents. Whoever can write to ROOT/cache is root already. */
	uint64_t value = 0xcbf29ce484222325ULL;
	for (size_t i = 0; i < size; i++)
		value = (value ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3ULL;
	return value;
}

void seccomp_filter_release(struct seccomp_filter *filter)
{
	free(filter->program.filter);
	filter->program = (struct sock_fprog){0, NULL};
}

static uint64_t loosening_capabilities(void)
{
	uint64_t bits = 0;
	for (size_t i = 0; i < seccomp_call_group_count; i++)
		bits |= seccomp_call_groups[i].capabilities;
	return bits;
}

static int fail(int number, const char *what, struct error *err)
{
	return error_set_errno(err, -number, "make the system call filter: %s", what);
}

/* ---- our own prologue ---- */

struct assembler {
	struct sock_filter code[64];
	size_t count;
};

static void emit(struct assembler *out, uint16_t code, uint32_t value, uint8_t yes, uint8_t no)
{
	out->code[out->count++] = (struct sock_filter){.code = code, .jt = yes, .jf = no, .k = value};
}

/*
 * For the architectures with the common numbers: those of the new calls that are allowed, ENOSYS for what is newer than
 * the list, all else goes on to libseccomp's program behind.
 */
static void emit_prologue(struct assembler *out, uint64_t capabilities)
{
	uint8_t allowed = 0;
	for (size_t i = 0; i < seccomp_new_call_count; i++)
		allowed += seccomp_new_calls[i].capabilities == 0 || (seccomp_new_calls[i].capabilities & capabilities);
	/* Behind the checks of the architecture: load, two ranges, uretprobe, `allowed` tests, newest, ALLOW, ENOSYS,
	 * pass. */
	emit(out, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
#if defined(__x86_64__)
	emit(out, BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 2);
	emit(out, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
	/* To ALLOW, or on to the range checks. */
	emit(out, BPF_JMP | BPF_JEQ | BPF_K, CALL_URETPROBE, (uint8_t)(allowed + 5), 2);
	emit(out, BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_I386, 0, (uint8_t)(allowed + 6));
#elif defined(__aarch64__)
	emit(out, BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_AARCH64, 1, 0);
	emit(out, BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_ARM, 0, (uint8_t)(allowed + 6));
#endif
	emit(out, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
	emit(out, BPF_JMP | BPF_JGE | BPF_K, X32_BIT, (uint8_t)(allowed + 4), 0);
	emit(out, BPF_JMP | BPF_JGE | BPF_K, seccomp_new_calls[0].number, 0, (uint8_t)(allowed + 3));
	uint8_t left = allowed;
	for (size_t i = 0; i < seccomp_new_call_count; i++) {
		const struct seccomp_new_call *call = &seccomp_new_calls[i];
		if (call->capabilities != 0 && !(call->capabilities & capabilities))
			continue;
		/* Over the tests that are left and the test for the newest. */
		emit(out, BPF_JMP | BPF_JEQ | BPF_K, call->number, left, 0);
		left--;
	}
	emit(out, BPF_JMP | BPF_JGT | BPF_K, SECCOMP_NEWEST_CALL, 1, 2);
	emit(out, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
	emit(out, BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS, 0, 0);
}

/* ---- libseccomp's part ---- */

static int allow_named(scmp_filter_ctx filter, const char *calls, struct error *err)
{
	while (*calls) {
		char name[64];
		size_t length = strcspn(calls, " ");
		if (length >= sizeof name)
			return error_set(err, ERROR_INVALID, "make the system call filter: a name is too long");
		memcpy(name, calls, length);
		name[length] = '\0';
		calls += length + (calls[length] == ' ');
		int number = seccomp_syscall_resolve_name(name);
		if (number == __NR_SCMP_ERROR)
			continue; /* not of this architecture, or older than the library's tables */
		int result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
		if (result < 0 && result != -EEXIST && result != -EDOM)
			return fail(result, name, err);
	}
	return 0;
}

static int add_argument_rules(scmp_filter_ctx filter, uint64_t capabilities, struct error *err)
{
	int result = 0;
	/*
	 * socketcall takes the family by a pointer, which no filter can follow, and libseccomp would allow it along
	 * with socket: refused first, and with another number than the default's, or it would be dropped as redundant.
	 * Since Linux 4.3 there is socket itself, to which a libc falls back.
	 */
	int socketcall = SCMP_SYS(socketcall);
	if (socketcall != __NR_SCMP_ERROR)
		result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), socketcall, 0);
	if (result < 0 && result != -EDOM)
		return fail(result, "socketcall", err);
	result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_LT, AF_ALG));
	if (result == 0)
		result =
			seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, AF_ALG + 1));
	if (result == 0)
		result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_GT, AF_VSOCK));
	if (result < 0)
		return fail(result, "socket", err);
	for (size_t i = 0; i < seccomp_personality_count; i++) {
		result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(personality), 1,
					  SCMP_A0(SCMP_CMP_EQ, seccomp_personalities[i]));
		if (result < 0)
			return fail(result, "personality", err);
	}
	if (capabilities & SECCOMP_BIT(CAP_SYS_ADMIN))
		return 0;
	/* clone without new namespaces; clone3 has its flags behind a pointer, and ENOSYS sends a libc to clone. */
	result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
				  SCMP_A0(SCMP_CMP_MASKED_EQ, NAMESPACE_FLAGS, 0));
	if (result == 0)
		result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	return result < 0 ? fail(result, "clone", err) : 0;
}

static int add_architectures(scmp_filter_ctx filter, struct error *err)
{
#if defined(__x86_64__)
	static const uint32_t others[] = {SCMP_ARCH_X86, SCMP_ARCH_X32};
#elif defined(__aarch64__)
	static const uint32_t others[] = {SCMP_ARCH_ARM};
#else
#error "seccomp.c: name the architectures whose programs this one runs"
#endif
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		int result = seccomp_arch_add(filter, others[i]);
		if (result < 0 && result != -EEXIST)
			return fail(result, "add an architecture", err);
	}
	return 0;
}

static void release_context(scmp_filter_ctx *filter)
{
	if (*filter)
		seccomp_release(*filter);
}

static int fill_context(scmp_filter_ctx filter, uint64_t capabilities, struct error *err)
{
	/* A program of another architecture gets the default's error rather than being killed without a word. */
	int result = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(EPERM));
	if (result < 0)
		return fail(result, "set its default", err);
	if (add_architectures(filter, err) < 0 || add_argument_rules(filter, capabilities, err) < 0)
		return -1;
	for (size_t i = 0; i < seccomp_call_group_count; i++) {
		const struct seccomp_call_group *group = &seccomp_call_groups[i];
		if ((group->capabilities == 0 || (group->capabilities & capabilities)) &&
		    allow_named(filter, group->calls, err) < 0)
			return -1;
	}
	/* 2: a binary tree rather than a list. */
	result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	return result < 0 ? fail(result, "optimize", err) : 0;
}

static int compile(uint64_t capabilities, struct buffer *program, struct error *err)
{
	CLEANUP(release_context) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (!filter)
		return error_set(err, ERROR_SYSTEM, "make the system call filter: libseccomp does not start");
	if (fill_context(filter, capabilities, err) < 0)
		return -1;
	cleanup_close int memory = memfd_create("seccomp", MFD_CLOEXEC);
	if (memory < 0)
		return error_set_errno(err, errno, "make the system call filter");
	int result = seccomp_export_bpf(filter, memory);
	if (result < 0)
		return fail(result, "write the program", err);
	if (lseek(memory, 0, SEEK_SET) < 0)
		return error_set_errno(err, errno, "make the system call filter");
	struct assembler prologue = {.count = 0};
	emit_prologue(&prologue, capabilities);
	cleanup_buffer struct buffer body = BUFFER_INIT(0);
	if (read_fd(memory, PROGRAM_LIMIT * sizeof(struct sock_filter), &body, err) < 0 ||
	    buffer_append(program, prologue.code, prologue.count * sizeof prologue.code[0], err) < 0 ||
	    buffer_append(program, body.bytes, body.size, err) < 0)
		return error_wrap(err, "make the system call filter");
	return 0;
}

/* ---- the file ---- */

static void fill_key(struct cache_header *header, uint64_t capabilities)
{
	struct utsname host;
	if (uname(&host) < 0)
		memset(&host, 0, sizeof host);
	const struct scmp_version *library = seccomp_version();
	memset(header, 0, sizeof *header);
	memcpy(header->magic, cache_magic, sizeof header->magic);
	snprintf(header->key, sizeof header->key, "list %s, libseccomp %u.%u.%u, capabilities %" PRIx64 ", %.16s %.64s",
		 SECCOMP_LIST_VERSION, library->major, library->minor, library->micro,
		 capabilities & loosening_capabilities(), host.machine, host.release);
}

/* False for whatever reason: then it is made anew. */
static bool read_cached(int cache_fd, const char *name, const struct cache_header *wanted, struct seccomp_filter *ret)
{
	cleanup_close int fd = openat(cache_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct cache_header header;
	if (fd < 0 || read_some(fd, &header, sizeof header) != (ssize_t)sizeof header ||
	    memcmp(header.magic, wanted->magic, sizeof header.magic) != 0 ||
	    memcmp(header.key, wanted->key, sizeof header.key) != 0 || header.instructions == 0 ||
	    header.instructions > PROGRAM_LIMIT)
		return false;
	size_t size = header.instructions * sizeof(struct sock_filter);
	cleanup_free struct sock_filter *code = allocate(size);
	char more;
	if (read_full(fd, code, size, NULL) < 0 || read_some(fd, &more, 1) != 0 || hash(code, size) != header.checksum)
		return false;
	ret->program.len = (unsigned short)header.instructions;
	ret->program.filter = steal_pointer(&code);
	return true;
}

int seccomp_default_filter(int cache_fd, uint64_t capabilities, struct seccomp_filter *ret_filter, struct error *err)
{
	struct cache_header header;
	fill_key(&header, capabilities);
	char name[48];
	snprintf(name, sizeof name, "seccomp-%016" PRIx64 ".bpf", hash(header.key, sizeof header.key));
	if (cache_fd >= 0 && read_cached(cache_fd, name, &header, ret_filter))
		return 0;
	cleanup_buffer struct buffer program = BUFFER_INIT(PROGRAM_LIMIT * sizeof(struct sock_filter));
	if (compile(capabilities, &program, err) < 0)
		return -1;
	header.instructions = (uint32_t)(program.size / sizeof(struct sock_filter));
	header.checksum = hash(program.bytes, program.size);
	if (cache_fd >= 0) {
		cleanup_buffer struct buffer file = BUFFER_INIT(sizeof header + program.size);
		/* A cache that can not be written (a full or read-only disk) costs time, not the container. */
		if (buffer_append(&file, &header, sizeof header, NULL) == 0 &&
		    buffer_append(&file, program.bytes, program.size, NULL) == 0)
			atomic_file_write(cache_fd, name, file.bytes, file.size, 0600, ATOMIC_FILE_REPLACEABLE, NULL);
	}
	ret_filter->program.len = (unsigned short)header.instructions;
	ret_filter->program.filter = (struct sock_filter *)(void *)buffer_steal(&program);
	return 0;
}
