#!/usr/bin/env python3
"""Times `build`: Coracle, docker's classic builder and buildah in turn, A B C A B C …

    bench/build.py [ROUNDS]

The base is one static program. The context has 10,000 files of 200 bytes. What is timed: the copy of the context into
an image; the same ten steps again with nothing changed; ten RUN steps of a program that does nothing, beside the same
Dockerfile without them; eight stages that need nothing of each other and burn the processor. Each engine works on a
fresh disk (lab.py). The memory is that of the largest process.
"""
import os
import shutil
import subprocess

import lab

FILES = 10_000
FOLDERS = 100
RUNS = 10
STAGES = 8
BURN = r"""
#include <time.h>
#include <stdlib.h>
int main(int count, char **words)
{
	double wanted = count > 1 ? atof(words[1]) : 0;
	struct timespec now;
	do
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	while ((double)now.tv_sec + (double)now.tv_nsec / 1e9 < wanted);
	return 0;
}
"""
SETTINGS = "ENV a=1\nLABEL b=2\nWORKDIR /srv\nUSER 1000\nEXPOSE 80\nCMD [\"/burn\"]\n"
DOCKERFILES = {
    "copy": "FROM bench-base\nCOPY files /files\n",
    "ten": "FROM bench-base\nCOPY files /files\nRUN [\"/burn\"]\nRUN [\"/burn\", \"0.001\"]\n" + SETTINGS,
    "none": "FROM bench-base\n" + SETTINGS,
    "runs": "FROM bench-base\n" + "".join("RUN [\"/burn\", \"0\", \"%d\"]\n" % i for i in range(RUNS)) + SETTINGS,
    "stages": "".join("FROM bench-base AS s%d\nRUN [\"/burn\", \"0.4%d\"]\nWORKDIR /made%d\n" % (i, i, i)
                      for i in range(STAGES)) +
              "FROM bench-base\n" + "".join("COPY --from=s%d /made%d /made%d\n" % (i, i, i) for i in range(STAGES)),
}


def make_context(work):
    context = work + "/context"
    for folder in range(FOLDERS):
        os.makedirs("%s/files/%d" % (context, folder))
        for number in range(FILES // FOLDERS):
            with open("%s/files/%d/%d" % (context, folder, number), "w") as out:
                out.write(("%d %d " % (folder, number)).ljust(200, "."))
    for name, text in DOCKERFILES.items():
        with open("%s/Dockerfile.%s" % (work, name), "w") as out:
            out.write(text)
    os.makedirs(work + "/empty")
    os.makedirs(work + "/base")
    subprocess.run(["gcc", "-O2", "-static", "-x", "c", "-o", work + "/base/burn", "-"], input=BURN.encode(), check=True)
    subprocess.run(["tar", "-C", work + "/base", "-cf", work + "/base.tar", "burn"], check=True)


class Builder:
    """`command` with its options before the context; `import_command` takes the archive and a name."""

    def __init__(self, command, import_command, more=()):
        self.command, self.import_command, self.more = command, import_command, list(more)

    def load_base(self, work):
        subprocess.run([*self.import_command, work + "/base.tar", "bench-base"], check=True, **lab.QUIET)

    def line(self, work, name, *options, context="context"):
        return [*self.command, *self.more, *options, "-t", "bench-" + name, "-f", "%s/Dockerfile.%s" % (work, name),
                work + "/" + context]


def coracle(work, disk):
    command = lab.coracle_command(disk)
    return Builder([*command, "build", "-q"], [*command, "import"]), lambda: None


def docker(work, disk):
    daemon = lab.Docker(disk)
    return (Builder(["env", "DOCKER_BUILDKIT=0", *daemon.client, "build", "-q"], [*daemon.client, "import"]),
            daemon.stop)


def buildah(work, disk):
    store = ["--root", disk + "/podman", "--runroot", disk + "/podman-run"]
    return (Builder(["buildah", *store, "build", "-q", "--layers", "--pull=never", "--runtime=runc"],
                    lab.podman_command(disk) + ["import"]), lambda: None)


def engines():
    found = {"coracle": coracle}
    if lab.docker_is_there():
        found["docker"] = docker
    if shutil.which("buildah") and shutil.which("podman"):
        found["buildah"] = buildah
    return found


def one_round(work, name, builder, times):
    def add(what, value, as_name=name):
        times.setdefault(what, {}).setdefault(as_name, []).append(value)

    builder.load_base(work)
    add("`build` of a context of 10,000 files", lab.measure(builder.line(work, "copy")))
    lab.measure(builder.line(work, "ten"))
    lab.measure(builder.line(work, "ten"))
    add("ten steps again, nothing changed", lab.measure(builder.line(work, "ten")))
    none = lab.measure(builder.line(work, "none", "--no-cache", context="empty"))
    runs = lab.measure(builder.line(work, "runs", "--no-cache", context="empty"))
    add("a RUN step that does nothing", (runs - none) / RUNS)
    stages = builder.line(work, "stages", "--no-cache", context="empty")
    if name != "buildah":  # it makes no folder for a WORKDIR that nothing runs in
        add("eight stages of 0.4 s", lab.measure(stages))
    if name == "coracle":
        add("eight stages of 0.4 s", lab.measure(["taskset", "-c", "0", *stages]), "coracle on one processor")


def inside(work, rounds):
    make_context(work)
    times, peaks = {}, []
    for _ in range(rounds):
        for name, contestant in engines().items():
            with lab.Disk(work) as disk:
                builder, stop = contestant(work, disk)
                one_round(work, name, builder, times)
                if name == "coracle":
                    for what in ("copy", "stages"):
                        peaks.append(lab.measure(builder.line(work, what, "--no-cache"), report_memory=True))
                stop()
    for what, values in times.items():
        lab.report(what, values)
    print("\nCoracle's largest process: %.1f MB resident. %d processors." % (max(peaks) / 1000, os.cpu_count()))


if __name__ == "__main__":
    lab.run_in_namespaces(inside)
