#include "engine/engine.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/process.h"

static const char *choose(const char *given, const char *variable, const char *otherwise)
{
	if (given)
		return given;
	const char *set = getenv(variable);
	return set && *set ? set : otherwise;
}

static char *find_monitor(const char *program)
{
	const char *folder = getenv("CORACLE_LIBEXEC");
	if (folder && *folder)
		return format_string("%s/coracle-monitor", folder);
	const char *slash = strrchr(program, '/');
	return format_string("%.*s/../libexec/coracle/coracle-monitor", (int)(slash - program), program);
}

int engine_open(const char *root, const char *run_root, struct engine **ret_engine, struct error *err)
{
	cleanup_engine struct engine *engine = allocate(sizeof *engine);
	cleanup_free char *folder = NULL;
	if (process_executable_folder(&folder, err) < 0)
		return -1;
	/* A link named "docker" is resolved by then, so the engine's own name is the right one. */
	engine->program = format_string("%s/coracle", folder);
	engine->monitor = find_monitor(engine->program);
	root = choose(root, "CORACLE_ROOT", ENGINE_DEFAULT_ROOT);
	run_root = choose(run_root, "CORACLE_RUN_ROOT", ENGINE_DEFAULT_RUN_ROOT);
	if (store_open(root, run_root, &engine->store, err) < 0)
		return -1;
	*ret_engine = steal_pointer(&engine);
	return 0;
}

void engine_free(struct engine *engine)
{
	if (!engine)
		return;
	store_free(engine->store);
	free(engine->program);
	free(engine->monitor);
	free(engine);
}

void engine_report_line(const struct engine_report *report, const char *format, ...)
{
	if (!report || !report->line)
		return;
	va_list arguments;
	va_start(arguments, format);
	char *text = NULL;
	if (vasprintf(&text, format, arguments) < 0)
		abort();
	va_end(arguments);
	report->line(report->context, text);
	free(text);
}
