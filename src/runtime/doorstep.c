/*
 * The last program before the container's: it does one execve and nothing else.
 *
 * Why it is there (CVE-2019-5736): while a process still runs the engine's program, /proc/self/exe is the engine's file
 * on the host. A command of "/proc/self/exe", a script that names it behind "#!", or an ELF file that names it as its
 * interpreter would run the engine's own file in the container, whose processes could then open it for writing. So the
 * engine's process first becomes this one, which lives in a sealed memfd: what /proc/self/exe leads to when the image's
 * file is opened is 1 kB that nobody can write to.
 *
 *     argv[0]    path for execve; argv + 1 is the command's argv
 *     fd 3       the sync socket, made CLOEXEC here; on failure it carries a struct sync_exec_failed
 *
 * There is no libc: it starts in a hundred microseconds and must work under any system call filter that lets a program
 * start at all.
 */
#include <asm/unistd.h>
#include <linux/fcntl.h>

#include "runtime/sync.h"

static long call3(long number, long first, long second, long third)
{
#if defined(__x86_64__)
	long result;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(first), "S"(second), "d"(third)
			 : "rcx", "r11", "memory");
	return result;
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = first;
	register long x1 __asm__("x1") = second;
	register long x2 __asm__("x2") = third;
	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
	return x0;
#else
#error "doorstep.c: write the three lines that make a system call on this architecture"
#endif
}

__attribute__((noreturn, used)) void doorstep(long *stack);

void doorstep(long *stack)
{
	long count = stack[0];
	char **arguments = (char **)(stack + 1);
	char **environment = arguments + count + 1;
	long result = call3(__NR_fcntl, SYNC_DOORSTEP_FD, F_SETFD, FD_CLOEXEC);
	if (result == 0 && count > 1)
		result = call3(__NR_execve, (long)arguments[0], (long)(arguments + 1), (long)environment);
	struct sync_exec_failed failed = {.kind = SYNC_EXEC_FAILED, .number = (int32_t)-result};
	call3(__NR_write, SYNC_DOORSTEP_FD, (long)&failed, sizeof failed);
	for (;;)
		call3(__NR_exit_group, 127, 0, 0);
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall doorstep\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n_start:\n\tmov x29, #0\n\tmov x0, sp\n\tbl doorstep\n");
#endif
