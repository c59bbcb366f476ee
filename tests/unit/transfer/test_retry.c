#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

/* These come first: cmocka.h does not include them. */
#include <cmocka.h>

#include <errno.h>
#include <stdint.h>

#include "base/memory.h"
#include "transfer/cancel.h"
#include "transfer/retry.h"

/* Clients that failed together do not come back together: each pause is longer by chance, by half at most. */
static void test_pauses(void **state)
{
	for (unsigned failures = 1; failures <= RETRY_LIMIT; failures++) {
		struct retry retry = {.failures = failures};
		unsigned pause = 500u << (failures - 1), least = UINT32_MAX, most = 0;
		for (unsigned i = 0; i < 500; i++) {
			unsigned got = retry_pause(&retry);
			least = got < least ? got : least;
			most = got > most ? got : most;
		}
		assert_in_range(least, pause, pause + pause / 8);
		assert_in_range(most, pause + pause / 2 - pause / 8, pause + pause / 2);
	}
}

static void test_what_the_registry_asks_for(void **state)
{
	struct retry retry = {.failures = 1, .after = 7};
	for (unsigned i = 0; i < 100; i++)
		assert_in_range(retry_pause(&retry), 7000, 10500);
}

struct job {
	unsigned calls;
	unsigned failures; /* before it succeeds */
	enum error_kind kind;
	int system_errno;
	unsigned after;
};

static int attempt(void *context, struct retry *retry, struct error *err)
{
	struct job *job = context;
	retry->after = job->after;
	if (job->calls++ >= job->failures)
		return 0;
	error_set(err, job->kind, "attempt %u", job->calls);
	err->system_errno = job->system_errno;
	return -1;
}

static void test_again(void **state)
{
	struct job job = {.failures = 1, .kind = ERROR_NETWORK};
	struct retry retry = {0};
	struct error err = {0};
	assert_int_equal(retry_until(&retry, attempt, &job, &err), 0);
	assert_int_equal(job.calls, 2);
	assert_int_equal(err.kind, ERROR_NONE);
}

/* The last error is told; with ETIMEDOUT whoever tries around it does not repeat it all. */
static void test_what_is_not_repeated(void **state)
{
	static const struct {
		enum error_kind kind;
		int system_errno;
		unsigned after;
		bool is_patient;
	} rows[] = {
		{ERROR_UNAUTHORIZED, 0, 0, true},
		{ERROR_CORRUPT, 0, 0, true},
		{ERROR_NETWORK, ECONNREFUSED, 0, false},
		{ERROR_NETWORK, ETIMEDOUT, 0, true},
		{ERROR_NETWORK, 0, RETRY_AFTER_LIMIT + 1, true},
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct job job = {9, 99, rows[i].kind, rows[i].system_errno, rows[i].after};
		struct retry retry = {.is_patient = rows[i].is_patient};
		struct error err = {0};
		assert_int_equal(retry_until(&retry, attempt, &job, &err), -1);
		assert_int_equal(job.calls, 10);
		assert_string_equal(err.message, "attempt 10");
		assert_int_equal(err.system_errno == ETIMEDOUT,
				 rows[i].system_errno == ETIMEDOUT || rows[i].after > RETRY_AFTER_LIMIT);
	}
}

static void test_end(void **state)
{
	struct job job = {.failures = 99, .kind = ERROR_NETWORK};
	struct retry retry = {.failures = RETRY_LIMIT};
	struct error err = {0};
	assert_int_equal(retry_until(&retry, attempt, &job, &err), -1);
	assert_string_equal(err.message, "given up after 4 attempts: attempt 1");
	assert_int_equal(err.system_errno, ETIMEDOUT);
	cancel_request();
	retry = (struct retry){0};
	assert_int_equal(retry_until(&retry, attempt, &job, &err), -1);
	assert_int_equal(job.calls, 2);
	cancel_withdraw();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pauses), cmocka_unit_test(test_what_the_registry_asks_for),
		cmocka_unit_test(test_again),  cmocka_unit_test(test_what_is_not_repeated),
		cmocka_unit_test(test_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
