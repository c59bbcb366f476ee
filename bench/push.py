#!/usr/bin/env python3
"""Times `push` to a registry on this machine: Coracle, docker, podman and skopeo in turn, A B C A B C …

    bench/push.py [ROUNDS]

Everybody builds the same image from the same 230 MB of this machine's /usr, one large layer, then pushes it into an
empty registry, then pushes it again unchanged. Coracle compresses when it builds, docker and podman when they push:
so the sum of the two stands there as well. Skopeo copies from a directory that has the blobs compressed. Each engine
works on a fresh disk (lab.py). The registry is Debian's docker-registry, whose storage is emptied before each push.
"""
import os
import shutil
import subprocess

import lab

IMAGE = lab.HOST + "/bench/push:1"


def build_and_push(work, client, *options):
    """Milliseconds of the build, the push and the second push."""
    built = lab.measure(client + ["build", "--no-cache", "-q", "-t", IMAGE, work + "/context"])
    shutil.rmtree(work + "/registry", ignore_errors=True)
    push = client + ["push", "-q", *options, IMAGE]
    return built, lab.measure(push), lab.measure(push)


def push_coracle(work, disk):
    times = build_and_push(work, lab.coracle_command(disk))
    shutil.rmtree(work + "/registry")
    peak = lab.measure(lab.coracle_command(disk) + ["push", "-q", IMAGE], report_memory=True)
    return times, peak


def push_docker(work, disk):
    docker = lab.Docker(disk)
    times = build_and_push(work, ["env", "DOCKER_BUILDKIT=0", *docker.client])
    docker.stop()
    return times, 0


def push_podman(work, disk):
    return build_and_push(work, lab.podman_command(disk), "--tls-verify=false"), 0


def push_skopeo(work, disk):
    """After one of the others, whose image is in the registry."""
    folder = disk + "/skopeo"
    subprocess.run(["skopeo", "copy", "-q", "--src-tls-verify=false", "docker://" + IMAGE, "dir:" + folder], check=True,
                   **lab.QUIET)
    shutil.rmtree(work + "/registry")
    copy = ["skopeo", "copy", "-q", "--dest-tls-verify=false", "dir:" + folder, "docker://" + IMAGE]
    return (0, lab.measure(copy), lab.measure(copy)), 0


def make_context(work):
    folder = work + "/context"
    os.makedirs(folder + "/files")
    for path in lab.choose_files():
        target = folder + "/files" + path
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy2(path, target, follow_symlinks=False)
    with open(folder + "/Dockerfile", "w") as out:
        out.write("FROM scratch\nCOPY files /\n")


def engines():
    found = {"coracle": push_coracle}
    if lab.docker_is_there():
        found["docker"] = push_docker
    if shutil.which("podman"):
        found["podman"] = push_podman
    if shutil.which("skopeo"):
        found["skopeo, compressed before"] = push_skopeo
    return found


def inside(work, rounds):
    lab.start_registry(work)
    make_context(work)
    pushed, whole, again = {}, {}, {}
    largest = 0
    for _ in range(rounds):
        for name, contestant in engines().items():
            with lab.Disk(work) as disk:
                (build, first, second), peak = contestant(work, disk)
            largest = max(largest, peak)
            pushed.setdefault(name, []).append(first)
            again.setdefault(name, []).append(second)
            if build:
                whole.setdefault(name, []).append(build + first)
    lab.report("`push` of one layer into an empty registry", pushed)
    lab.report("the same, and `build --no-cache` before it", whole)
    lab.report("`push` again, unchanged", again)
    print("\nCoracle's largest process while it pushes: %.1f MB resident." % (largest / 1000))


if __name__ == "__main__":
    lab.run_in_namespaces(inside)
