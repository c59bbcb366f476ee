/*
 * The program is called for each open and mknod of a device with a struct bpf_cgroup_dev_ctx: access_type has the type
 * in its low 16 bits and what is wanted in its high ones. One block a rule: whatever differs jumps to the next block; a
 * block that is passed allows. Behind the last block everything is refused.
 */
#include "runtime/device_filter.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/memory.h"

/* Making a node is allowed for all: opening it is what is guarded. */
const struct device_rule device_default_rules[] = {
	{'c', -1, -1, "m"}, {'b', -1, -1, "m"}, {'c', 1, 3, "rwm"},    {'c', 1, 5, "rwm"},
	{'c', 1, 7, "rwm"}, {'c', 1, 8, "rwm"}, {'c', 1, 9, "rwm"},    {'c', 5, 0, "rwm"},
	{'c', 5, 1, "rwm"}, {'c', 5, 2, "rwm"}, {'c', 136, -1, "rwm"},
};
const size_t device_default_rule_count = ARRAY_SIZE(device_default_rules);

#define RULE_INSTRUCTIONS 10
#define PROGRAM_LIMIT	  (8 + RULE_INSTRUCTIONS * (ARRAY_SIZE(device_default_rules) + DEVICE_RULE_LIMIT) + 2)

static struct bpf_insn load(int to, int from, size_t offset)
{
	return (struct bpf_insn){.code = BPF_LDX | BPF_MEM | BPF_W,
				 .dst_reg = (uint8_t)to & 0xf,
				 .src_reg = (uint8_t)from & 0xf,
				 .off = (int16_t)offset};
}

static struct bpf_insn operate(int operation, int to, int value)
{
	return (struct bpf_insn){
		.code = (uint8_t)(BPF_ALU | operation | BPF_K), .dst_reg = (uint8_t)to & 0xf, .imm = value};
}

static struct bpf_insn copy(int to, int from)
{
	return (struct bpf_insn){
		.code = BPF_ALU | BPF_MOV | BPF_X, .dst_reg = (uint8_t)to & 0xf, .src_reg = (uint8_t)from & 0xf};
}

static struct bpf_insn jump_unless_equal(int reg, int value)
{
	return (struct bpf_insn){.code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = (uint8_t)reg & 0xf, .imm = value};
}

static struct bpf_insn leave(void)
{
	return (struct bpf_insn){.code = BPF_JMP | BPF_EXIT};
}

/* r2: type, r3: access, r4: major, r5: minor, r0: scratch and result. */
static size_t emit_rule(struct bpf_insn *program, size_t at, const struct device_rule *rule)
{
	size_t jumps[4], jump_count = 0;
	int access = (strchr(rule->access, 'r') ? BPF_DEVCG_ACC_READ : 0) |
		     (strchr(rule->access, 'w') ? BPF_DEVCG_ACC_WRITE : 0) |
		     (strchr(rule->access, 'm') ? BPF_DEVCG_ACC_MKNOD : 0);
	if (rule->type != 'a') {
		jumps[jump_count++] = at;
		program[at++] = jump_unless_equal(2, rule->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
	}
	/* Whatever is wanted beyond what the rule gives must be nothing. */
	program[at++] = copy(0, 3);
	program[at++] = operate(BPF_AND, 0, ~access & 0x7);
	jumps[jump_count++] = at;
	program[at++] = jump_unless_equal(0, 0);
	if (rule->major >= 0) {
		jumps[jump_count++] = at;
		program[at++] = jump_unless_equal(4, rule->major);
	}
	if (rule->minor >= 0) {
		jumps[jump_count++] = at;
		program[at++] = jump_unless_equal(5, rule->minor);
	}
	program[at++] = operate(BPF_MOV, 0, 1);
	program[at++] = leave();
	for (size_t i = 0; i < jump_count; i++)
		program[jumps[i]].off = (int16_t)(at - jumps[i] - 1);
	return at;
}

static size_t emit_program(struct bpf_insn *program, const struct device_rule *more, size_t count)
{
	size_t at = 0;
	program[at++] = load(2, 1, offsetof(struct bpf_cgroup_dev_ctx, access_type));
	program[at++] = copy(3, 2);
	program[at++] = operate(BPF_AND, 2, 0xffff);
	program[at++] = operate(BPF_RSH, 3, 16);
	program[at++] = load(4, 1, offsetof(struct bpf_cgroup_dev_ctx, major));
	program[at++] = load(5, 1, offsetof(struct bpf_cgroup_dev_ctx, minor));
	for (size_t i = 0; i < device_default_rule_count; i++)
		at = emit_rule(program, at, &device_default_rules[i]);
	for (size_t i = 0; i < count; i++)
		at = emit_rule(program, at, &more[i]);
	program[at++] = operate(BPF_MOV, 0, 0);
	program[at++] = leave();
	return at;
}

int device_filter_attach(int group_fd, const struct device_rule *more, size_t count, struct error *err)
{
	if (count > DEVICE_RULE_LIMIT)
		return error_set(err, ERROR_LIMIT, "more than %d rules for devices", DEVICE_RULE_LIMIT);
	struct bpf_insn program[PROGRAM_LIMIT];
	char log[1024] = "";
	union bpf_attr load_attributes;
	memset(&load_attributes, 0, sizeof load_attributes);
	load_attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	load_attributes.insns = (uintptr_t)program;
	load_attributes.insn_cnt = (uint32_t)emit_program(program, more, count);
	load_attributes.license = (uintptr_t) "Apache-2.0";
	cleanup_close int program_fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &load_attributes, sizeof load_attributes);
	if (program_fd < 0 && (errno == EINVAL || errno == EACCES)) {
		/* Once more, to hear from the verifier what it dislikes. */
		load_attributes.log_buf = (uintptr_t)log;
		load_attributes.log_size = sizeof log;
		load_attributes.log_level = 1;
		program_fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &load_attributes, sizeof load_attributes);
	}
	if (program_fd < 0)
		return error_set_errno(err, errno, "load the device filter%s%s", log[0] ? ": " : "", log);
	union bpf_attr attach_attributes;
	memset(&attach_attributes, 0, sizeof attach_attributes);
	attach_attributes.target_fd = (uint32_t)group_fd;
	attach_attributes.attach_bpf_fd = (uint32_t)program_fd;
	attach_attributes.attach_type = BPF_CGROUP_DEVICE;
	/* With MULTI the filters of groups above stay in force, and more can be added below. */
	attach_attributes.attach_flags = BPF_F_ALLOW_MULTI;
	if (syscall(SYS_bpf, BPF_PROG_ATTACH, &attach_attributes, sizeof attach_attributes) < 0)
		return error_set_errno(err, errno, "attach the device filter");
	return 0;
}
