/*
 * coracle-resolver CONTAINER UDP TCP NAMES [SERVER…]: answers the questions of one container, on sockets of the
 * container's network namespace that are passed to it, and asks the servers for what it does not know.
 *
 * Who asks is not trusted, so that this process can do little: it is nobody, without capabilities, its root is the
 * folder of names, it has few descriptors and little memory, and it dies with the container's monitor. That starts it
 * when somebody asks, and again when it has died, so giving up is always right.
 *
 * Each question that is handed on has a socket and a number of its own, taken by chance: who would forge an answer has
 * to guess both. There are at most PENDING_LIMIT of them; the oldest goes first. TCP is served by children, one a
 * connection.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/random.h"
#include "base/time.h"
#include "network/names.h"

#define PENDING_LIMIT	64
#define CHILD_LIMIT	8
#define SERVER_LIMIT	3
#define CONNECTION_TIME 20 /* seconds; of a TCP connection */
#define ANSWER_TIME	(2 * NANOSECONDS_PER_SECOND)
#define PLAIN_UDP_LIMIT 512
#define TCP_LIMIT	65535
#define NAMES_LIMIT	((size_t)64 * 1024 * 1024)
#define MEMORY_LIMIT	((rlim_t)256 * 1024 * 1024)
#define NOBODY		65534
#define DNS_PORT	53

struct address {
	struct sockaddr_storage bytes;
	socklen_t size;
};

struct pending {
	int fd; /* -1: unused */
	struct address client;
	unsigned char
		*query; /* as it was handed on; apart, so that memory is used by those that are on the way alone */
	size_t size;
	unsigned char id[2]; /* of the client */
	size_t server;
	nanoseconds until;
};

struct resolver {
	int udp_fd, tcp_fd, names_fd;
	struct names names;
	struct buffer text;
	struct stat seen; /* of the file of names */
	struct address servers[SERVER_LIMIT];
	size_t server_count;
	struct pending pending[PENDING_LIMIT];
	int child_count;
	unsigned char queries[PENDING_LIMIT][DNS_UDP_LIMIT];
};

static void load_names(struct resolver *resolver)
{
	struct stat now;
	cleanup_buffer struct buffer text = {0};
	if (fstatat(resolver->names_fd, "names", &now, AT_SYMLINK_NOFOLLOW) < 0 ||
	    (now.st_ino == resolver->seen.st_ino && now.st_size == resolver->seen.st_size &&
	     now.st_mtim.tv_sec == resolver->seen.st_mtim.tv_sec &&
	     now.st_mtim.tv_nsec == resolver->seen.st_mtim.tv_nsec) ||
	    read_file_at(resolver->names_fd, "names", NAMES_LIMIT, &text, NULL) < 0)
		return;
	buffer_release(&resolver->text);
	resolver->text = text;
	text = (struct buffer){0};
	resolver->names.text = buffer_text(&resolver->text);
	resolver->seen = now;
}

/* True: `answer` is to be sent. False: the servers are to be asked. */
static bool answer_here(struct resolver *resolver, const unsigned char *query, size_t size, size_t limit,
			struct dns_answer *answer, bool *ret_is_nothing)
{
	struct dns_question question;
	enum dns_code code;
	*ret_is_nothing = !dns_question_read(query, size, &question, &code);
	if (*ret_is_nothing)
		return false;
	dns_answer_begin(answer, query, &question, code, limit);
	if (code != DNS_OK)
		return true;
	load_names(resolver);
	if (names_answer(&resolver->names, &question, answer))
		return true;
	if (resolver->server_count && names_is_open(&resolver->names))
		return false;
	dns_answer_begin(answer, query, &question, DNS_SERVER_FAILURE, limit);
	return true;
}

static void drop(struct pending *pending)
{
	close(pending->fd);
	pending->fd = -1;
}

