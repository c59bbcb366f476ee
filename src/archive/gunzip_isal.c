#include <isa-l/igzip_lib.h>

#include "archive/gunzip.h"
#include "base/memory.h"

struct gunzip {
	struct inflate_state state;
};

struct gunzip *gunzip_new(void)
{
	struct gunzip *gunzip = allocate(sizeof *gunzip);
	isal_inflate_init(&gunzip->state);
	gunzip->state.crc_flag = ISAL_GZIP;
	return gunzip;
}

void gunzip_free(struct gunzip *gunzip)
{
	free(gunzip);
}

void gunzip_reset(struct gunzip *gunzip)
{
	isal_inflate_reset(&gunzip->state);
	gunzip->state.crc_flag = ISAL_GZIP;
}

static const char *reason(int answer)
{
	switch (answer) {
	case ISAL_INVALID_BLOCK:
		return "invalid block type";
	case ISAL_INVALID_SYMBOL:
		return "invalid code";
	case ISAL_INVALID_LOOKBACK:
		return "invalid distance too far back";
	case ISAL_INVALID_WRAPPER:
		return "incorrect header check";
	case ISAL_UNSUPPORTED_METHOD:
		return "unknown compression method";
	case ISAL_INCORRECT_CHECKSUM:
		return "incorrect data check";
	default:
		return "it makes no sense";
	}
}

int gunzip_run(struct gunzip *gunzip, struct gunzip_step *step, struct error *err)
{
	struct inflate_state *state = &gunzip->state;
	state->next_in = (uint8_t *)step->input;
	state->avail_in = (uint32_t)step->input_size;
	state->next_out = step->output;
	state->avail_out = (uint32_t)step->output_size;
	int answer = isal_inflate(state);
	if (answer < 0 || answer == ISAL_NEED_DICT)
		return error_set(err, ERROR_CORRUPT, "damaged gzip data: %s", reason(answer));
	step->member_ended = state->block_state == ISAL_BLOCK_FINISH;
	step->input = state->next_in;
	step->input_size = state->avail_in;
	step->output = state->next_out;
	step->output_size = state->avail_out;
	return 0;
}
