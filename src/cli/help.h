/* Help pages, all made from the command table. */
#pragma once

#include <stdio.h>

#include "cli/command.h"

void help_print_all(const char *program);		       /* `coracle --help` */
void help_print_group(const char *program, const char *group); /* `coracle image --help` */
void help_print_command(const char *program, const struct command *command, const struct option *options);
void help_print_usage(FILE *file, const char *program, const struct command *command); /* "coracle run [OPTIONS] …\n" */
void help_print_name(FILE *file, const char *program, const struct command *command); /* "coracle run" */
