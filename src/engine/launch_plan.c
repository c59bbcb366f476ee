#include "engine/launch_plan.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "base/fd.h"
#include "engine/etc_files.h"
#include "engine/launch_mounts.h"
#include "engine/namespace_options.h"
#include "engine/network_share.h"
#include "engine/pin.h"
#include "engine/start.h"
#include "runtime/seccomp_profile.h"
#include "store/layer_folder.h"

static bool is_host(const char *mode)
{
	return mode && strcmp(mode, "host") == 0;
}

void launch_plan_release(struct launch_plan *plan)
{
	int fds[] = {plan->spec.upper_fd, plan->spec.work_fd,	     plan->spec.hostname_fd,
		     plan->spec.hosts_fd, plan->spec.resolv_conf_fd, plan->container_folder,
		     plan->network_fd,	  plan->pid_pidfd,	     plan->ipc_pidfd};
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		if (fds[i] > 2)
			close(fds[i]);
	for (size_t i = 0; i < plan->layer_count; i++)
		close(plan->layer_fds[i]);
	launch_mounts_close(plan->mounts, plan->mount_count);
	log_plan_release(&plan->log);
	free(plan->layer_fds);
	free(plan->cgroup);
	free(plan->hostname);
	free(plan->init_path);
	free(plan->arguments);
	string_list_release(&plan->spec.environment);
	string_list_release(&plan->spec.groups);
	seccomp_filter_release(&plan->seccomp);
	launch_resources_release(&plan->resources);
	*plan = LAUNCH_PLAN_INIT;
}

/* Whether a layer above this one is the same. */
static bool is_above(const struct container_config *config, size_t index)
{
	for (size_t i = index + 1; i < config->layers.count; i++)
		if (strcmp(config->layers.items[i], config->layers.items[index]) == 0)
			return true;
	return false;
}

static int open_layers(struct engine *engine, const struct container_config *config, struct launch_plan *plan,
		       struct error *err)
{
	size_t count = config->layers.count;
	plan->layer_fds = allocate_array(count, sizeof *plan->layer_fds);
	for (size_t i = 0; i < count; i++) {
		struct digest diff_id;
		const char *text = config->layers.items[count - 1 - i];
		/* An image may hold a layer twice, overlayfs may not: the topmost decides. */
		if (is_above(config, count - 1 - i))
			continue;
		if (digest_parse(text, &diff_id, err) < 0)
			return -1;
		if (layer_folder_open(engine->store->root_fd, &diff_id, &plan->layer_fds[plan->layer_count], err) < 0)
			return error_wrap(err, "a layer of the container's image is missing; pull the image again");
		plan->layer_count++;
	}
	return 0;
}

/* The host, as a container sees it. */
static void add_extra_hosts(const struct container_config *config, const struct network_plan *network,
			    struct string_list *hosts)
{
	char gateway[INET_ADDRSTRLEN] = "127.0.0.1";
	if (network->count)
		inet_ntop(AF_INET, &network->links[network->gateway < 0 ? 0 : network->gateway].record.gateway, gateway,
			  sizeof gateway);
	for (size_t i = 0; i < config->extra_hosts.count; i++) {
		const char *item = config->extra_hosts.items[i], *colon = strchr(item, ':');
		if (colon && strcmp(colon + 1, HOST_GATEWAY) == 0)
			string_list_add_format(hosts, "%.*s:%s", (int)(colon - item), item, gateway);
		else
			string_list_add(hosts, item);
	}
}

static int write_etc_files(struct engine *engine, struct launch_plan *plan, const struct container_config *config,
			   const struct network_plan *network, struct error *err)
{
	cleanup_string_list struct string_list addresses = {0}, hosts = {0};
	network_plan_addresses(network, &addresses);
	add_extra_hosts(config, network, &hosts);
	if (network_links_resolve(engine, config, network, &hosts, err) < 0)
		return -1;
	struct etc_options options = {
		.hostname = plan->hostname,
		.domainname = config->domainname,
		.addresses = &addresses,
		.extra_hosts = &hosts,
		.dns = &config->dns,
		.dns_search = &config->dns_search,
		.dns_options = &config->dns_options,
		.shares_host_network = config->network == CONTAINER_NETWORK_HOST,
		.has_resolver = network_plan_has_resolver(network),
	};
	struct etc_files files;
	if (etc_files_write(plan->container_folder, &options, &files, err) < 0)
		return -1;
	plan->spec.hostname_fd = files.hostname_fd;
	plan->spec.hosts_fd = files.hosts_fd;
	plan->spec.resolv_conf_fd = files.resolv_conf_fd;
	return 0;
}

