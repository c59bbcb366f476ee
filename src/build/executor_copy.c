/*
 * COPY, ADD and WORKDIR: steps that the build does itself, through a mounted view of the stage.
 *
 * The key of a COPY from the context holds the digest of the files that it names. One from a stage or an image has two
 * keys: a quick one over the source's layers, which is enough where nothing changed and mounts nothing, and one over
 * the files, which still hits where the source was built anew and these files came out the same. What ADD takes from
 * elsewhere (executor_remote.h) goes into the key by its digest or commit.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "build/executor_remote.h"
#include "build/path.h"
#include "store/image.h"

struct copy_step {
	struct string_list patterns; /* expanded, heredocs left out */
	struct copy_text *texts;
	size_t text_count;
	struct remote_list remotes; /* of ADD */
	char *destination;	    /* absolute, a '/' at its end kept */
	char *chown, *chmod, *checksum;
	char *created_by;
	struct ignore_list excludes;
	struct string_list exclude_texts;
	bool needs_folder, is_from_folder;
};

static void copy_step_release(struct copy_step *copy)
{
	string_list_release(&copy->patterns);
	for (size_t i = 0; i < copy->text_count; i++)
		free((char *)(uintptr_t)copy->texts[i].content);
	free(copy->texts);
	remote_list_release(&copy->remotes);
	free(copy->checksum);
	free(copy->destination);
	free(copy->chown);
	free(copy->chmod);
	free(copy->created_by);
	ignore_list_release(&copy->excludes);
	string_list_release(&copy->exclude_texts);
}

static const struct heredoc *find_heredoc(const struct instruction *instruction, const char *word, size_t *next)
{
	if (strncmp(word, "<<", 2) != 0 || *next >= instruction->heredoc_count)
		return NULL;
	return &instruction->heredocs[(*next)++];
}

static int add_source(const struct step *step, struct copy_step *copy, const char *word, size_t *next_heredoc,
		      struct error *err)
{
	const struct heredoc *heredoc = find_heredoc(step->instruction, word, next_heredoc);
	if (heredoc) {
		char *content = NULL;
		if (heredoc->expand && expand_content(&step->expansion, heredoc->content, &content, err) < 0)
			return -1;
		if (!content)
			content = duplicate_string(heredoc->content);
		copy->texts = reallocate_array(copy->texts, copy->text_count + 1, sizeof *copy->texts);
		copy->texts[copy->text_count++] = (struct copy_text){heredoc->name, content};
		return 0;
	}
	cleanup_free char *source = NULL;
	if (expand_word(&step->expansion, word, &source, err) < 0)
		return -1;
	bool is_copy = step->instruction->kind == INSTRUCTION_COPY;
	if (remote_source_kind(source) != REMOTE_NONE)
		return is_copy ? error_set(err, ERROR_INVALID, "source can't be a URL for COPY")
			       : remote_list_add(&copy->remotes, source, err);
	string_list_take(&copy->patterns, steal_pointer(&source));
	return 0;
}

/* Resolved against the working directory; what says "a folder" at its end is kept. */
static char *resolve_destination(const struct step *step, const char *text)
{
	const char *folder = step->stage->config.working_directory;
	cleanup_free char *path = path_resolve(folder && folder[0] ? folder : "/", text);
	size_t length = strlen(text);
	const char *last = strrchr(text, '/');
	last = last ? last + 1 : text;
	bool names_folder = length == 0 || text[length - 1] == '/' || strcmp(last, ".") == 0 || strcmp(last, "..") == 0;
	return format_string("%s%s", path, names_folder && path[1] ? "/" : "");
}

static int check_chmod(const char *text, struct error *err)
{
	size_t length = strlen(text);
	if (length < 1 || length > 5 || text[strspn(text, "01234567")] || strtoul(text, NULL, 8) > 07777)
		return error_set(err, ERROR_INVALID,
				 "invalid chmod parameter: '%s'. it should be octal string and between 0 and 07777",
				 text);
	return 0;
}

