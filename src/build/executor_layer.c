#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/interrupt.h"
#include "build/commit.h"
#include "build/executor.h"
#include "build/worker.h"
#include "oci/media_type.h"

/* The first line of a heredoc that is all of a RUN, as " (make...)". */
static char *heredoc_summary(const struct instruction *instruction)
{
	if (!instruction_is_heredoc(instruction))
		return duplicate_string("");
	const char *text = instruction->heredocs[0].content;
	text += strspn(text, " \t\r\n");
	size_t length = strcspn(text, "\n");
	bool has_more = text[length + strspn(text + length, " \t\r\n")];
	return format_string(" (%.*s%s)", (int)length, text, has_more ? "..." : "");
}

/* With the variables that are known. RUN's others are the shell's, and so are its quotes. What cannot be expanded is
 * shown as it was written; the step itself says what is wrong. */
static char *shown_text(const struct step *step)
{
	const struct instruction *instruction = step->instruction;
	const char *text = instruction->text + strcspn(instruction->text, " \t\r\v\f");
	cleanup_free char *summary = heredoc_summary(instruction), *shown = NULL;
	struct error ignored = {0};
	struct expansion expansion = step->expansion;
	expansion.missing = NULL;
	int result = instruction->kind == INSTRUCTION_RUN ? expand_shown(&expansion, text, &shown, &ignored)
							  : expand_word(&expansion, text, &shown, &ignored);
	return format_string("%s%s%s", instruction_name(instruction->kind), result < 0 ? text : shown, summary);
}

void step_begin(struct step *step)
{
	struct stage_state *stage = step->stage;
	stage->step++;
	cleanup_free char *place = stage_place(stage);
	cleanup_free char *text = shown_text(step);
	cleanup_free char *name = format_string("%s %s%s", place, stage->is_in_trigger ? "ONBUILD " : "", text);
	for (char *at = name; *at; at++)
		if (*at == '\n' || *at == '\t')
			*at = ' ';
	step->number = report_begin(step->executor->report, name);
}

int step_fail(struct step *step, struct error *err)
{
	struct executor *executor = step->executor;
	if (!executor->culprit)
		executor->culprit = step->instruction;
	if (step->number && !executor->failed_step) {
		executor->failed_step = step->number;
		if (err && err->kind == ERROR_CANCELLED)
			report_canceled(executor->report, step->number);
		else
			report_failed(executor->report, step->number, err ? err->message : "failed");
	}
	return -1;
}

static void add_history(struct step *step, const char *created_by, bool empty)
{
	struct stage_state *stage = step->stage;
	nanoseconds time = step->executor->epoch ? step->executor->epoch * NANOSECONDS_PER_SECOND : stage->created;
	char created[TIME_TEXT_SIZE];
	if (time)
		time_format_rfc3339(time, created);
	/* BuildKit has no such mark on WORKDIR's. */
	bool is_plain = empty || step->instruction->kind == INSTRUCTION_WORKDIR;
	cleanup_free char *text = is_plain ? duplicate_string(created_by) : format_string("%s # buildkit", created_by);
	image_config_add_history(&stage->config, time ? created : NULL, text, BUILD_HISTORY_COMMENT, empty);
}

/* What comes after depends on what the step made, and not on how it was made. */
static void go_on_from(struct stage_state *stage, const struct digest *diff_id)
{
	struct cache_key *key = cache_key_begin(&stage->key, "layer");
	cache_key_add_text(key, diff_id->text);
	cache_key_finish(key, &stage->key);
}

/* A layer is as old as its blob: a build that finds all its layers gives the same image, to the byte. */
static nanoseconds layer_time(struct store *store, const struct image_layer *layer)
{
	struct blob_info info;
	if (store->blobs->operations->stat(store->blobs, &layer->blob.digest, &info, NULL) < 0)
		return time_now();
	return info.modified;
}

static void add_layer(struct step *step, struct image_layer *layer, const char *created_by)
{
	struct stage_state *stage = step->stage;
	nanoseconds time = layer_time(step->executor->store, layer);
	if (time > stage->created)
		stage->created = time;
	image_config_add_diff_id(&stage->config, &layer->diff_id);
	go_on_from(stage, &layer->diff_id);
	stage->layers = reallocate_array(stage->layers, stage->layer_count + 1, sizeof *stage->layers);
	stage->layers[stage->layer_count++] = *layer;
	*layer = (struct image_layer){0};
	add_history(step, created_by, false);
}

static void add_nothing(struct step *step, const char *created_by)
{
	struct digest nothing = {0};
	go_on_from(step->stage, &nothing);
	add_history(step, created_by, true);
}

/* --no-cache, and --no-cache-filter with the stage's name; a stage without one is "stage-<number>". */
static bool is_cache_off(const struct step *step)
{
	const struct build_options *options = step->executor->options;
	const char *name = step->executor->graph->stages[step->stage_index].from->stage_name;
	cleanup_free char *given = name ? duplicate_string(name) : format_string("stage-%zu", step->stage_index);
	for (size_t i = 0; i < options->no_cache_filter.count; i++)
		if (strcasecmp(options->no_cache_filter.items[i], given) == 0)
			return true;
	return options->no_cache;
}

