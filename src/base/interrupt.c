#include "base/interrupt.h"

#include <signal.h>

static volatile sig_atomic_t depth, noted;
static bool was_told;

void interrupt_defer(void)
{
	depth++;
}

void interrupt_resume(void)
{
	if (--depth > 0 || !noted)
		return;
	int number = noted;
	noted = 0;
	if (!was_told)
		raise(number);
	was_told = false;
}

int interrupt_check(struct error *err)
{
	if (!noted)
		return 0;
	was_told = true;
	return error_set(err, ERROR_CANCELLED, "interrupted");
}

bool interrupt_is_deferred(void)
{
	return depth > 0;
}

void interrupt_note(int number)
{
	noted = number;
}
