/*
 * `run --init`: the same program, bound into the container as /dev/init, is its first process and does the two duties
 * of one: signals are passed on to the command, and orphans are reaped. It ends as the command ends.
 */
#pragma once

/* arguments: "/dev/init", "--", the command… Returns the exit code. */
int init_main(char **arguments);
