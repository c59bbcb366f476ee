/* The programs of the tests' image that look at the kernel; each is told in probe_kernel.c. */
#pragma once

/* "NAME: WHAT: " and errno's text to standard error; 1. */
int fail(const char *name, const char *what);

int run_list(int count, char **words);
int run_descriptors(int count, char **words);
int run_terminal(int count, char **words);
int run_serve(int count, char **words);
int run_fetch(int count, char **words);
int run_memory(int count, char **words);
int run_processes(int count, char **words);
int run_agent(int count, char **words);
int run_socket(int count, char **words);
int run_mount(int count, char **words);
int run_attack(int count, char **words);
int run_interfaces(int count, char **words);
int run_resolve(int count, char **words);
int run_nameserver(int count, char **words);
