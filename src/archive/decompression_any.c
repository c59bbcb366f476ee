#include "archive/decoder.h"
#include "base/memory.h"

int decompressor_new_any(const struct source *from, struct decompressor **ret_decompressor, struct error *err)
{
	static const struct decoder *const decoders[] = {&decoder_xz, &decoder_bzip2};
	return decompressor_new_with(from, decoders, ARRAY_SIZE(decoders), ret_decompressor, err);
}
