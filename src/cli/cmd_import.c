#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/command.h"
#include "engine/import.h"

static bool is_url(const char *path)
{
	return strncasecmp(path, "http://", strlen("http://")) == 0 ||
	       strncasecmp(path, "https://", strlen("https://")) == 0;
}

static int run_import(struct invocation *invocation, const char *path, const struct import_options *options,
		      struct error *err)
{
	cleanup_engine struct engine *engine = NULL;
	cleanup_close int opened = -1;
	int fd = STDIN_FILENO;
	struct image image;
	if (options->url) {
		printf("Downloading from %s\n", path);
		fflush(stdout);
		if (command_open_engine(invocation, &engine, err) < 0 ||
		    image_import_url(engine, options, &image, err) < 0)
			return error_wrap(err, "import %s", path);
		printf("%s\n", image.id.text);
		return 0;
	}
	if (strcmp(path, "-") == 0 && isatty(STDIN_FILENO))
		return error_set(err, ERROR_INVALID,
				 "standard input is a terminal: import - wants an archive from a pipe");
	if (strcmp(path, "-") != 0) {
		fd = opened = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return error_set_errno(err, errno, "open %s", path);
	}
	struct source archive = source_from_fd(&fd);
	if (command_open_engine(invocation, &engine, err) < 0 ||
	    image_import(engine, &archive, options, &image, err) < 0)
		return error_wrap(err, "import %s", path);
	printf("%s\n", image.id.text);
	return 0;
}

int cmd_import(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	struct import_options import = {0};
	cleanup_reference struct reference tag = {0};
	const char *platform_name = NULL;
	struct platform platform;
	const struct option options[] = {
		OPTION_LIST('c', "change", &import.changes, "list",
			    "Apply Dockerfile instruction to the created image"),
		OPTION_STRING('m', "message", &import.message, "string", "Set commit message for imported image"),
		OPTION_STRING(0, "platform", &platform_name, "string", "Set platform of the image, as linux/arm64"),
		OPTION_END,
	};
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result == 0 && count == 2) {
		result = reference_parse(arguments[1], &tag, err);
		import.tag = &tag;
	}
	if (result == 0 && platform_name) {
		result = platform_parse(platform_name, &platform, err);
		import.platform = &platform;
	}
	if (result == 0)
		import.url = is_url(arguments[0]) ? arguments[0] : NULL;
	if (result == 0)
		result = run_import(invocation, arguments[0], &import, err);
	string_list_release(&import.changes);
	return result < 0 ? -1 : 0;
}