static int take_excludes(const struct step *step, struct copy_step *copy, struct error *err)
{
	const struct string_list *excludes = &step->instruction->excludes;
	for (size_t i = 0; i < excludes->count; i++) {
		char *text;
		if (expand_word(&step->expansion, excludes->items[i], &text, err) < 0)
			return -1;
		string_list_take(&copy->exclude_texts, text);
	}
	if (!copy->exclude_texts.count)
		return 0;
	cleanup_free char *all = string_list_join(&copy->exclude_texts, "\n");
	if (ignore_parse(all, strlen(all), &copy->excludes, err) < 0)
		return error_wrap(err, "--exclude");
	return 0;
}

static int check_checksum(const struct step *step, const struct copy_step *copy, struct error *err)
{
	if (!step->instruction->checksum)
		return 0;
	if (step->instruction->arguments.count != 2)
		return error_set(err, ERROR_INVALID, "checksum can't be specified for multiple sources");
	if (!copy->remotes.count)
		return error_set(err, ERROR_INVALID, "checksum requires HTTP(S) or Git sources");
	return 0;
}

/* The line of the history, in the order of copying. */
static char *describe(const struct step *step, const struct copy_step *copy, const char *destination)
{
	const struct instruction *instruction = step->instruction;
	cleanup_string_list struct string_list words = {0};
	string_list_add(&words, instruction_name(instruction->kind));
	if (copy->chown)
		string_list_add_format(&words, "--chown=%s", copy->chown);
	if (copy->chmod)
		string_list_add_format(&words, "--chmod=%s", copy->chmod);
	if (instruction->has_link)
		string_list_add(&words, "--link");
	if (instruction->has_parents)
		string_list_add(&words, "--parents");
	for (size_t i = 0; i < copy->text_count; i++)
		string_list_add_format(&words, "<<%s", copy->texts[i].name);
	for (size_t i = 0; i < copy->patterns.count; i++)
		string_list_add(&words, copy->patterns.items[i]);
	for (size_t i = 0; i < copy->remotes.count; i++)
		string_list_add(&words, copy->remotes.items[i].text);
	string_list_add(&words, destination);
	return string_list_join(&words, " ");
}

static int prepare(const struct step *step, struct copy_step *copy, struct error *err)
{
	const struct instruction *instruction = step->instruction;
	size_t last = instruction->arguments.count - 1, next_heredoc = 0;
	if (take_excludes(step, copy, err) < 0)
		return -1;
	for (size_t i = 0; i < last; i++)
		if (add_source(step, copy, instruction->arguments.items[i], &next_heredoc, err) < 0)
			return -1;
	cleanup_free char *destination = NULL;
	if (check_checksum(step, copy, err) < 0 ||
	    (instruction->checksum && expand_word(&step->expansion, instruction->checksum, &copy->checksum, err) < 0))
		return -1;
	if (expand_word(&step->expansion, instruction->arguments.items[last], &destination, err) < 0 ||
	    (instruction->chown && expand_word(&step->expansion, instruction->chown, &copy->chown, err) < 0) ||
	    (instruction->chmod && expand_word(&step->expansion, instruction->chmod, &copy->chmod, err) < 0) ||
	    (copy->chmod && check_chmod(copy->chmod, err) < 0))
		return -1;
	copy->destination = resolve_destination(step, destination);
	copy->needs_folder = last > 1;
	if (copy->needs_folder && !instruction->has_parents && destination[0] &&
	    copy->destination[strlen(copy->destination) - 1] != '/')
		return error_set(err, ERROR_INVALID,
				 "When using %s with more than one source file, the destination must be a directory "
				 "and end with a /",
				 instruction_name(instruction->kind));
	copy->created_by = describe(step, copy, destination);
	return 0;
}

static void make_key(const struct step *step, const struct copy_step *copy, const char *kind,
		     const struct string_list *sources, const struct digest *content, struct digest *ret_key)
{
	const struct instruction *instruction = step->instruction;
	/* What --link makes is the same on any base, unless a name has to be looked up there. */
	bool is_free = instruction->has_link && (!copy->chown || owner_is_numeric(copy->chown));
	struct cache_key *key = cache_key_begin(is_free ? NULL : &step->stage->key, kind);
	cache_key_add_text(key, instruction_name(instruction->kind));
	cache_key_add_number(key, instruction->has_link | instruction->has_parents << 1 | instruction->unpack << 2);
	cache_key_add_list(key, sources);
	cache_key_add_text(key, copy->destination);
	cache_key_add_text(key, copy->chown);
	cache_key_add_text(key, copy->chmod);
	cache_key_add_text(key, content->text);
	cache_key_add_list(key, &copy->exclude_texts);
	for (size_t i = 0; i < copy->text_count; i++) {
		cache_key_add_text(key, copy->texts[i].name);
		cache_key_add_text(key, copy->texts[i].content);
	}
	remote_list_add_to_key(&copy->remotes, instruction, key);
	cache_key_add_number(key, (uint64_t)step->executor->epoch);
	/* Times count for nothing here, so with an epoch they must not count in the layer either. */
	if (step->executor->epoch)
		cache_key_add_text(key, "epoch for all");
	cache_key_finish(key, ret_key);
}

