/*
 * A container that is quiet should cost next to nothing. Before a long sleep the monitor lets go of its own code: the
 * pages of the program's file are dropped from its page table, and come back from the page cache when they are run
 * again. The kernel maps 64 kB around each such fault, so the two system calls, the last code before and the first
 * after the sleep, are made here in one place, without the libc.
 */
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "monitor/monitor.h"

#define MAX_SEGMENTS 4

#if defined(__x86_64__)
static inline long system_call(long number, long a, long b, long c, long d)
{
	long result;
	register long fourth __asm__("r10") = d;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth)
			 : "rcx", "r11", "memory");
	return result;
}
#define EPOLL_SLEEP(epoll, events, count) system_call(SYS_epoll_wait, epoll, (long)(events), count, -1)
#elif defined(__aarch64__)
static inline long system_call(long number, long a, long b, long c, long d)
{
	register long result __asm__("x0") = a;
	register long second __asm__("x1") = b;
	register long third __asm__("x2") = c;
	register long fourth __asm__("x3") = d;
	register long fifth __asm__("x4") = 0;
	register long which __asm__("x8") = number;
	__asm__ volatile("svc 0"
			 : "+r"(result)
			 : "r"(second), "r"(third), "r"(fourth), "r"(fifth), "r"(which)
			 : "memory");
	return result;
}
#define EPOLL_SLEEP(epoll, events, count) system_call(SYS_epoll_pwait, epoll, (long)(events), count, -1)
#else
#error "the monitor knows x86-64 and arm64"
#endif

struct segment {
	uintptr_t start, size;
};

/* The segments of the program's file that are never written to. Data that is relocated lies in those that are. */
static int find_segments(struct segment segments[MAX_SEGMENTS])
{
	const ElfW(Phdr) *headers = (const ElfW(Phdr) *)getauxval(AT_PHDR);
	unsigned long header_count = getauxval(AT_PHNUM);
	uintptr_t page = getauxval(AT_PAGESZ);
	uintptr_t bias = 0;
	int count = 0;
	for (unsigned long i = 0; i < header_count; i++)
		if (headers[i].p_type == PT_PHDR)
			bias = (uintptr_t)headers - headers[i].p_vaddr;
	for (unsigned long i = 0; i < header_count && count < MAX_SEGMENTS; i++) {
		if (headers[i].p_type != PT_LOAD || headers[i].p_flags & PF_W)
			continue;
		uintptr_t start = (bias + headers[i].p_vaddr) & ~(page - 1);
		uintptr_t end = (bias + headers[i].p_vaddr + headers[i].p_filesz + page - 1) & ~(page - 1);
		segments[count++] = (struct segment){start, end - start};
	}
	return count;
}

int idle_wait(int epoll_fd, void *events, int count)
{
	struct segment segments[MAX_SEGMENTS];
	int segment_count = find_segments(segments);
	for (int i = 0; i < segment_count; i++)
		system_call(SYS_madvise, (long)segments[i].start, (long)segments[i].size, MADV_DONTNEED, 0);
	long ready = EPOLL_SLEEP(epoll_fd, events, count);
	if (ready >= 0)
		return (int)ready;
	errno = (int)-ready;
	return -1;
}
