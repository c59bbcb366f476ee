/* What users write of namespaces, sysctls and the like. The words of errors are Docker's. */
#pragma once

#include "engine/container_config.h"

/* Each takes what Docker takes; "" is the default. `container:NAME` stays as it is until container_config_join(). */
int container_config_set_pid_mode(struct container_config *config, const char *text, struct error *err);
int container_config_set_ipc_mode(struct container_config *config, const char *text, struct error *err);
int container_config_set_uts_mode(struct container_config *config, const char *text, struct error *err);
int container_config_set_cgroup_mode(struct container_config *config, const char *text, struct error *err);
int container_config_set_userns_mode(struct container_config *config, const char *text, struct error *err);
/* NAME=VALUE, of those that are a namespace's own. */
int container_config_add_sysctl(struct container_config *config, const char *text, struct error *err);
int container_config_add_annotation(struct container_config *config, const char *text, struct error *err);
/* "net.ipv4.conf.eth0/100.forwarding" to "net/ipv4/conf/eth0.100/forwarding", owned; NULL where that leads elsewhere.
 */
char *sysctl_path(const char *name);

/* What of it does not go together. */
int container_config_check_namespaces(const struct container_config *config, struct error *err);

/* "ID" of "container:ID", or NULL. */
const char *namespace_mode_container(const char *mode);
