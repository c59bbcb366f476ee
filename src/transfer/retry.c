#include "transfer/retry.h"

#include <errno.h>
#include <stdint.h>

#include "base/random.h"
#include "transfer/cancel.h"

#define FIRST_PAUSE 500u /* milliseconds */

unsigned retry_pause(const struct retry *retry)
{
	uint16_t chance;
	random_bytes(&chance, sizeof chance);
	unsigned pause = FIRST_PAUSE << (retry->failures - 1);
	if (retry->after > 0)
		pause = retry->after * 1000;
	else if (pause > RETRY_LONGEST_PAUSE)
		pause = RETRY_LONGEST_PAUSE;
	return pause + pause / 2 * chance / (UINT16_MAX + 1u);
}

int retry_wait(struct retry *retry, struct error *err)
{
	if (err->kind != ERROR_NETWORK || cancel_is_requested())
		return -1;
	/* http_failure() says so where nobody listens or no such host is known: nothing of that passes in a second. */
	if (!retry->is_patient && err->system_errno == ECONNREFUSED)
		return -1;
	if (err->system_errno == ETIMEDOUT)
		return -1;
	if (retry->after > RETRY_AFTER_LIMIT || ++retry->failures > RETRY_LIMIT) {
		err->system_errno = ETIMEDOUT;
		return retry->failures > RETRY_LIMIT ? error_wrap(err, "given up after %d attempts", RETRY_LIMIT + 1)
						     : -1;
	}
	int outcome = cancel_sleep(retry_pause(retry), err);
	retry->after = 0;
	return outcome;
}

int retry_until(struct retry *retry, int (*attempt)(void *context, struct retry *retry, struct error *err),
		void *context, struct error *err)
{
	struct error why = {0};
	while (attempt(context, retry, &why) < 0) {
		if (retry_wait(retry, &why) < 0) {
			if (err)
				*err = why;
			return -1;
		}
		error_clear(&why);
	}
	return 0;
}