/* The namespace and the files of the container whose network is shared. */
static int share_network(struct engine *engine, const struct container_config *config, struct launch_plan *plan,
			 struct error *err)
{
	struct network_shared shared = NETWORK_SHARED_INIT;
	if (network_share(engine, config->network_container, &shared, err) < 0)
		return -1;
	plan->network_fd = shared.namespace_fd;
	plan->spec.hostname_fd = shared.hostname_fd;
	plan->spec.hosts_fd = shared.hosts_fd;
	plan->spec.resolv_conf_fd = shared.resolv_conf_fd;
	replace_string(&plan->hostname, shared.hostname);
	return 0;
}

static int make_arguments(const struct container_config *config, struct launch_plan *plan, struct error *err)
{
	size_t count = config->entrypoint.count + config->command.count;
	if (count == 0)
		return error_set(err, ERROR_INVALID, "no command specified");
	plan->arguments = allocate_array(count + 1, sizeof *plan->arguments);
	for (size_t i = 0; i < config->entrypoint.count; i++)
		plan->arguments[i] = config->entrypoint.items[i];
	for (size_t i = 0; i < config->command.count; i++)
		plan->arguments[config->entrypoint.count + i] = config->command.items[i];
	return 0;
}

char *container_hostname(const struct container_record *record, const struct container_config *config)
{
	struct utsname host;
	if (is_host(config->uts_mode) && uname(&host) == 0)
		return duplicate_string(host.nodename);
	return config->hostname ? duplicate_string(config->hostname) : format_string("%.12s", record->id);
}