/* In the build cache, or now there, since --cache-from has it. 0: not found. */
static int find_entry(struct executor *executor, const struct digest *key, struct build_cache_entry *ret_entry,
		      struct error *err)
{
	const struct build_host *host = executor->host;
	if (build_cache_find(executor->store, key, ret_entry, err) == 0)
		return 1;
	if (err->kind != ERROR_NOT_FOUND)
		return -1;
	error_clear(err);
	int imported = host->import ? host->import(host->caches, key, err) : 0;
	if (imported <= 0)
		return imported;
	return build_cache_find(executor->store, key, ret_entry, err) < 0 ? -1 : 1;
}

static int look_up(struct step *step, const struct digest *key, const char *created_by, struct error *err)
{
	struct build_cache_entry entry;
	struct error reason;
	int found = find_entry(step->executor, key, &entry, &reason);
	if (found == 0 && step->executor->options->found_keys)
		return error_set(err, ERROR_NOT_FOUND, "the build cache has nothing for this step any more");
	if (found <= 0) {
		if (found == 0)
			return 0;
		if (err)
			*err = reason;
		return -1;
	}
	if (digest_is_set(&entry.diff_id)) {
		struct image_layer layer = {.diff_id = entry.diff_id, .size = entry.size};
		layer.blob = (struct descriptor){
			.media_type = duplicate_string(MEDIA_TYPE_OCI_LAYER_GZIP),
			.digest = entry.blob,
			.size = entry.blob_size,
		};
		add_layer(step, &layer, created_by);
	} else {
		add_nothing(step, created_by);
	}
	report_cached(step->executor->report, step->number);
	string_list_add(&step->executor->hits, key->text);
	return 1;
}

int step_find_cached(struct step *step, const struct digest *key, const char *created_by, struct error *err)
{
	struct executor *executor = step->executor;
	bool is_off = is_cache_off(step);
	int found = is_off && !worker_has_made(executor, key) ? 0 : look_up(step, key, created_by, err);
	if (found != 0)
		return found;
	int is_away = worker_detach(executor, step->stage_index, step->number, false, err);
	if (is_away != 0)
		return is_away < 0 ? -1 : 2;
	int claimed = worker_claim(executor, key, err);
	if (claimed < 0)
		return -1;
	return claimed ? look_up(step, key, created_by, err) : 0;
}

int step_folders_begin(struct step *step, struct step_folders *ret_folders, struct error *err)
{
	cleanup_step_folders struct step_folders folders = STEP_FOLDERS_INIT;
	int root_fd = step->executor->store->root_fd;
	/* A signal that just ended the process would leave them to the next build. */
	interrupt_defer();
	folders.is_deferred = true;
	if (layer_staging_begin(root_fd, &folders.upper, err) < 0 ||
	    layer_staging_begin(root_fd, &folders.work, err) < 0)
		return -1;
	/* Upper's own mode is that of the container's "/". */
	if (fchmod(folders.upper.folder_fd, 0755) < 0)
		return error_set_errno(err, errno, "set the mode of a layer's folder");
	*ret_folders = folders;
	folders = STEP_FOLDERS_INIT;
	return 0;
}

void step_folders_release(struct step_folders *folders)
{
	layer_staging_release(&folders->upper);
	layer_staging_release(&folders->work);
	if (folders->is_deferred)
		interrupt_resume();
	folders->is_deferred = false;
}

int step_commit(struct step *step, struct step_folders *folders, const struct digest *keys, size_t key_count,
		const char *created_by, struct error *err)
{
	struct store *store = step->executor->store;
	struct image_layer layer = {0};
	if (layer_commit(store, &folders->upper, step->executor->epoch, &layer, err) < 0)
		return -1;
	struct build_cache_entry entry = {
		.diff_id = layer.diff_id,
		.blob = layer.blob.digest,
		.blob_size = layer.blob.size,
		.size = layer.size,
	};
	for (size_t i = 0; i < key_count; i++)
		if (digest_is_set(&keys[i]) && build_cache_put(store, &keys[i], &entry, err) < 0) {
			descriptor_release(&layer.blob);
			return -1;
		}
	for (size_t i = 0; i < key_count; i++)
		if (digest_is_set(&keys[i]))
			worker_made(step->executor, &keys[i]);
	add_layer(step, &layer, created_by);
	report_done(step->executor->report, step->number);
	return 0;
}

int step_commit_nothing(struct step *step, const struct digest *key, const char *created_by, struct error *err)
{
	struct build_cache_entry entry = {0};
	if (build_cache_put(step->executor->store, key, &entry, err) < 0)
		return -1;
	worker_made(step->executor, key);
	add_nothing(step, created_by);
	report_done(step->executor->report, step->number);
	return 0;
}

void step_note(struct step *step, const char *what, const char *created_by)
{
	struct cache_key *key = cache_key_begin(&step->stage->key, instruction_name(step->instruction->kind));
	cache_key_add_text(key, what);
	cache_key_finish(key, &step->stage->key);
	if (created_by)
		add_history(step, created_by, true);
}
