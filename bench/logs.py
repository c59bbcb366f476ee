#!/usr/bin/env python3
"""What a container writes and its log keeps: bench/logs.py [ROUNDS]. Beside docker and podman, in turn, as root.

A container writes so many bytes and ends; what is measured is from its start to where `wait` returns, so that all of it
is in the log. The floor is the same program with its output in a pipe that `cat` reads. Then how long `logs --tail` and
`logs --since` take in a log of a gigabyte.
"""
import os
import subprocess
import sys
import tarfile
import time

from lab import (QUIET, Disk, Docker, coracle_command, docker_is_there, measure, podman_command, report,
                 run_in_namespaces)

MEGABYTES = 200
WRITER = r"""
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static char block[1 << 16];
/* writer LINE MEGABYTES: lines of so many bytes; 0: none ends */
int main(int count, char **words)
{
	size_t line = strtoul(words[1], NULL, 10);
	long long left = strtoll(words[2], NULL, 10) * 1000000;
	memset(block, 'x', sizeof block);
	for (size_t i = line; line && i <= sizeof block; i += line)
		block[i - 1] = '\n';
	size_t size = line ? sizeof block / line * line : sizeof block;
	while (left > 0) {
		ssize_t put = write(1, block, size);
		if (put <= 0)
			return 1;
		left -= put;
	}
	return 0;
}
"""


def make_image(work):
    with open(work + "/writer.c", "w") as out:
        out.write(WRITER)
    subprocess.run(["gcc", "-O2", "-static", "-o", work + "/writer", work + "/writer.c"], check=True)
    with tarfile.open(work + "/image.tar", "w") as tar:
        tar.add(work + "/writer", "writer")
    return work + "/image.tar"


def run_and_wait(engine, options, line, megabytes):
    """Milliseconds from the start to the end of a container, which is removed then."""
    start = time.perf_counter()
    name = "bench-%d" % os.getpid()
    subprocess.run(engine + ["run", "-d", "--name", name, "--network", "none"] + options +
                   ["writer", "/writer", str(line), str(megabytes)], check=True, **QUIET)
    subprocess.run(engine + ["wait", name], check=True, **QUIET)
    spent = (time.perf_counter() - start) * 1000
    subprocess.run(engine + ["rm", "-f", name], check=True, **QUIET)
    return spent


def write_in_turn(work, engines, rounds):
    for line, megabytes, title in ((0, MEGABYTES, "without a newline"), (100, MEGABYTES, "in lines of 100 bytes"),
                                   (2, MEGABYTES // 100, "in lines of 2 bytes")):
        floor = "%s/writer %d %d | cat >/dev/null" % (work, line, megabytes)
        times = {name: [] for name, _, _ in engines}
        times["a pipe to cat"] = []
        for _ in range(rounds):
            for name, engine, options in engines:
                times[name].append(run_and_wait(engine, options, line, megabytes))
            times["a pipe to cat"].append(measure(["sh", "-c", floor]))
        report("%d MB %s" % (megabytes, title), times)


def read_in_turn(engine, rounds):
    subprocess.run(engine + ["run", "-d", "--name", "long", "--network", "none", "--log-opt", "max-size=-1", "writer",
                             "/writer", "100", "700"], check=True, **QUIET)
    subprocess.run(engine + ["wait", "long"], check=True, **QUIET)
    now = str(time.time())
    questions = {"coracle": ["--tail", "10"], "--since": ["--since", now], "--until": ["--until", "2001-01-01"]}
    times = {name: [measure(engine + ["logs"] + words + ["long"]) for _ in range(rounds)]
             for name, words in questions.items()}
    report("logs of a gigabyte; first --tail 10", times)
    subprocess.run(engine + ["rm", "long"], check=True, **QUIET)


def can_run(name, engine, options):
    if subprocess.run(engine + ["run", "--rm", "--network", "none"] + options + ["writer", "/writer", "0", "1"],
                      **QUIET).returncode == 0:
        return True
    print(name + " is left out: it cannot run a container here")
    return False


def inside(work, rounds):
    image = make_image(work)
    with Disk(work) as folder:
        ours = coracle_command(folder)
        engines = [("coracle", ours, []), ("coracle, compressed", ours, ["--log-opt", "compress=true"]),
                   ("podman (conmon)", podman_command(folder), ["--log-driver", "k8s-file"])]
        docker = Docker(folder) if docker_is_there() else None
        if docker:
            engines += [("docker json-file", docker.client, []),
                        ("docker local", docker.client, ["--log-driver", "local"])]
        for engine in {id(engine): engine for _, engine, _ in engines}.values():
            subprocess.run(engine + ["import", image, "writer"], check=True, **QUIET)
        engines = [entry for entry in engines if can_run(*entry)]
        read_in_turn(ours, rounds)
        write_in_turn(work, engines, rounds)
        if docker:
            docker.stop()


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    run_in_namespaces(inside, 3)
