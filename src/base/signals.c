#include "base/signals.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The size of the kernel's signal set, in bytes: one bit a signal. */
#define KERNEL_SET_SIZE 8

void signals_reset(void)
{
	/* Not sigaction(): libc keeps 32 and 33 for its threads and refuses to touch them, yet they are inherited like
	 * the rest. All zeros is SIG_DFL without flags, whatever the order of the kernel's fields. */
	static const unsigned long defaults[8];
	for (int number = 1; number <= KERNEL_SET_SIZE * 8; number++)
		syscall(SYS_rt_sigaction, number, defaults, NULL, KERNEL_SET_SIZE);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}
