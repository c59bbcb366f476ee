#!/usr/bin/env python3
"""Times `images`, its filters and `system df` with 1,000 images: Coracle, docker and podman in turn.

    bench/image-ls.py [ROUNDS]

One archive, in the form of `docker save`, has 1,000 images of 20 families: a family's lower layer is shared, the upper
one is each image's own. Coracle loads it. To docker and podman that takes the better part of an hour, so they get an
archive of 100 such images: what they need for their lists is for a tenth of Coracle's. The loads are timed once, by the
image; then the lists ROUNDS times in turn. For Coracle the processor time of a list stands there too, and how many
system calls it takes, where strace is there.
"""
import hashlib
import io
import json
import re
import resource
import shutil
import subprocess
import sys
import tarfile

import lab

IMAGES = 1000
PEER_IMAGES = 100
FAMILIES = 20
LISTS = {
    "`images`": ["images"],
    "`images` of one repository": ["images", "bench/family-7"],
    "`images` by label": ["images", "--filter", "label=number=7"],
    "`system df`": ["system", "df"],
}


def digest(data):
    return hashlib.sha256(data).hexdigest()


def layer(name):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        item = tarfile.TarInfo(name)
        item.size, item.mode = len(name), 0o644
        tar.addfile(item, io.BytesIO(name.encode()))
    return data.getvalue()


def config(diff_ids, number):
    return json.dumps({
        "architecture": "amd64", "os": "linux",
        "created": "2026-01-%02dT%02d:%02d:00Z" % (1 + number // 1440, number // 60 % 24, number % 60),
        "config": {"Cmd": ["/file"], "Labels": {"number": str(number), "family": str(number % FAMILIES)}},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + one for one in diff_ids]},
        "history": [{"created_by": "layer %d" % i} for i in range(len(diff_ids))]}).encode()


def make_archive(path, images):
    written, manifest = set(), []
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        def add(name, data):
            if name not in written:
                written.add(name)
                item = tarfile.TarInfo(name)
                item.size, item.mode = len(data), 0o644
                tar.addfile(item, io.BytesIO(data))
        for number in range(images):
            layers = [layer("family-%d" % (number % FAMILIES)), layer("image-%d" % number)]
            diff_ids = [digest(one) for one in layers]
            document = config(diff_ids, number)
            for diff_id, data in zip(diff_ids, layers):
                add(diff_id + ".tar", data)
            add(digest(document) + ".json", document)
            manifest.append({"Config": digest(document) + ".json",
                             "RepoTags": ["bench/family-%d:%d" % (number % FAMILIES, number)],
                             "Layers": [one + ".tar" for one in diff_ids]})
        add("manifest.json", json.dumps(manifest).encode())


def processor_time(command):
    """Milliseconds of user and system time, of one run."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, **lab.QUIET)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


def count_calls(command):
    if not shutil.which("strace"):
        return None
    text = subprocess.run(["strace", "-f", "-c", *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True,
                          text=True).stderr
    return int(re.findall(r"([0-9]+)(?: +[0-9]+)? total$", text, re.M)[-1])


def inside(work, rounds):
    counts = {"coracle": IMAGES}
    with lab.Disk(work) as disk:
        docker = lab.Docker(disk) if lab.docker_is_there() else None
        clients = {"coracle": lab.coracle_command(disk)}
        if docker:
            clients["docker"] = docker.client
        if shutil.which("podman"):
            clients["podman"] = lab.podman_command(disk)
        loads = {}
        for name, client in clients.items():
            images, archive = counts.setdefault(name, PEER_IMAGES), work + "/images.tar"
            make_archive(archive, images)
            loads[name] = [lab.measure(client + ["load", "-q", "-i", archive]) / images]
            listed = subprocess.run(client + ["images", "-q"], check=True, capture_output=True).stdout.splitlines()
            if len(listed) != images:
                sys.exit("%s lists %d images" % (name, len(listed)))
        lab.report("`load`, by the image", loads)
        for title, arguments in LISTS.items():
            times = {}
            for _ in range(rounds):
                for name, client in clients.items():
                    times.setdefault("%s, %d images" % (name, counts[name]), []).append(
                        lab.measure(client + arguments))
            lab.report(title, times, "coracle, %d images" % IMAGES)
            command = clients["coracle"] + arguments
            print("\nCoracle's processor time: %.1f ms; system calls: %s" %
                  (min(processor_time(command) for _ in range(rounds)), count_calls(command)))
        if docker:
            docker.stop()


if __name__ == "__main__":
    lab.run_in_namespaces(inside)
