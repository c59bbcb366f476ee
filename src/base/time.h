/* Wall clock time as nanoseconds since 1970 UTC, and the texts that users and documents see. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int64_t nanoseconds;

#define NANOSECONDS_PER_SECOND 1000000000LL

nanoseconds time_now(void);
/* CLOCK_MONOTONIC, for measuring. */
nanoseconds time_monotonic(void);

#define TIME_TEXT_SIZE 36
/* RFC 3339 in UTC with nine digits: "2026-11-24T03:04:05.000000006Z". */
void time_format_rfc3339(nanoseconds time, char text[TIME_TEXT_SIZE]);
/* RFC 3339 with any number of fraction digits and any offset; false where it is not that. */
bool time_parse_rfc3339(const char *text, nanoseconds *ret_time);
/*
 * A moment as users write it (Docker's GetTimestamp): a span before `now` in Go's way ("42m", "1h30m", "1.5s"), a date
 * ("2026-01-02T15:04:05Z", and shorter down to "2026-01-02", in local time where no zone is told), or seconds since
 * 1970 with a fraction. False where it is none of them.
 */
bool time_parse_moment(const char *text, nanoseconds now, nanoseconds *ret_time);

#define DURATION_TEXT_SIZE 48
/* Go's text of a time.Duration that is not negative: "1m30s", "500ms", "0s". */
void time_format_duration(nanoseconds span, char text[DURATION_TEXT_SIZE]);

/* Docker's words for a span, go-units HumanDuration: "Less than a second", "4 minutes", "About an hour". */
void time_format_human(nanoseconds span, char *text, size_t size);
/* Docker's size with three significant digits in powers of 1000, go-units HumanSize: "230MB", "1.22kB". */
void size_format_human(uint64_t bytes, char *text, size_t size);
/* The same with four digits, as Docker tells space that is used or reclaimed: "16.43MB". */
void size_format_human_precise(uint64_t bytes, char *text, size_t size);
