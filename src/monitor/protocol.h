/*
 * What engine/ and coracle-monitor say to each other.
 *
 * In RUN_ROOT/containers/<id>/, kept by the monitor:
 *     lock         held for as long as the container has somebody who is responsible for it: first the command that
 *                  starts it, then its monitor, then the cleanup. It is an exclusive lock of the open file description
 *                  (F_OFD_SETLK, fcntl(2)): it survives fork and execve, and is asked for with F_OFD_GETLK, which
 *                  takes nothing, so that a reader is never in a starter's way. A lock that can be had means no
 * monitor, whatever the files say; that is the only test of life, pids are never trusted alone. The file's text
 *                  (lock.h) names the holder, so that one can wait for its end with a pidfd.
 *     status       text, replaced atomically: "running <pid> <start ns>\n", then "exited <code> <finish ns> <oom
 * 0|1>\n". attach.sock  a SOCK_SEQPACKET listening socket, 0600. A client that connects gets the output from then on.
 *
 * Frames on an attach connection, one packet each, at most FRAME_LIMIT bytes of payload behind the one-byte kind.
 * The client that a foreground `run` uses is a socketpair made before the monitor starts, so it misses nothing.
 *
 * Output goes to the log first, then to the clients. A client that does not read makes the container wait, as any
 * program waits that writes to a pipe; nothing is dropped. The foreground client may do so for as long as it likes. One
 * that came through attach.sock is disconnected after CLIENT_STALL_SECONDS without taking anything.
 *
 * Input has a window, so that signals and sizes are never stuck behind input that the container does not read: a client
 * has at most INPUT_WINDOW bytes on the way, and gets room back by FRAME_WINDOW as the container takes them. Whoever
 * sends more is disconnected. With a terminal, the end of input means nothing. A signal goes to the first process.
 *
 * In ROOT/containers/<id>/logs, in the files of log_files.h: the CRI log format of Kubernetes, one line an output line:
 *     2026-11-24T03:04:05.000000006Z stdout F text\n        (F: a full line; P: a part, the rest follows)
 *
 * When the first process has ended and its output is read to the end, the monitor writes `status`, sends FRAME_EXIT,
 * and becomes `coracle --root R --run-root S container cleanup ID LOCK` by execve(2), LOCK being the number of the
 * lock's descriptor. That takes down network and cgroup, writes the record and, with --rm, removes the container.
 * Attach connections and the lock stay open across that exec, so that a client's end-of-file means that everything is
 * done.
 *
 * A container that is to be started again (`--restart`) keeps its lock: the cleanup becomes a waiter
 * (`coracle-monitor wait=NS …`, waiter.c), and that becomes `coracle … container start-again ID LOCK`, whose child is
 * the next monitor. When the container is due is in its record, so a waiter that was killed is put back by the next
 * command that meets the container.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define FRAME_LIMIT	     16384
#define INPUT_WINDOW	     65536
#define CLIENT_STALL_SECONDS 10

/* The exit code of `coracle … container probe ID` that asks for the next probe after the first span. */
#define PROBE_STARTING 3

enum frame_kind {
	FRAME_STDIN = 'i',  /* client → monitor; empty payload: end of input */
	FRAME_RESIZE = 'r', /* client → monitor; struct frame_resize */
	FRAME_SIGNAL = 's', /* client → monitor; one byte, the signal's number */
	FRAME_STDOUT = 'o', /* monitor → client */
	FRAME_STDERR = 'e', /* monitor → client */
	FRAME_WINDOW = 'w', /* monitor → client; uint32_t, bytes of input that the container has taken */
	FRAME_EXIT = 'x',   /* monitor → client; one byte, the exit code */
};

struct frame_resize {
	uint16_t rows;
	uint16_t columns;
};
