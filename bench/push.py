#!/usr/bin/env python3
"""Times `push` to a registry on this machine: Coracle, docker, podman and skopeo in turn, A B C A B C …

    bench/push.py [ROUNDS]

Everybody builds the same image from the same 230 MB of this machine's /usr, one large layer, then pushes it into an
empty registry, then pushes it again unchanged. Coracle compresses when it builds, docker and podman when they push:
so the sum of the two stands there as well. Skopeo copies from a directory that has the blobs compressed. Everything
happens in namespaces of its own, whose end takes all of it down. The registry is Debian's docker-registry, whose
storage is emptied before each push.
"""
import os
import resource
import shutil
import subprocess
import sys
import tempfile

import pull
from pull import HOST, QUIET, TOP

IMAGE = HOST + "/bench/push:1"


def engines(work):
    """Of each: the command that builds (None: there is nothing to build), the one that pushes, and one that forgets."""
    coracle = [TOP + "/build/bin/coracle", "--root", work + "/coracle", "--run-root", work + "/coracle-run"]
    podman = ["podman", "--root", work + "/podman", "--runroot", work + "/podman-run", "--events-backend=none",
              "--log-level=error"]
    address = "unix://" + work + "/docker.sock"
    docker = ["env", "DOCKER_BUILDKIT=0", "/usr/bin/docker", "-H", address]
    context = work + "/context"
    build = ["build", "--no-cache", "-q", "-t", IMAGE, context]
    found = {"coracle": (coracle + build, coracle + ["push", "-q", IMAGE], coracle + ["rmi", "-f", IMAGE])}
    if pull.start_docker(work, address):
        found["docker"] = (docker + build, docker + ["push", "-q", IMAGE], docker + ["rmi", "-f", IMAGE])
    if shutil.which("podman"):
        found["podman"] = (podman + build, podman + ["push", "-q", "--tls-verify=false", IMAGE],
                           podman + ["rmi", "-f", IMAGE])
    if shutil.which("skopeo"):
        copy = ["skopeo", "copy", "-q", "--dest-tls-verify=false", "dir:" + work + "/skopeo", "docker://" + IMAGE]
        found["skopeo, compressed before"] = (None, copy, None)
    return found


def make_context(work):
    folder = work + "/context"
    os.makedirs(folder + "/files")
    for path in pull.choose_files():
        target = folder + "/files" + path
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy2(path, target, follow_symlinks=False)
    with open(folder + "/Dockerfile", "w") as out:
        out.write("FROM scratch\nCOPY files /\n")


def empty_registry(work):
    shutil.rmtree(work + "/registry", ignore_errors=True)


def keep_for_skopeo(work, push):
    subprocess.run(push, check=True, **QUIET)
    subprocess.run(["skopeo", "copy", "-q", "--src-tls-verify=false", "docker://" + IMAGE, "dir:" + work + "/skopeo"],
                   check=True, **QUIET)


def inside(work, rounds):
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    pull.start_registry(work)
    make_context(work)
    found = engines(work)
    tables = {"`push` of one layer into an empty registry": {}, "the same, and `build --no-cache` before it": {},
              "`push` again, unchanged": {}}
    first, whole, again = tables.values()
    peak = 0
    for round_number in range(rounds):
        for name, (build, push, forget) in found.items():
            built = pull.measure(build)[0] if build else 0
            if round_number == 0 and name == "coracle" and shutil.which("skopeo"):
                keep_for_skopeo(work, push)
            empty_registry(work)
            pushed, resident = pull.measure(push)
            if name == "coracle":
                peak = max(peak, resident)
            first.setdefault(name, []).append(pushed)
            again.setdefault(name, []).append(pull.measure(push)[0])
            if build:
                whole.setdefault(name, []).append(built + pushed)
                subprocess.run(forget, check=True, **QUIET)
    for title, times in tables.items():
        pull.report(title, times)
    print("\nCoracle's largest process while it pushes: %.1f MB resident." % (peak / 1000))


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    if len(sys.argv) > 2:
        return inside(sys.argv[2], rounds)
    if os.geteuid() != 0:
        sys.exit("bench/push.py: run as root")
    work = tempfile.mkdtemp(prefix="coracle-bench.", dir="/var/tmp")
    try:
        return subprocess.run(["unshare", "--mount", "--net", "--uts", "--ipc", "--pid", "--fork", "--kill-child",
                               "--mount-proc", sys.executable, os.path.abspath(__file__), str(rounds), work]).returncode
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.exit(main())
