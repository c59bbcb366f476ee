#include "engine/history.h"

void history_release(struct history *history)
{
	image_config_release(&history->config);
	free(history->steps);
}

static size_t count_layers(const struct image_config *config)
{
	size_t count = 0;
	for (size_t i = 0; i < config->history_count; i++)
		count += !config->history[i].empty_layer;
	return count;
}

void history_steps(struct history *history, const uint64_t *layer_sizes, size_t layer_count)
{
	struct image_config *config = &history->config;
	size_t told = count_layers(config), layer = 0;
	size_t untold = told < layer_count ? layer_count - told : 0;
	history->count = untold + config->history_count;
	history->steps = allocate_array(history->count + 1, sizeof *history->steps);
	for (size_t i = 0; i < history->count; i++) {
		struct history_step *step = &history->steps[history->count - 1 - i];
		*step = (struct history_step){.step = i < untold ? NULL : &config->history[i - untold]};
		if (step->step && step->step->created)
			time_parse_rfc3339(step->step->created, &step->created);
		if ((!step->step || !step->step->empty_layer) && layer < layer_count)
			step->size = layer_sizes[layer++];
	}
	if (history->count)
		history->steps[0].image = &history->image.id;
}

int history_read(struct engine *engine, const char *name, struct history *ret_history, struct error *err)
{
	struct image_layer *layers = NULL;
	size_t count = 0;
	*ret_history = (struct history){0};
	if (image_find(engine->store, name, &ret_history->image, err) < 0 ||
	    image_read_config(engine->store, &ret_history->image, &ret_history->config, err) < 0 ||
	    image_layers(engine->store, &ret_history->image.id, &layers, &count, err) < 0)
		return -1;
	cleanup_free uint64_t *sizes = allocate_array(count + 1, sizeof *sizes);
	for (size_t i = 0; i < count; i++)
		sizes[i] = layers[i].size;
	image_layers_free(layers, count);
	history_steps(ret_history, sizes, count);
	return 0;
}
