#!/usr/bin/env python3
"""Times `pull` from a registry on this machine: Coracle, docker, podman and skopeo in turn, A B C A B C …

    bench/pull.py [ROUNDS]

Two images of the same files of this machine's /usr, about 230 MB: one large layer, and twelve. Beside them stands the
least that anybody could do with the large layer: `igzip -dc | tar -x`, with nothing verified and nothing downloaded.
Each pull goes to a fresh disk (lab.py). The registry is Debian's docker-registry.
"""
import os
import shutil

import lab

LAYERS = 12


def pull_coracle(disk, image):
    return lab.measure(lab.coracle_command(disk) + ["pull", "-q", image])


def pull_docker(disk, image):
    docker = lab.Docker(disk)
    spent = lab.measure(docker.client + ["pull", "-q", image])
    docker.stop()
    return spent


def pull_podman(disk, image):
    return lab.measure(lab.podman_command(disk) + ["pull", "-q", "--tls-verify=false", image])


def pull_skopeo(disk, image):
    return lab.measure(["skopeo", "copy", "-q", "--src-tls-verify=false", "docker://" + image, "dir:" + disk + "/skopeo"])


def engines():
    """name → a function of (disk, image) that gives milliseconds"""
    found = {"coracle": pull_coracle}
    if lab.docker_is_there():
        found["docker"] = pull_docker
    if shutil.which("podman"):
        found["podman"] = pull_podman
    if shutil.which("skopeo"):
        found["skopeo, not unpacked"] = pull_skopeo
    return found


def floors(layer):
    if not shutil.which("igzip"):
        return {}

    def unpack(disk, _, after=""):
        os.makedirs(disk + "/floor")
        return lab.measure(["sh", "-c", "igzip -dc %s | tar -x -C %s/floor%s" % (layer, disk, after)])

    return {"`igzip -dc \\| tar -x`": unpack,
            "the same, and `sync -f`": lambda disk, image: unpack(disk, image, " && sync -f " + disk + "/floor")}


def compare(work, title, image, rounds, contestants):
    times = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, contestant in contestants.items():
            with lab.Disk(work) as disk:
                times[name].append(contestant(disk, image))
    lab.report(title, times)
    with lab.Disk(work) as disk:
        peak = lab.measure(lab.coracle_command(disk) + ["pull", "-q", image], report_memory=True)
    print("\nCoracle's largest process: %.1f MB resident." % (peak / 1000), flush=True)


def inside(work, rounds):
    lab.start_registry(work)
    files = lab.choose_files()
    large = lab.make_layer(work + "/large", files)
    lab.publish("bench/large", [large])
    lab.publish("bench/twelve", [lab.make_layer(work + "/part%d" % i, files[i::LAYERS]) for i in range(LAYERS)])
    print("%d files, %.0f MB in a layer of %.0f MB" % (len(files), lab.BYTES / 1e6, os.path.getsize(large[0]) / 1e6))
    compare(work, "`pull` of one layer", lab.HOST + "/bench/large:1", rounds, {**engines(), **floors(large[0])})
    compare(work, "`pull` of twelve layers", lab.HOST + "/bench/twelve:1", rounds, engines())


if __name__ == "__main__":
    lab.run_in_namespaces(inside)
