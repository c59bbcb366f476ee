/* Hands a request from standard input to transfer_request(); prints what comes back. For test_transfer.py. */
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "transfer/client.h"

static void print_event(void *context, const json_t *event)
{
	(void)context;
	cleanup_free char *text = json_text(event);
	puts(text);
}

int main(void)
{
	cleanup_buffer struct buffer text = {0};
	cleanup_json json_t *request = NULL;
	cleanup_json json_t *done = NULL;
	struct error err = {0};
	if (read_fd(STDIN_FILENO, 65536, &text, &err) < 0 ||
	    json_parse(buffer_text(&text), text.size, &request, &err) < 0 ||
	    transfer_request(request, print_event, NULL, &done, &err) < 0) {
		printf("failed %d %s\n", (int)err.kind, err.message);
		return 1;
	}
	print_event(NULL, done);
	return 0;
}
