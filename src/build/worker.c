#include "build/worker.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "build/report_internal.h"
#include "build/report_link.h"
#include "build/stage_wire.h"

#define RESULT_CHUNK ((size_t)64 * 1024)

/*
 * Behind the report's events. CLAIM and MADE carry a key; GRANT, the answer to CLAIM, one byte: whether it is done.
 * NEED has a stage's index in place of the step. RESULT is a stage's outcome, from the worker or as the answer to NEED;
 * its step is 1 where more of it follows.
 */
enum { LINK_CLAIM = REPORT_EVENT_COUNT, LINK_GRANT, LINK_MADE, LINK_NEED, LINK_RESULT };

static const int ending_signals[] = {SIGINT, SIGTERM, SIGHUP};
#define ENDING_SIGNAL_COUNT ARRAY_SIZE(ending_signals)

struct worker {
	pid_t pid;
	int fd;
	size_t stage;
	size_t step; /* of the report: what it was forked in */
	struct report_link link;
	struct buffer result;
	bool is_waiting; /* for `wanted`, which another one claimed, or for a stage */
	struct digest wanted;
	size_t needed_stage; /* and 1; 0: none */
};

struct claim {
	struct digest key;
	pid_t owner; /* 0: nobody's */
	bool is_done;
};

struct workers {
	struct worker *items;
	size_t count, limit;
	struct claim *claims;
	size_t claim_count;
	struct link_message *message; /* the one that is read */
	bool is_stopping;
	bool has_handlers;
	struct sigaction before[ENDING_SIGNAL_COUNT];
	/* In a worker: */
	int up_fd; /* -1: we are none */
	size_t own_stage;
};

static volatile sig_atomic_t signal_to_pass_on;

static void note_signal(int number)
{
	signal_to_pass_on = number;
}

struct workers *workers_new(void)
{
	struct workers *workers = allocate(sizeof *workers);
	cpu_set_t set;
	workers->limit = sched_getaffinity(0, sizeof set, &set) == 0 ? (size_t)CPU_COUNT(&set) : 1;
	workers->up_fd = -1;
	return workers;
}

void workers_free(struct workers *workers)
{
	if (!workers)
		return;
	free(workers->items);
	free(workers->claims);
	free(workers->message);
	free(workers);
}

static bool is_worker(const struct workers *workers)
{
	return workers->up_fd >= 0;
}

/* One that waits for another one's step takes nobody's place. */
bool workers_have_room(const struct workers *workers)
{
	size_t busy = 0;
	for (size_t i = 0; i < workers->count; i++)
		busy += !workers->items[i].is_waiting;
	return busy < workers->limit;
}

static void ending_signal_set(sigset_t *set)
{
	sigemptyset(set);
	for (size_t i = 0; i < ENDING_SIGNAL_COUNT; i++)
		sigaddset(set, ending_signals[i]);
}

static void install_handlers(struct workers *workers)
{
	struct sigaction action = {.sa_handler = note_signal};
	if (workers->has_handlers)
		return;
	signal_to_pass_on = 0;
	for (size_t i = 0; i < ENDING_SIGNAL_COUNT; i++)
		sigaction(ending_signals[i], &action, &workers->before[i]);
	workers->has_handlers = true;
}

static void restore_handlers(struct workers *workers)
{
	for (size_t i = 0; workers->has_handlers && i < ENDING_SIGNAL_COUNT; i++)
		sigaction(ending_signals[i], &workers->before[i], NULL);
	workers->has_handlers = false;
}

static void become_worker(struct workers *workers, struct report *report, size_t stage_index, int fd, pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	restore_handlers(workers);
	for (size_t i = 0; i < workers->count; i++)
		close(workers->items[i].fd);
	workers->count = 0;
	workers->up_fd = fd;
	workers->own_stage = stage_index;
	report_link_worker(report, fd);
}

static void add_worker(struct executor *executor, pid_t pid, int fd, size_t stage_index, size_t report_step)
{
	struct workers *workers = executor->workers;
	workers->items = reallocate_array(workers->items, workers->count + 1, sizeof *workers->items);
	workers->items[workers->count++] = (struct worker){
		.pid = pid,
		.fd = fd,
		.stage = stage_index,
		.step = report_step,
		.link = {.base = executor->report->count},
		.result = BUFFER_INIT(STAGE_WIRE_LIMIT),
	};
	executor->states[stage_index].is_away = true;
}

