/*
 * `--ssh default|ID[=SOCKET|KEY[,KEY…]]` and RUN --mount=type=ssh. What a step sees is a socket of ours in front of the
 * user's agent (ssh_proxy.h), or in front of an ssh-agent(1) that is started for the step and holds the keys. The
 * socket lies below the run folder, as "build-<pid>-<random>", so that the next build removes what a killed one left.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/string_list.h"

struct ssh_forward {
	int run_root_fd; /* borrowed */
	char *folder;	 /* below it */
	pid_t agent, proxy;
	int socket_fd; /* owned; O_PATH: what is mounted */
};
#define SSH_FORWARD_INIT ((struct ssh_forward){.agent = -1, .proxy = -1, .socket_fd = -1})

/* Whether each text names an agent or keys that are there; BuildKit's words. */
int ssh_forward_check(const struct string_list *texts, struct error *err);
/* Returns 0 where nothing has that id, 1 once it is served. `run_root` is the path of run_root_fd. */
int ssh_forward_start(const struct string_list *texts, const char *id, int run_root_fd, const char *run_root,
		      struct ssh_forward *ret_forward, struct error *err);
void ssh_forward_stop(struct ssh_forward *forward);
