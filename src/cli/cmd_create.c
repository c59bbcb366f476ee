#include "cli/command.h"
#include "cli/create_options.h"
#include "cli/progress.h"

int cmd_create(struct invocation *invocation, int count, char **words, struct error *err)
{
	cleanup_create_arguments struct create_arguments arguments;
	create_arguments_init(&arguments);
	struct option table[CREATE_OPTION_COUNT];
	create_options_table(&arguments, table, 0);
	int result = command_options(invocation, table, OPTIONS_BEFORE_FIRST, &count, words, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	cleanup_engine struct engine *engine = NULL;
	cleanup_progress struct progress *progress = progress_new(2, arguments.quiet);
	cleanup_container_config struct container_config config;
	container_config_init(&config);
	cleanup_container_record struct container_record record = {0};
	struct create_options options = {.progress = progress_transfer(progress)};
	if (create_arguments_apply(&arguments, count, words, &config, &options, err) < 0 ||
	    command_open_engine(invocation, &engine, err) < 0 ||
	    container_create(engine, &options, &config, &record, NULL, err) < 0 ||
	    create_write_id_file(&arguments, record.id, err) < 0)
		return -1;
	create_arguments_warn(&arguments);
	printf("%s\n", record.id);
	return 0;
}