/* A number, and the name of a stage that comes later, are no images. */
static int refuse_late_stage(const struct stage_graph *graph, const char *from, size_t current, struct error *err)
{
	ptrdiff_t index = stage_find(graph, from, graph->count);
	if (index < 0 && isdigit((unsigned char)from[0]) && !from[strspn(from, "0123456789")])
		return error_set(err, ERROR_INVALID, "invalid stage index %s", from);
	if (index < 0)
		return 0;
	const char *name = graph->stages[current].from->stage_name;
	cleanup_free char *shown = name ? duplicate_string(name) : format_string("stage-%zu", current);
	if ((size_t)index == current)
		return error_set(err, ERROR_INVALID, "circular dependency detected on stage: %s", shown);
	return error_set(err, ERROR_INVALID,
			 "cannot copy from stage \"%s\", it needs to be defined before current stage \"%s\"", from,
			 shown);
}

/* The layers that --from stands for: a stage's, which was waited for before the step began, or an image's. */
int step_find_layers(struct step *step, const char *from, struct digest **ret_diff_ids, size_t *ret_count,
		     struct error *err)
{
	struct executor *executor = step->executor;
	const struct named_context *named = named_contexts_find(executor->graph->options.contexts, from);
	ptrdiff_t index = stage_find(executor->graph, from, step->stage_index);
	if (index < 0 && (!named || named->kind == NAMED_CONTEXT_STAGE) &&
	    refuse_late_stage(executor->graph, from, step->stage_index, err) < 0)
		return -1;
	if (index < 0 && named)
		from = named->value;
	cleanup_image_config struct image_config config = {0};
	const struct image_config *source = &config;
	if (index >= 0) {
		if (executor_need_stage(executor, (size_t)index, step->stage_index, err) < 0)
			return -1;
		source = &executor->states[index].config;
	} else if (!named || strcmp(from, "scratch") != 0) {
		struct image image;
		struct platform platform;
		int has_platform = stage_platform(&executor->graph->stages[step->stage_index], &platform, err);
		if (has_platform < 0 ||
		    executor->host->resolve_image(executor->host->context, from, has_platform ? &platform : NULL,
						  executor->options->pull, &image, err) < 0)
			return error_wrap(err, "%s", from);
		if (image_read_config(executor->store, &image, &config, err) < 0)
			return -1;
	}
	struct digest *diff_ids = allocate_array(source->diff_id_count + 1, sizeof *diff_ids);
	memcpy(diff_ids, source->diff_ids, source->diff_id_count * sizeof *diff_ids);
	*ret_diff_ids = diff_ids;
	*ret_count = source->diff_id_count;
	return 0;
}