void launch_environment(const struct container_config *config, const char *hostname, struct string_list *environment)
{
	string_list_set_key(environment, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	string_list_set_key(environment, "HOSTNAME", hostname);
	if (config->terminal)
		string_list_set_key(environment, "TERM", "xterm");
	for (size_t i = 0; i < config->environment.count; i++) {
		const char *item = config->environment.items[i];
		cleanup_free char *key = format_string("%.*s", (int)strcspn(item, "="), item);
		string_list_set_key(environment, key, strchr(item, '=') + 1);
	}
}

/* upper/ gets the mode of an image's root folder; work/ is overlayfs' own. */
static int open_overlay_folders(struct launch_plan *plan, struct error *err)
{
	plan->spec.upper_fd = open_folder_at(plan->container_folder, "upper", true, 0755, err);
	if (plan->spec.upper_fd < 0)
		return -1;
	plan->spec.work_fd = open_folder_at(plan->container_folder, "work", true, 0700, err);
	return plan->spec.work_fd < 0 ? -1 : 0;
}

int launch_seccomp(struct engine *engine, const struct container_config *config, struct seccomp_filter *ret_filter,
		   const struct sock_fprog **ret_program, struct error *err)
{
	uint64_t capabilities;
	*ret_program = NULL;
	if (config->seccomp_unconfined || (config->privileged && !config->seccomp_profile))
		return 0;
	if (config->seccomp_profile) {
		if (container_config_capabilities(config, &capabilities, err) < 0 ||
		    seccomp_profile_filter(config->seccomp_profile, capabilities, ret_filter, err) < 0)
			return -1;
		*ret_program = &ret_filter->program;
		return 0;
	}
	cleanup_close int cache = open_folder_at(engine->store->root_fd, "cache", true, 0700, err);
	if (cache < 0 || container_config_capabilities(config, &capabilities, err) < 0 ||
	    seccomp_default_filter(cache, capabilities, ret_filter, err) < 0)
		return -1;
	*ret_program = &ret_filter->program;
	return 0;
}

static int fill_confinement(struct engine *engine, const struct container_config *config, struct launch_plan *plan,
			    struct error *err)
{
	struct runtime_spec *spec = &plan->spec;
	spec->privileged = config->privileged;
	spec->no_new_privileges = config->no_new_privileges;
	spec->shows_system_paths = config->shows_system_paths;
	if (container_config_capabilities(config, &spec->capabilities, err) < 0)
		return -1;
	return launch_seccomp(engine, config, &plan->seccomp, &spec->seccomp, err);
}

/* `container:ID` or the host's, else one of its own. */
static int open_namespace(struct engine *engine, const char *mode, const char *what, enum spec_namespace *ret_kind,
			  int *ret_pidfd, struct error *err)
{
	const char *other = namespace_mode_container(mode);
	*ret_kind = other ? SPEC_NAMESPACE_JOIN : is_host(mode) ? SPEC_NAMESPACE_HOST : SPEC_NAMESPACE_OWN;
	return other ? container_pin_joined(engine, other, what, ret_pidfd, err) : 0;
}

static int fill_namespaces(struct engine *engine, const struct container_config *config, struct launch_plan *plan,
			   struct error *err)
{
	struct runtime_spec *spec = &plan->spec;
	spec->uts = is_host(config->uts_mode) ? SPEC_NAMESPACE_HOST : SPEC_NAMESPACE_OWN;
	spec->cgroup_view = is_host(config->cgroup_mode) ? SPEC_NAMESPACE_HOST : SPEC_NAMESPACE_OWN;
	spec->has_no_shm = config->ipc_mode && strcmp(config->ipc_mode, "none") == 0;
	spec->domainname = config->domainname;
	if (open_namespace(engine, config->pid_mode, "PID", &spec->pid, &plan->pid_pidfd, err) < 0 ||
	    open_namespace(engine, config->ipc_mode, "IPC", &spec->ipc, &plan->ipc_pidfd, err) < 0)
		return -1;
	spec->pid_pidfd = plan->pid_pidfd;
	spec->ipc_pidfd = plan->ipc_pidfd;
	return 0;
}

static int fill(struct engine *engine, const struct container_record *record, const struct container_config *config,
		const struct network_plan *network, struct launch_plan *plan, struct error *err)
{
	bool is_shared = config->network == CONTAINER_NETWORK_CONTAINER;
	struct runtime_spec *spec = &plan->spec;
	if (container_open_folder(engine->store, record->id, true, &plan->container_folder, err) < 0)
		return -1;
	plan->cgroup = container_cgroup(record);
	plan->hostname = container_hostname(record, config);
	plan->init_path = config->use_init ? duplicate_string(engine->monitor) : NULL;
	if (open_overlay_folders(plan, err) < 0 || open_layers(engine, config, plan, err) < 0 ||
	    launch_mounts_open(engine, config, &plan->mounts, &plan->mount_count, err) < 0 ||
	    (is_shared ? share_network(engine, config, plan, err)
		       : write_etc_files(engine, plan, config, network, err)) < 0 ||
	    make_arguments(config, plan, err) < 0 ||
	    log_plan_open(plan->container_folder, record, config, &plan->log, err) < 0 ||
	    fill_confinement(engine, config, plan, err) < 0 || fill_namespaces(engine, config, plan, err) < 0 ||
	    launch_resources_make(config, &plan->spec, &plan->resources, err) < 0)
		return -1;
	launch_environment(config, plan->hostname, &plan->spec.environment);
	spec->id = record->id;
	spec->cgroup = plan->cgroup;
	spec->layer_fds = plan->layer_fds;
	spec->layer_count = plan->layer_count;
	spec->read_only_root = config->read_only_root;
	spec->mounts = plan->mounts;
	spec->mount_count = plan->mount_count;
	spec->hostname = plan->hostname;
	spec->arguments = (const char *const *)plan->arguments;
	spec->working_directory = config->working_directory ? config->working_directory : "";
	spec->user = config->user ? config->user : "";
	string_list_copy(&spec->groups, &config->groups);
	spec->network = is_shared				    ? SPEC_NETWORK_SHARED
			: config->network == CONTAINER_NETWORK_HOST ? SPEC_NETWORK_HOST
								    : SPEC_NETWORK_OWN;
	spec->network_fd = plan->network_fd;
	spec->shm_bytes = config->shm_bytes;
	spec->terminal = config->terminal;
	spec->init_path = plan->init_path;
	return 0;
}

int launch_plan_make(struct engine *engine, const struct container_record *record,
		     const struct container_config *config, const struct network_plan *network,
		     struct launch_plan *ret_plan, struct error *err)
{
	cleanup_launch_plan struct launch_plan plan = LAUNCH_PLAN_INIT;
	plan.spec.upper_fd = plan.spec.work_fd = -1;
	plan.spec.hostname_fd = plan.spec.hosts_fd = plan.spec.resolv_conf_fd = -1;
	if (fill(engine, record, config, network, &plan, err) < 0)
		return -1;
	*ret_plan = plan;
	/* The copy borrows from itself, not from the local that goes. */
	if (ret_plan->spec.seccomp)
		ret_plan->spec.seccomp = &ret_plan->seccomp.program;
	plan = LAUNCH_PLAN_INIT;
	return 0;
}