/* To the next server that can be asked at all. */
static bool ask(struct resolver *resolver, struct pending *pending)
{
	for (; pending->server < resolver->server_count; pending->server++) {
		const struct address *server = &resolver->servers[pending->server];
		pending->fd = socket(server->bytes.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (pending->fd < 0)
			continue;
		pending->until = time_monotonic() + ANSWER_TIME;
		if (connect(pending->fd, (const struct sockaddr *)&server->bytes, server->size) == 0 &&
		    send(pending->fd, pending->query, pending->size, 0) == (ssize_t)pending->size)
			return true;
		drop(pending);
	}
	return false;
}

static struct pending *free_place(struct resolver *resolver)
{
	struct pending *oldest = &resolver->pending[0];
	for (size_t i = 0; i < PENDING_LIMIT; i++) {
		struct pending *pending = &resolver->pending[i];
		if (pending->fd < 0)
			return pending;
		if (pending->until < oldest->until)
			oldest = pending;
	}
	drop(oldest);
	return oldest;
}

static void fail(const struct resolver *resolver, const struct pending *pending)
{
	struct dns_question question;
	struct dns_answer answer;
	enum dns_code code;
	if (!dns_question_read(pending->query, pending->size, &question, &code))
		return;
	dns_answer_begin(&answer, pending->query, &question, DNS_SERVER_FAILURE, PLAIN_UDP_LIMIT);
	memcpy(answer.bytes, pending->id, sizeof pending->id);
	sendto(resolver->udp_fd, answer.bytes, answer.size, MSG_DONTWAIT,
	       (const struct sockaddr *)&pending->client.bytes, pending->client.size);
}

static void hand_on(struct resolver *resolver, const unsigned char *query, size_t size, const struct address *client)
{
	struct pending *pending = free_place(resolver);
	memcpy(pending->query, query, size);
	memcpy(pending->id, query, sizeof pending->id);
	random_bytes(pending->query, sizeof pending->id);
	pending->size = size;
	pending->client = *client;
	pending->server = 0;
	if (!ask(resolver, pending))
		fail(resolver, pending);
}

static void take_question(struct resolver *resolver)
{
	unsigned char query[DNS_UDP_LIMIT];
	struct dns_answer answer;
	struct address client = {.size = sizeof client.bytes};
	ssize_t size = recvfrom(resolver->udp_fd, query, sizeof query, MSG_DONTWAIT | MSG_TRUNC,
				(struct sockaddr *)&client.bytes, &client.size);
	bool is_nothing;
	if (size < DNS_HEADER_SIZE || (size_t)size > sizeof query)
		return;
	if (answer_here(resolver, query, (size_t)size, PLAIN_UDP_LIMIT, &answer, &is_nothing))
		sendto(resolver->udp_fd, answer.bytes, answer.size, MSG_DONTWAIT,
		       (const struct sockaddr *)&client.bytes, client.size);
	else if (!is_nothing)
		hand_on(resolver, query, (size_t)size, &client);
}

static void take_answer(struct resolver *resolver, struct pending *pending)
{
	unsigned char answer[DNS_UDP_LIMIT];
	ssize_t size = recv(pending->fd, answer, sizeof answer, MSG_DONTWAIT);
	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (size < 0) {
		/* Nobody is there. */
		drop(pending);
		pending->server++;
		if (!ask(resolver, pending))
			fail(resolver, pending);
		return;
	}
	if (!dns_is_answer_to(answer, (size_t)size, pending->query, pending->size))
		return;
	memcpy(answer, pending->id, sizeof pending->id);
	sendto(resolver->udp_fd, answer, (size_t)size, MSG_DONTWAIT, (const struct sockaddr *)&pending->client.bytes,
	       pending->client.size);
	drop(pending);
}

static void expire(struct resolver *resolver)
{
	nanoseconds now = time_monotonic();
	for (size_t i = 0; i < PENDING_LIMIT; i++) {
		struct pending *pending = &resolver->pending[i];
		if (pending->fd < 0 || pending->until > now)
			continue;
		drop(pending);
		pending->server++;
		if (!ask(resolver, pending))
			fail(resolver, pending);
	}
}

/* A message with its length in front, whole. False: the other side has ended or breaks the rules. */
static bool read_message(int fd, unsigned char *bytes, size_t *ret_size)
{
	unsigned char length[2];
	if (read_full(fd, length, sizeof length, NULL) < 0)
		return false;
	*ret_size = (size_t)length[0] << 8 | length[1];
	return *ret_size >= DNS_HEADER_SIZE && read_full(fd, bytes, *ret_size, NULL) == 0;
}

static bool write_message(int fd, const unsigned char *bytes, size_t size)
{
	unsigned char length[2] = {(unsigned char)(size >> 8), (unsigned char)size};
	return write_full(fd, length, sizeof length, NULL) == 0 && write_full(fd, bytes, size, NULL) == 0;
}

static bool relay(const struct resolver *resolver, int client, const unsigned char *query, size_t size)
{
	static unsigned char answer[TCP_LIMIT];
	for (size_t i = 0; i < resolver->server_count; i++) {
		const struct address *server = &resolver->servers[i];
		cleanup_close int fd = socket(server->bytes.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		struct timeval limit = {.tv_sec = 4};
		size_t answer_size;
		if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) < 0 ||
		    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) < 0 ||
		    connect(fd, (const struct sockaddr *)&server->bytes, server->size) < 0 ||
		    !write_message(fd, query, size) || !read_message(fd, answer, &answer_size) ||
		    !dns_is_answer_to(answer, answer_size, query, size))
			continue;
		return write_message(client, answer, answer_size);
	}
	return false;
}