static int perform(struct step *step, struct copy_step *copy, const struct content_root *root,
		   const struct string_list *sources, const struct digest *keys, struct error *err)
{
	struct stage_state *stage = step->stage;
	struct store *store = step->executor->store;
	const struct instruction *instruction = step->instruction;
	cleanup_step_folders struct step_folders folders = STEP_FOLDERS_INIT;
	cleanup_rootfs_view struct rootfs_view view = ROOTFS_VIEW_INIT;
	/* --link: into a folder that knows nothing of the base; only names of owners are looked up there. */
	bool needs_view = !instruction->has_link || (copy->chown && !owner_is_numeric(copy->chown));
	if (step_folders_begin(step, &folders, err) < 0 ||
	    (needs_view && rootfs_view_open(store, stage->config.diff_ids, stage->config.diff_id_count,
					    instruction->has_link ? -1 : folders.upper.folder_fd,
					    instruction->has_link ? -1 : folders.work.folder_fd, &view, err) < 0))
		return -1;
	struct copy_request request = {
		.instruction = instruction_name(instruction->kind),
		.root_fd = instruction->has_link ? folders.upper.folder_fd : view.root_fd,
		.store_root_fd = store->root_fd,
		.destination = copy->destination,
		.from = root,
		.sources = sources,
		.texts = copy->texts,
		.text_count = copy->text_count,
		.needs_folder = copy->needs_folder,
		.unpacks = instruction->kind == INSTRUCTION_ADD && instruction->unpack != UNPACK_NEVER,
		.keeps_parents = instruction->has_parents,
		.time = copy->is_from_folder ? step->executor->epoch : 0,
		.has_owner = copy->chown != NULL,
		.has_mode = copy->chmod != NULL,
		.mode = copy->chmod ? (mode_t)strtoul(copy->chmod, NULL, 8) : 0,
	};
	int result = copy->chown ? owner_resolve(view.root_fd, copy->chown, &request.owner, err) : 0;
	if (result == 0)
		result = remote_list_open(step, &copy->remotes, root->exclude, &request, err);
	if (result == 0)
		result = copy_files(&request, err);
	remote_list_close(&request);
	if (result < 0)
		return -1;
	rootfs_view_release(&view);
	return step_commit(step, &folders, keys, 2, copy->created_by, err);
}

/* How many folders the part of a pattern before "/./" names; 0 without one. */
static size_t folders_before_pivot(const char *pattern)
{
	const char *pivot = strstr(pattern, "/./");
	if (!pivot)
		return 0;
	cleanup_free char *before = format_string("/%.*s", (int)(pivot - pattern), pattern);
	cleanup_free char *clean = path_clean(before);
	size_t count = 0;
	for (const char *at = clean; *at; at++)
		count += *at == '/' && at[1];
	return count;
}

/* "a/b/c" with one folder before the pivot is "a/./b/c". */
static char *with_pivot(const char *path, size_t folders)
{
	const char *at = path;
	for (size_t i = 0; i < folders; i++) {
		at = strchr(at, '/');
		if (!at)
			return format_string("%s/./.", path);
		at++;
	}
	return folders ? format_string("%.*s./%s", (int)(at - path), path, at) : duplicate_string(path);
}

static int find_sources(const struct step *step, const struct copy_step *copy, const struct content_root *root,
			struct string_list *sources, struct error *err)
{
	for (size_t i = 0; i < copy->patterns.count; i++) {
		const char *pattern = copy->patterns.items[i];
		size_t folders = step->instruction->has_parents ? folders_before_pivot(pattern) : 0;
		cleanup_string_list struct string_list found = {0};
		if (content_find(root, pattern, &found, err) < 0)
			return -1;
		for (size_t j = 0; j < found.count; j++)
			string_list_take(sources, with_pivot(found.items[j], folders));
	}
	return 0;
}

static int copy_from_root(struct step *step, struct copy_step *copy, const struct content_root *root,
			  struct digest keys[2], struct error *err)
{
	cleanup_string_list struct string_list sources = {0};
	struct digest content;
	if (find_sources(step, copy, root, &sources, err) < 0)
		return -1;
	if (content_digest(root, &sources, &content, err) < 0)
		return -1;
	make_key(step, copy, "copy", &sources, &content, &keys[0]);
	int found = step_find_cached(step, &keys[0], copy->created_by, err);
	if (found == 0)
		return perform(step, copy, root, &sources, keys, err);
	if (found != 1 || !digest_is_set(&keys[1]))
		return found < 0 ? -1 : 0;
	/* Found by its files: from now on by its layers as well. */
	struct build_cache_entry entry;
	if (build_cache_find(step->executor->store, &keys[0], &entry, err) < 0)
		return -1;
	string_list_add(&step->executor->hits, keys[1].text);
	return build_cache_put(step->executor->store, &keys[1], &entry, err);
}

