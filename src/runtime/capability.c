#include "runtime/capability.h"

#include <assert.h>
#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/memory.h"

static const char *const names[] = {
	[CAP_CHOWN] = "CHOWN",
	[CAP_DAC_OVERRIDE] = "DAC_OVERRIDE",
	[CAP_DAC_READ_SEARCH] = "DAC_READ_SEARCH",
	[CAP_FOWNER] = "FOWNER",
	[CAP_FSETID] = "FSETID",
	[CAP_KILL] = "KILL",
	[CAP_SETGID] = "SETGID",
	[CAP_SETUID] = "SETUID",
	[CAP_SETPCAP] = "SETPCAP",
	[CAP_LINUX_IMMUTABLE] = "LINUX_IMMUTABLE",
	[CAP_NET_BIND_SERVICE] = "NET_BIND_SERVICE",
	[CAP_NET_BROADCAST] = "NET_BROADCAST",
	[CAP_NET_ADMIN] = "NET_ADMIN",
	[CAP_NET_RAW] = "NET_RAW",
	[CAP_IPC_LOCK] = "IPC_LOCK",
	[CAP_IPC_OWNER] = "IPC_OWNER",
	[CAP_SYS_MODULE] = "SYS_MODULE",
	[CAP_SYS_RAWIO] = "SYS_RAWIO",
	[CAP_SYS_CHROOT] = "SYS_CHROOT",
	[CAP_SYS_PTRACE] = "SYS_PTRACE",
	[CAP_SYS_PACCT] = "SYS_PACCT",
	[CAP_SYS_ADMIN] = "SYS_ADMIN",
	[CAP_SYS_BOOT] = "SYS_BOOT",
	[CAP_SYS_NICE] = "SYS_NICE",
	[CAP_SYS_RESOURCE] = "SYS_RESOURCE",
	[CAP_SYS_TIME] = "SYS_TIME",
	[CAP_SYS_TTY_CONFIG] = "SYS_TTY_CONFIG",
	[CAP_MKNOD] = "MKNOD",
	[CAP_LEASE] = "LEASE",
	[CAP_AUDIT_WRITE] = "AUDIT_WRITE",
	[CAP_AUDIT_CONTROL] = "AUDIT_CONTROL",
	[CAP_SETFCAP] = "SETFCAP",
	[CAP_MAC_OVERRIDE] = "MAC_OVERRIDE",
	[CAP_MAC_ADMIN] = "MAC_ADMIN",
	[CAP_SYSLOG] = "SYSLOG",
	[CAP_WAKE_ALARM] = "WAKE_ALARM",
	[CAP_BLOCK_SUSPEND] = "BLOCK_SUSPEND",
	[CAP_AUDIT_READ] = "AUDIT_READ",
	[CAP_PERFMON] = "PERFMON",
	[CAP_BPF] = "BPF",
	[CAP_CHECKPOINT_RESTORE] = "CHECKPOINT_RESTORE",
};
static_assert(ARRAY_SIZE(names) == CAP_CHECKPOINT_RESTORE + 1, "a capability without a name");

uint64_t capability_all(void)
{
	static uint64_t all;
	for (int i = 0; all == 0 && i < 64; i++) {
		if (prctl(PR_CAPBSET_READ, i, 0, 0, 0) < 0)
			all = i == 0 ? 1 : (1ULL << i) - 1;
	}
	return all;
}

int capability_parse(const char *name, uint64_t *ret_bits, struct error *err)
{
	const char *bare = strncasecmp(name, "CAP_", 4) == 0 ? name + 4 : name;
	if (strcasecmp(name, "ALL") == 0) {
		*ret_bits = capability_all();
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcasecmp(bare, names[i]) == 0) {
			*ret_bits = 1ULL << i;
			return 0;
		}
	}
	return error_set(err, ERROR_INVALID, "invalid capability: \"%s\"", name);
}

static int get_permitted(uint64_t *ret_bits, struct error *err)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0}};
	if (syscall(SYS_capget, &header, data) < 0)
		return error_set_errno(err, errno, "read our capabilities");
	*ret_bits = data[0].permitted | (uint64_t)data[1].permitted << 32;
	return 0;
}

int capability_limit_bounding(uint64_t bits, struct error *err)
{
	uint64_t drop = capability_all() & ~bits;
	for (int i = 0; i < 64; i++) {
		if (drop & 1ULL << i && prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0)
			return error_set_errno(err, errno, "drop capability %d", i);
	}
	return 0;
}

int capability_set(uint64_t bits, struct error *err)
{
	uint64_t permitted = 0;
	if (get_permitted(&permitted, err) < 0)
		return -1;
	/* What we do not have ourselves we can not give: a host that is itself a container. */
	bits &= permitted;
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	/* Inheritable stays empty (CVE-2022-24769 and its like), and with it ambient. */
	struct __user_cap_data_struct data[2] = {
		{.effective = (uint32_t)bits, .permitted = (uint32_t)bits},
		{.effective = (uint32_t)(bits >> 32), .permitted = (uint32_t)(bits >> 32)},
	};
	if (syscall(SYS_capset, &header, data) < 0)
		return error_set_errno(err, errno, "set the capabilities");
	return 0;
}
