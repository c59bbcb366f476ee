/*
 * An SSH agent behind another one's socket (draft-ietf-sshm-ssh-agent): a step may ask which keys there are and have
 * something signed, and no more. Adding, removing and locking keys, and extensions, are refused without the agent
 * hearing of them: they would be done to the user's own agent.
 */
#pragma once

#include <sys/types.h>

#include "base/error.h"

/*
 * A process that serves `listener_fd` by what listens at `agent_path`. It dies with its parent; kill it with SIGKILL
 * and reap it. It holds none of our descriptors but the listener.
 */
int ssh_proxy_start(int listener_fd, const char *agent_path, pid_t *ret_pid, struct error *err);

/* One connection, until either end closes it: for ssh_proxy_start() and for tests. */
void ssh_proxy_serve(int client_fd, int agent_fd);
