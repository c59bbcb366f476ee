#include "transfer/cancel.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <time.h>

#include "base/memory.h"

static atomic_bool signalled;
static atomic_bool requested;

static void on_signal(int number)
{
	(void)number;
	atomic_store(&signalled, true);
}

int cancel_install(struct error *err)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		if (sigaction(signals[i], &action, NULL) < 0)
			return error_set_errno(err, errno, "catch signals");
	signal(SIGPIPE, SIG_IGN);
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0)
		return error_set_errno(err, errno, "ask to end with the parent");
	return 0;
}

void cancel_request(void)
{
	atomic_store(&requested, true);
}

void cancel_withdraw(void)
{
	atomic_store(&requested, false);
}

bool cancel_is_requested(void)
{
	return atomic_load(&signalled) || atomic_load(&requested);
}

int cancel_error(struct error *err)
{
	return error_set(err, ERROR_CANCELLED, "interrupted");
}

int cancel_sleep(unsigned milliseconds, struct error *err)
{
	for (unsigned slept = 0; slept < milliseconds; slept += CANCEL_POLL_MILLISECONDS) {
		if (cancel_is_requested())
			return cancel_error(err);
		unsigned left = milliseconds - slept;
		struct timespec time = {.tv_nsec = (left < CANCEL_POLL_MILLISECONDS ? left : CANCEL_POLL_MILLISECONDS) *
						   1000000L};
		nanosleep(&time, NULL);
	}
	return cancel_is_requested() ? cancel_error(err) : 0;
}
