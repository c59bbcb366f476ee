/* Programs of the tests' image that speak DNS.
 *
 *     resolve NAME [A|AAAA|PTR] [udp|tcp]   asks 127.0.0.11; prints an answer a line, or "code N"
 *     nameserver ADDRESS                    answers every question for A with 192.0.2.77, on port 53 of ADDRESS
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "probe.h"

#define HEADER 12

static size_t put_name(unsigned char *bytes, const char *name)
{
	size_t size = 0;
	while (*name) {
		size_t length = strcspn(name, ".");
		bytes[size++] = (unsigned char)length;
		memcpy(bytes + size, name, length);
		size += length;
		name += length + (name[length] == '.');
	}
	bytes[size++] = 0;
	return size;
}

static int type_of(const char *text)
{
	return strcmp(text, "AAAA") == 0 ? 28 : strcmp(text, "PTR") == 0 ? 12 : 1;
}

static void print_name(const unsigned char *at)
{
	for (; *at; at += *at + 1)
		printf("%.*s.", *at, (const char *)at + 1);
	printf("\n");
}

static int print_answers(const unsigned char *answer, size_t size, size_t at)
{
	int count = answer[6] << 8 | answer[7], code = answer[3] & 15;
	if (code || count == 0)
		printf("code %d\n", code);
	for (int i = 0; i < count && at + HEADER <= size; i++) {
		char text[INET6_ADDRSTRLEN];
		int type = answer[at + 2] << 8 | answer[at + 3];
		const unsigned char *data = answer + at + HEADER;
		if (type == 12)
			print_name(data);
		else
			puts(inet_ntop(type == 28 ? AF_INET6 : AF_INET, data, text, sizeof text));
		at += HEADER + (size_t)(answer[at + 10] << 8 | answer[at + 11]);
	}
	return code != 0;
}

int run_resolve(int count, char **words)
{
	unsigned char query[600] = {0, 0, 0x12, 0x34, 1, 0, 0, 1}, answer[5000];
	int is_tcp = count > 3 && strcmp(words[3], "tcp") == 0, type = type_of(count > 2 ? words[2] : "A");
	size_t size = HEADER + put_name(query + 2 + HEADER, words[1]);
	query[2 + size + 1] = (unsigned char)type;
	query[2 + size + 3] = 1;
	size += 4;
	query[0] = (unsigned char)(size >> 8);
	query[1] = (unsigned char)size;
	struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(53)};
	struct timeval limit = {.tv_sec = 15};
	inet_pton(AF_INET, "127.0.0.11", &server.sin_addr);
	int fd = socket(AF_INET, is_tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	if (connect(fd, (struct sockaddr *)&server, sizeof server) < 0 ||
	    write(fd, query + (is_tcp ? 0 : 2), size + (is_tcp ? 2 : 0)) < 0)
		return fail("resolve", "ask 127.0.0.11");
	if (is_tcp && recv(fd, answer, 2, MSG_WAITALL) != 2)
		return fail("resolve", "hear from 127.0.0.11");
	ssize_t got = is_tcp ? recv(fd, answer, (size_t)(answer[0] << 8 | answer[1]), MSG_WAITALL)
			     : recv(fd, answer, sizeof answer, 0);
	if (got < HEADER || answer[0] != 0x12 || answer[1] != 0x34)
		return fail("resolve", "hear from 127.0.0.11");
	return print_answers(answer, (size_t)got, size);
}

static size_t make_answer(unsigned char *bytes, size_t size)
{
	static const unsigned char record[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 77};
	bytes[2] |= 0x80;
	bytes[7] = 1;
	memcpy(bytes + size, record, sizeof record);
	return size + sizeof record;
}

int run_nameserver(int count, char **words)
{
	(void)count;
	unsigned char bytes[4200];
	int on = 1;
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(53)};
	inet_pton(AF_INET, words[1], &address.sin_addr);
	int udp = socket(AF_INET, SOCK_DGRAM, 0), tcp = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(tcp, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(udp, (struct sockaddr *)&address, sizeof address) < 0 ||
	    bind(tcp, (struct sockaddr *)&address, sizeof address) < 0 || listen(tcp, 8) < 0)
		return fail("nameserver", words[1]);
	printf("ready\n");
	fflush(stdout);
	if (fork() == 0) {
		for (;;) {
			int client = accept(tcp, NULL, NULL);
			ssize_t size =
				recv(client, bytes, 2, MSG_WAITALL) == 2
					? recv(client, bytes + 2, (size_t)(bytes[0] << 8 | bytes[1]), MSG_WAITALL)
					: 0;
			if (size > HEADER) {
				size_t answer = make_answer(bytes + 2, (size_t)size);
				bytes[0] = (unsigned char)(answer >> 8);
				bytes[1] = (unsigned char)answer;
				(void)!write(client, bytes, answer + 2);
			}
			close(client);
		}
	}
	for (;;) {
		struct sockaddr_in client;
		socklen_t length = sizeof client;
		ssize_t size = recvfrom(udp, bytes, 4096, 0, (struct sockaddr *)&client, &length);
		if (size > HEADER)
			sendto(udp, bytes, make_answer(bytes, (size_t)size), 0, (struct sockaddr *)&client, length);
	}
}