static int fork_worker(struct executor *executor, size_t stage_index, size_t report_step, struct error *err)
{
	int fds[2];
	sigset_t held, before;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return error_set_errno(err, errno, "make a pair of sockets");
	install_handlers(executor->workers);
	ending_signal_set(&held);
	sigprocmask(SIG_BLOCK, &held, &before);
	store_close_database(executor->store);
	pid_t parent = getpid(), pid = fork();
	int number = errno;
	if (pid == 0) {
		close(fds[0]);
		become_worker(executor->workers, executor->report, stage_index, fds[1], parent);
		string_list_release(&executor->hits); /* the parent has them */
		for (size_t i = 0; i < executor->graph->count; i++)
			executor->states[i].is_away = false;
	} else {
		close(fds[1]);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (pid < 0) {
		close(fds[0]);
		store_open_database(executor->store, NULL);
		return error_set_errno(err, number, "fork");
	}
	if (pid > 0)
		add_worker(executor, pid, fds[0], stage_index, report_step);
	return store_open_database(executor->store, err);
}

bool worker_can_detach(const struct executor *executor)
{
	return !is_worker(executor->workers) && executor->workers->limit > 1 && !executor->is_nested;
}

int worker_detach(struct executor *executor, size_t stage_index, size_t report_step, bool must, struct error *err)
{
	const struct workers *workers = executor->workers;
	if (!worker_can_detach(executor) ||
	    (!must && workers->count == 0 && executor_next_stage(executor, stage_index) < 0))
		return 0;
	if (fork_worker(executor, stage_index, report_step, err) < 0)
		return -1;
	return !is_worker(workers);
}

static void send_outcome(int fd, const struct stage_outcome *outcome)
{
	cleanup_buffer struct buffer bytes = BUFFER_INIT(STAGE_WIRE_LIMIT);
	stage_outcome_write(outcome, &bytes);
	for (size_t at = 0; at < bytes.size; at += RESULT_CHUNK) {
		bool is_last = bytes.size - at <= RESULT_CHUNK;
		report_link_send(fd, LINK_RESULT, !is_last, bytes.bytes + at, is_last ? bytes.size - at : RESULT_CHUNK);
	}
}

/* The next message for this worker. */
static int hear(const struct workers *workers, struct link_message *message, size_t *ret_size, struct error *err)
{
	int got;
	while ((got = report_link_receive(workers->up_fd, message, ret_size, 0)) < 0 && errno == EINTR)
		;
	return got > 0 ? 0 : error_set(err, ERROR_CANCELLED, "interrupted");
}

int worker_need(struct executor *executor, size_t stage_index, struct error *err)
{
	const struct workers *workers = executor->workers;
	if (!is_worker(workers))
		return 0;
	cleanup_buffer struct buffer bytes = BUFFER_INIT(STAGE_WIRE_LIMIT);
	cleanup_stage_outcome struct stage_outcome outcome = {0};
	cleanup_free struct link_message *message = allocate(sizeof *message);
	size_t size = 0;
	report_link_send(workers->up_fd, LINK_NEED, stage_index, NULL, 0);
	do {
		if (hear(workers, message, &size, err) < 0 || buffer_append(&bytes, message->bytes, size, err) < 0)
			return -1;
	} while (message->step);
	if (stage_outcome_read(bytes.bytes, bytes.size, &outcome, err) < 0)
		return -1;
	struct stage_state *state = &executor->states[stage_index];
	stage_state_release(state);
	*state = outcome.state;
	outcome.state = (struct stage_state){0};
	state->is_built = true;
	return 1;
}

void workers_tell(struct executor *executor, size_t stage_index)
{
	struct workers *workers = executor->workers;
	const struct stage_outcome outcome = {.is_built = true, .state = executor->states[stage_index]};
	for (size_t i = 0; i < workers->count; i++) {
		struct worker *worker = &workers->items[i];
		if (worker->needed_stage != stage_index + 1)
			continue;
		worker->needed_stage = 0;
		worker->is_waiting = false;
		send_outcome(worker->fd, &outcome);
	}
}

static struct claim *find_claim(const struct workers *workers, const struct digest *key)
{
	for (size_t i = 0; i < workers->claim_count; i++)
		if (digest_equal(&workers->claims[i].key, key))
			return &workers->claims[i];
	return NULL;
}

static struct claim *need_claim(struct workers *workers, const struct digest *key)
{
	struct claim *claim = find_claim(workers, key);
	if (claim)
		return claim;
	workers->claims = reallocate_array(workers->claims, workers->claim_count + 1, sizeof *workers->claims);
	claim = &workers->claims[workers->claim_count++];
	*claim = (struct claim){.key = *key};
	return claim;
}

int worker_claim(struct executor *executor, const struct digest *key, struct error *err)
{
	const struct workers *workers = executor->workers;
	if (!is_worker(workers))
		return worker_has_made(executor, key);
	report_link_send(workers->up_fd, LINK_CLAIM, 0, key, sizeof *key);
	cleanup_free struct link_message *message = allocate(sizeof *message);
	size_t size = 0;
	if (hear(workers, message, &size, err) < 0)
		return -1;
	return size && message->bytes[0];
}

static void mark_made(struct workers *workers, const struct digest *key)
{
	struct claim *claim = need_claim(workers, key);
	claim->is_done = true;
	claim->owner = 0;
}

void worker_made(struct executor *executor, const struct digest *key)
{
	mark_made(executor->workers, key);
	if (is_worker(executor->workers))
		report_link_send(executor->workers->up_fd, LINK_MADE, 0, key, sizeof *key);
}

bool worker_has_made(const struct executor *executor, const struct digest *key)
{
	const struct claim *claim = find_claim(executor->workers, key);
	return claim && claim->is_done;
}

void worker_finish(struct executor *executor, size_t stage_index, int result, const struct error *error)
{
	const struct workers *workers = executor->workers;
	if (!is_worker(workers) || workers->own_stage != stage_index)
		return;
	const struct dockerfile *dockerfile = executor->dockerfile;
	struct stage_outcome outcome = {
		.is_built = result == 0,
		.culprit = executor->culprit ? (uint64_t)(executor->culprit - dockerfile->items) + 1 : 0,
		.failed_step = executor->failed_step,
		.has_log = executor->has_log,
		.consumed = executor->consumed,
		.hits = executor->hits,
		.state = executor->states[stage_index],
	};
	if (error)
		outcome.error = *error;
	send_outcome(workers->up_fd, &outcome);
	executor_keep_memos(executor);
	store_close_database(executor->store);
	_exit(0);
}

/* Whoever waits for this key and can go on now. The first one gets it, all of them where it is done. */
static void grant(struct workers *workers, struct claim *claim)
{
	for (size_t i = 0; i < workers->count && !claim->owner; i++) {
		struct worker *worker = &workers->items[i];
		if (!worker->is_waiting || worker->needed_stage || !digest_equal(&worker->wanted, &claim->key))
			continue;
		char is_done = claim->is_done;
		worker->is_waiting = false;
		if (!is_done)
			claim->owner = worker->pid;
		report_link_send(worker->fd, LINK_GRANT, 0, &is_done, 1);
	}
}

/* Its step is over: what it did not make is anybody's. */
static void give_claims_back(struct workers *workers, const struct worker *worker)
{
	for (size_t i = 0; i < workers->claim_count; i++) {
		struct claim *claim = &workers->claims[i];
		if (claim->owner != worker->pid)
			continue;
		claim->owner = 0;
		grant(workers, claim);
	}
}

static void take_message(struct executor *executor, struct worker *worker, size_t size)
{
	struct workers *workers = executor->workers;
	const struct link_message *message = workers->message;
	struct digest key;
	if (message->kind == LINK_RESULT) {
		buffer_append(&worker->result, message->bytes, size, NULL);
		return;
	}
	if (message->kind < REPORT_EVENT_COUNT) {
		report_link_event(executor->report, &worker->link, message, size,
				  workers->is_stopping || signal_to_pass_on);
		if (message->kind == REPORT_DONE || message->kind == REPORT_CACHED)
			give_claims_back(workers, worker);
		return;
	}
	if (message->kind == LINK_NEED) {
		if (message->step >= executor->graph->count)
			return;
		worker->is_waiting = true;
		worker->needed_stage = message->step + 1;
		if (executor->states[message->step].is_built)
			workers_tell(executor, message->step);
		else
			executor_want(executor, message->step);
		return;
	}
	if (size != sizeof key)
		return;
	memcpy(&key, message->bytes, sizeof key);
	if (message->kind == LINK_MADE) {
		mark_made(workers, &key);
	} else {
		worker->is_waiting = true;
		worker->wanted = key;
	}
	grant(workers, need_claim(workers, &key));
}

static int describe_death(const struct executor *executor, const struct worker *worker, int status, struct error *err)
{
	const struct stage_state *state = &executor->states[worker->stage];
	if (WIFSIGNALED(status))
		return error_set(err, ERROR_SYSTEM, "[%s%zu/%zu]: the process that built the stage was killed: %s",
				 state->prefix, state->step, state->steps, strsignal(WTERMSIG(status)));
	return error_set(err, ERROR_SYSTEM, "[%s%zu/%zu]: the process that built the stage ended with exit code %d",
			 state->prefix, state->step, state->steps, WEXITSTATUS(status));
}

/* err NULL: another failure came first, and is the one that is told. */
static int take_outcome(struct executor *executor, struct worker *worker, int status, struct error *err)
{
	struct stage_state *state = &executor->states[worker->stage];
	cleanup_stage_outcome struct stage_outcome outcome = {0};
	state->is_away = false;
	if (!worker->result.size)
		return describe_death(executor, worker, status, err);
	if (stage_outcome_read(worker->result.bytes, worker->result.size, &outcome, err) < 0)
		return -1;
	for (size_t i = 0; i < outcome.hits.count; i++)
		string_list_add(&executor->hits, outcome.hits.items[i]);
	for (size_t i = 0; i < outcome.consumed.count; i++)
		if (!string_list_contains(&executor->consumed, outcome.consumed.items[i]))
			string_list_add(&executor->consumed, outcome.consumed.items[i]);
	if (outcome.is_built) {
		stage_state_release(state);
		*state = outcome.state;
		outcome.state = (struct stage_state){0};
		state->is_built = true;
		workers_tell(executor, worker->stage);
		return 0;
	}
	if (err) {
		if (outcome.culprit && outcome.culprit <= executor->dockerfile->count)
			executor->culprit = &executor->dockerfile->items[outcome.culprit - 1];
		executor->failed_step = report_link_step(&worker->link, outcome.failed_step);
		executor->has_log = outcome.has_log;
		*err = outcome.error;
	}
	return -1;
}

static int reap(struct executor *executor, size_t index, struct error *err)
{
	struct workers *workers = executor->workers;
	struct worker worker = workers->items[index];
	int status = 0;
	close(worker.fd);
	while (waitpid(worker.pid, &status, 0) < 0 && errno == EINTR)
		;
	workers->items[index] = workers->items[--workers->count];
	give_claims_back(workers, &worker);
	int result = take_outcome(executor, &worker, status, err);
	report_link_close(executor->report, &worker.link, worker.step);
	report_link_release(&worker.link);
	buffer_release(&worker.result);
	if (!workers->count)
		restore_handlers(workers);
	return result;
}

static void pass_signal_on(struct workers *workers, int number)
{
	workers->is_stopping = true;
	for (size_t i = 0; i < workers->count; i++)
		kill(workers->items[i].pid, number);
}

/* Signals are let in while we wait, and nowhere between the look at the flag and that. */
static int wait_for_messages(struct executor *executor, struct pollfd *polled, size_t count)
{
	sigset_t held, before;
	bool ticks = report_tick(executor->report);
	struct timespec timeout = {.tv_nsec = REPORT_TICK_MILLISECONDS * 1000000L};
	ending_signal_set(&held);
	sigprocmask(SIG_BLOCK, &held, &before);
	int ready = signal_to_pass_on ? 0 : ppoll(polled, count, ticks ? &timeout : NULL, &before);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return ready;
}

/* What each of them has to say now. The first failure is told, the others come of it. */
static int take_messages(struct executor *executor, const struct pollfd *polled, size_t count, struct error *err)
{
	struct workers *workers = executor->workers;
	int result = 0;
	if (!workers->message)
		workers->message = allocate(sizeof *workers->message);
	for (size_t i = count; i-- > 0;) {
		if (!polled[i].revents)
			continue;
		size_t size = 0;
		int got;
		while ((got = report_link_receive(workers->items[i].fd, workers->message, &size, MSG_DONTWAIT)) > 0)
			take_message(executor, &workers->items[i], size);
		if ((got == 0 || (errno != EAGAIN && errno != EINTR)) &&
		    reap(executor, i, result == 0 ? err : NULL) < 0)
			result = -1;
	}
	return result;
}

static int wait_once(struct executor *executor, struct error *err)
{
	const struct workers *workers = executor->workers;
	size_t count = workers->count;
	cleanup_free struct pollfd *polled = allocate_array(count + 1, sizeof *polled);
	for (size_t i = 0; i < count; i++)
		polled[i] = (struct pollfd){.fd = workers->items[i].fd, .events = POLLIN};
	return wait_for_messages(executor, polled, count) > 0 ? take_messages(executor, polled, count, err) : 0;
}

void workers_stop(struct executor *executor)
{
	struct workers *workers = executor->workers;
	int number = signal_to_pass_on ? signal_to_pass_on : SIGTERM;
	if (!workers->count || is_worker(workers))
		return;
	signal_to_pass_on = 0;
	pass_signal_on(workers, number);
	while (workers->count) {
		/* Once more, from an impatient user or who ever sent the first one. */
		if (signal_to_pass_on) {
			pass_signal_on(workers, signal_to_pass_on);
			signal_to_pass_on = 0;
		}
		wait_once(executor, NULL);
	}
}

int workers_wait(struct executor *executor, struct error *err)
{
	if (!executor->workers->count)
		return error_set(err, ERROR_CORRUPT, "the stages of the Dockerfile wait for each other");
	int result = wait_once(executor, err);
	if (!signal_to_pass_on)
		return result;
	workers_stop(executor);
	executor->failed_step = 0;
	executor->culprit = NULL;
	return error_set(err, ERROR_CANCELLED, "interrupted");
}

int workers_wait_for(struct executor *executor, size_t stage_index, struct error *err)
{
	while (!is_worker(executor->workers) && executor->states[stage_index].is_away)
		if (workers_wait(executor, err) < 0)
			return -1;
	return 0;
}