static int copy_from_layers(struct step *step, struct copy_step *copy, struct error *err)
{
	cleanup_free struct digest *diff_ids = NULL;
	size_t count = 0;
	if (step_find_layers(step, step->instruction->from, &diff_ids, &count, err) < 0)
		return -1;
	struct digest keys[2] = {0}, layers;
	struct cache_key *key = cache_key_begin(NULL, "layers");
	for (size_t i = 0; i < count; i++)
		cache_key_add_text(key, diff_ids[i].text);
	cache_key_finish(key, &layers);
	make_key(step, copy, "copy from layers", &copy->patterns, &layers, &keys[1]);
	/* Whoever asks for keys wants both. */
	if (!step->executor->options->found_keys) {
		int found = step_find_cached(step, &keys[1], copy->created_by, err);
		if (found != 0)
			return found < 0 ? -1 : 0;
	}
	cleanup_rootfs_view struct rootfs_view view = ROOTFS_VIEW_INIT;
	if (rootfs_view_open(step->executor->store, diff_ids, count, -1, -1, &view, err) < 0)
		return -1;
	struct content_root root = {
		.fd = view.root_fd,
		.exclude = copy->excludes.count ? &copy->excludes : NULL,
		.keep_owners = true,
	};
	return copy_from_root(step, copy, &root, keys, err);
}

/* From a folder of the host, whether it is the context or has a name; else from layers. */
static int copy_from(struct step *step, struct copy_step *copy, struct error *err)
{
	const char *from = step->instruction->from;
	struct content_root root = {.fd = -1};
	struct digest keys[2] = {0};
	if (copy->patterns.count || from) {
		int is_folder = executor_open_folder(step->executor, from, &root, err);
		if (is_folder <= 0)
			return is_folder < 0 ? -1 : copy_from_layers(step, copy, err);
	}
	copy->is_from_folder = true;
	root.exclude = copy->excludes.count ? &copy->excludes : NULL;
	return copy_from_root(step, copy, &root, keys, err);
}

int executor_copy(struct step *step, struct error *err)
{
	struct copy_step copy = {0};
	step_begin(step);
	int result = prepare(step, &copy, err);
	if (result == 0)
		result = remote_list_resolve(step, &copy.remotes, copy.checksum, err);
	if (result == 0)
		result = copy_from(step, &copy, err);
	copy_step_release(&copy);
	return result < 0 ? step_fail(step, err) : 0;
}

/* What is missing belongs to USER, as with BuildKit. */
static int make_workdir(struct step *step, const char *path, const struct digest *key, const char *created_by,
			struct error *err)
{
	struct stage_state *stage = step->stage;
	cleanup_step_folders struct step_folders folders = STEP_FOLDERS_INIT;
	cleanup_rootfs_view struct rootfs_view view = ROOTFS_VIEW_INIT;
	struct owner owner = {0};
	const char *user = stage->config.user;
	bool made;
	if (step_folders_begin(step, &folders, err) < 0 ||
	    rootfs_view_open(step->executor->store, stage->config.diff_ids, stage->config.diff_id_count,
			     folders.upper.folder_fd, folders.work.folder_fd, &view, err) < 0 ||
	    (user && user[0] && owner_resolve(view.root_fd, user, &owner, err) < 0) ||
	    copy_make_folders(view.root_fd, path, &owner, &made, err) < 0)
		return -1;
	rootfs_view_release(&view);
	return made ? step_commit(step, &folders, key, 1, created_by, err)
		    : step_commit_nothing(step, key, created_by, err);
}

int executor_workdir(struct step *step, struct error *err)
{
	struct stage_state *stage = step->stage;
	cleanup_free char *text = NULL;
	step_begin(step);
	if (expand_word(&step->expansion, step->instruction->arguments.items[0], &text, err) < 0)
		return step_fail(step, err);
	const char *current = stage->config.working_directory;
	cleanup_free char *path = path_resolve(current && current[0] ? current : "/", text);
	cleanup_free char *created_by = format_string("WORKDIR %s", path);
	struct cache_key *key = cache_key_begin(&stage->key, "WORKDIR");
	struct digest digest;
	cache_key_add_text(key, path);
	cache_key_add_number(key, (uint64_t)step->executor->epoch);
	cache_key_finish(key, &digest);
	/* The folder's name is part of what comes after, whether it had to be made or not. */
	stage->key = digest;
	replace_string(&stage->config.working_directory, steal_pointer(&path));
	int result = step_find_cached(step, &digest, created_by, err);
	if (result == 0)
		result = make_workdir(step, stage->config.working_directory, &digest, created_by, err);
	return result < 0 ? step_fail(step, err) : 0;
}
