#include "monitor/log_files.h"

#include "monitor/text.h"

void log_name_numbered(char name[LOG_NAME_SIZE], uint64_t number, const char *suffix)
{
	size_t used = text_add(name, LOG_NAME_SIZE, 0, LOG_NAME ".");
	used = text_add_number(name, LOG_NAME_SIZE, used, number);
	used = text_add(name, LOG_NAME_SIZE, used, suffix);
	name[used] = '\0';
}
