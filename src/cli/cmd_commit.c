#include "cli/command.h"
#include "engine/commit.h"

static int run_commit(struct invocation *invocation, const char *name, const struct commit_options *commit,
		      struct error *err)
{
	cleanup_engine struct engine *engine = NULL;
	struct image image;
	if (command_open_engine(invocation, &engine, err) < 0 ||
	    container_commit(engine, name, commit, &image, err) < 0)
		return -1;
	printf("%s\n", image.id.text);
	return 0;
}

int cmd_commit(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	struct commit_options commit = {.pause = true};
	cleanup_reference struct reference tag = {0};
	bool no_pause = false;
	const struct option options[] = {
		OPTION_STRING('a', "author", &commit.author, "string",
			      "Author (e.g., \"John Hannibal Smith <hannibal@a-team.com>\")"),
		OPTION_LIST('c', "change", &commit.changes, "list",
			    "Apply Dockerfile instruction to the created image"),
		OPTION_STRING('m', "message", &commit.message, "string", "Commit message"),
		OPTION_FLAG(0, "no-pause", &no_pause, "Disable pausing container during commit"),
		OPTION_FLAG('p', "pause", &commit.pause, "Pause container during commit (default true)"),
		OPTION_END,
	};
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	commit.pause = commit.pause && !no_pause;
	if (result == 0 && count > 1) {
		result = reference_parse(arguments[1], &tag, err);
		commit.tag = &tag;
	}
	if (result == 0)
		result = run_commit(invocation, arguments[0], &commit, err);
	string_list_release(&commit.changes);
	return result < 0 ? -1 : 0;
}