/* In a child of its own, for a while. */
static _Noreturn void serve_connection(struct resolver *resolver, int client)
{
	static unsigned char query[TCP_LIMIT];
	struct dns_answer answer;
	size_t size;
	bool is_nothing = false, goes_on = true;
	alarm(CONNECTION_TIME);
	while (goes_on && read_message(client, query, &size)) {
		if (answer_here(resolver, query, size, sizeof answer.bytes, &answer, &is_nothing))
			goes_on = write_message(client, answer.bytes, answer.size);
		else
			goes_on = !is_nothing && relay(resolver, client, query, size);
	}
	_exit(0);
}

static void take_connection(struct resolver *resolver)
{
	cleanup_close int client = accept4(resolver->tcp_fd, NULL, NULL, SOCK_CLOEXEC);
	if (client < 0)
		return;
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve_connection(resolver, client);
	}
	resolver->child_count += pid > 0;
}

static void run(struct resolver *resolver)
{
	for (;;) {
		struct pollfd watched[PENDING_LIMIT + 2] = {
			{.fd = resolver->udp_fd, .events = POLLIN},
			{.fd = resolver->child_count < CHILD_LIMIT ? resolver->tcp_fd : -1, .events = POLLIN}};
		bool is_idle = resolver->child_count == 0;
		for (size_t i = 0; i < PENDING_LIMIT; i++) {
			watched[i + 2] = (struct pollfd){.fd = resolver->pending[i].fd, .events = POLLIN};
			is_idle = is_idle && resolver->pending[i].fd < 0;
		}
		if (poll(watched, PENDING_LIMIT + 2, is_idle ? -1 : 200) < 0 && errno != EINTR)
			return;
		while (resolver->child_count && waitpid(-1, NULL, WNOHANG) > 0)
			resolver->child_count--;
		/* A place may be used anew by a question of this round: answers come first. */
		for (size_t i = 0; i < PENDING_LIMIT; i++)
			if (watched[i + 2].fd >= 0 && watched[i + 2].revents)
				take_answer(resolver, &resolver->pending[i]);
		if (watched[0].revents)
			take_question(resolver);
		if (watched[1].revents)
			take_connection(resolver);
		expire(resolver);
	}
}

static void add_server(struct resolver *resolver, const char *text)
{
	struct address *server = &resolver->servers[resolver->server_count];
	struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_port = htons(DNS_PORT)};
	struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_port = htons(DNS_PORT)};
	if (resolver->server_count == SERVER_LIMIT)
		return;
	if (inet_pton(AF_INET, text, &ipv4.sin_addr) == 1) {
		memcpy(&server->bytes, &ipv4, sizeof ipv4);
		server->size = sizeof ipv4;
	} else if (inet_pton(AF_INET6, text, &ipv6.sin6_addr) == 1) {
		memcpy(&server->bytes, &ipv6, sizeof ipv6);
		server->size = sizeof ipv6;
	} else {
		return;
	}
	resolver->server_count++;
}

/* From here on nothing can be done but to read names and to speak to the servers. */
static bool give_up_rights(int names_fd)
{
	static const struct {
		__rlimit_resource_t resource;
		rlim_t value;
	} limits[] = {
		{RLIMIT_NOFILE, PENDING_LIMIT + 32}, {RLIMIT_CORE, 0}, {RLIMIT_FSIZE, 0}, {RLIMIT_AS, MEMORY_LIMIT}};
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		struct rlimit limit = {limits[i].value, limits[i].value};
		if (setrlimit(limits[i].resource, &limit) < 0)
			return false;
	}
	pid_t parent = getppid();
	if (fchdir(names_fd) < 0 || chroot(".") < 0 || setgroups(0, NULL) < 0 ||
	    setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return false;
	/* It may have died before it could be told of. */
	return parent == getppid() && parent != 1;
}

static int number_of(const char *text)
{
	return (int)strtol(text, NULL, 10);
}

int main(int count, char **arguments)
{
	static struct resolver resolver;
	if (count < 5)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	resolver.names = (struct names){.text = "", .container = arguments[1]};
	resolver.udp_fd = number_of(arguments[2]);
	resolver.tcp_fd = number_of(arguments[3]);
	resolver.names_fd = number_of(arguments[4]);
	for (int i = 5; i < count; i++)
		add_server(&resolver, arguments[i]);
	for (size_t i = 0; i < PENDING_LIMIT; i++)
		resolver.pending[i] = (struct pending){.fd = -1, .query = resolver.queries[i]};
	if (!give_up_rights(resolver.names_fd))
		return 1;
	run(&resolver);
	return 1;
}
