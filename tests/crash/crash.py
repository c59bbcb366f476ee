#!/usr/bin/env python3
"""Breaks one operation of the engine at each point where it orders or writes something, and looks at what is left.

crash.py OPERATION MODE [LIMIT]: MODE is one of fault.c's, LIMIT how many points are tried, evenly spread; CRASH_POINTS is
another limit, or `all`. After each: the store is checked by its files (check.py) and by `image verify`, what was
acknowledged before still runs, the operation succeeds when it is repeated, `system prune` leaves no garbage. Wants $WORK,
as tests/system/helper.bash makes it. Two workers share the points, each with a store of its own.
"""
import base64
import json
import os
import re
import select
import shutil
import subprocess
import sys
import tarfile
import time
import traceback
import urllib.request

from check import check_garbage, check_store

WORK = os.environ["WORK"]
TIMEOUT = 120  # seconds: a lock that is stuck shows here
WORKERS = 2
REGISTRY = "localhost:5001"
PULLED = f"{REGISTRY}/me/layers:v1"


class Place:
    """One worker's store, and what it works with."""

    def __init__(self, number):
        self.folder = f"{WORK}/crash/{number}"
        self.root, self.run_root = f"{self.folder}/root", f"{self.folder}/run"
        self.outside = f"{self.folder}/outside"  # files of the user: an archive that is saved, config.json
        self.marker = f"CRASH_PLACE={number}/"
        self.damaged = set()
        self.point = 0
        os.makedirs(self.folder, exist_ok=True)

    def pushed(self):
        # A repository a point: blobs that are there already are not uploaded.
        return f"{REGISTRY}/me/pushed{os.path.basename(self.folder)}-{os.getpid()}-{self.point}:v1"

    def coracle(self, *arguments, fault=None):
        command = ["coracle", "--root", self.root, "--run-root", self.run_root, *arguments]
        if fault:
            command = [f"{WORK}/fault", *fault, *command]
        environment = dict(os.environ, DOCKER_CONFIG=f"{self.outside}/docker", CRASH_PLACE=self.marker.split("=")[1])
        # A file rather than a pipe: a monitor that is left would hold a pipe open.
        with open(f"{self.folder}/output", "w+") as output:
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment)
            # subprocess waits for a limited time by sleeping.
            pidfd = os.pidfd_open(child.pid)
            ready = select.select([pidfd], [], [], TIMEOUT)[0]
            os.close(pidfd)
            if not ready:
                child.kill()
            code = child.wait()
            output.seek(0)
            text = output.read()
        assert ready, f"this did not end within {TIMEOUT} s: {' '.join(command)}: {text}"
        return code, text

    def need(self, *arguments):
        code, output = self.coracle(*arguments)
        assert code == 0, f"{' '.join(arguments)}: exit code {code}: {output}"
        return output

    def runs(self, image):
        assert self.need("run", "--rm", "--network", "none", image, "words", "alive") == "[alive]\n"

    def check(self, must_exist=True):
        check_store(self.root, must_exist, self.damaged)


def nothing(place):
    pass


def container(place):
    place.need("run", "--name", "victim", "keep:1", "true")


def second(place):
    place.need("import", f"{WORK}/second.tar", "victim:1")


def dangling(place):
    second(place)
    place.need("tag", "keep:1", "victim:1")
    container(place)


def tagged(place):
    place.need("tag", "keep:1", place.pushed())


def push_is_whole(place):
    registry, name = place.pushed().rsplit(":", 1)[0].split("/", 1)
    accept = {"Accept": "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"}
    with urllib.request.urlopen(urllib.request.Request(f"http://{registry}/v2/{name}/manifests/v1", headers=accept)) as answer:
        manifest = json.load(answer)
    for blob in [manifest["config"], *manifest["layers"]]:
        request = urllib.request.Request(f"http://{registry}/v2/{name}/blobs/{blob['digest']}", method="HEAD")
        with urllib.request.urlopen(request) as answer:
            assert int(answer.headers["Content-Length"]) == blob["size"], f"{blob} has another size in the registry"


def older_archive(place):
    with open(f"{place.outside}/saved.tar", "w") as file:
        file.write("older")


def saved_is_older_or_whole(place):
    path = f"{place.outside}/saved.tar"
    with open(path) as file:
        try:
            if file.read(6) == "older":
                return
        except UnicodeDecodeError:
            pass
    with tarfile.open(path) as tar:
        assert "manifest.json" in tar.getnames()


def saved_is_whole(place):
    place.need("load", "-i", f"{place.outside}/saved.tar")


def damaged(place):
    place.need("pull", "-q", PULLED)
    check_store(place.root)
    image = place.need("images", "-q", "--no-trunc", PULLED).strip().split(":")[1]
    with open(f"{place.root}/blobs/sha256/{image}") as file:
        layer = json.load(file)["rootfs"]["diff_ids"][0].split(":")[1]
    with open(f"{place.root}/layers/sha256/{layer}/data/file", "w") as file:
        file.write("changed")
    place.damaged = {layer}


def repaired(place):
    place.damaged = set()
    place.check()
    place.need("image", "verify")
    place.runs(PULLED)


def other_login(place):
    os.mkdir(f"{place.outside}/docker", 0o700)
    with open(f"{place.outside}/docker/config.json", "w") as file:
        json.dump({"auths": {"other.example": {"auth": base64.b64encode(b"other:word").decode()}}, "mine": 1}, file)


def config(place):
    with open(f"{place.outside}/docker/config.json") as file:
        return json.load(file)


def other_login_stays(place):
    document = config(place)
    assert document["auths"]["other.example"]["auth"] == base64.b64encode(b"other:word").decode() and document["mine"] == 1


def logged_in(place):
    other_login_stays(place)
    assert config(place)["auths"][REGISTRY]["auth"] == base64.b64encode(b"me:secret").decode()
    assert os.stat(f"{place.outside}/docker/config.json").st_mode & 0o777 == 0o600


class Operation:
    def __init__(self, command, before=nothing, after=nothing, always=nothing, done_text=None, first=False, never=None):
        self.command = command  # words, or what gives them for a place
        self.before = before
        self.after = after  # what must be true once it has succeeded
        self.always = always  # and at any time
        self.done_text = done_text  # what a repetition may find
        self.first = first  # there is no store yet
        self.never = never  # what it must not say

    def words(self, place):
        return self.command(place) if callable(self.command) else self.command


OPERATIONS = {
    "import": Operation(["import", f"{WORK}/second.tar", "new:1"], after=lambda place: place.runs("new:1")),
    "load": Operation(["load", "-i", f"{WORK}/layers.tar"], after=lambda place: place.runs(PULLED)),
    "save": Operation(lambda place: ["save", "-o", f"{place.outside}/saved.tar", "keep:1"], before=older_archive,
                      after=saved_is_whole, always=saved_is_older_or_whole),
    "pull": Operation(["pull", PULLED], after=lambda place: place.runs(PULLED)),
    "push": Operation(lambda place: ["push", place.pushed()], before=tagged, after=push_is_whole),
    "repair": Operation(["image", "verify", "--repair"], before=damaged, after=repaired),
    "verify": Operation(["image", "verify"], never="[1-9][0-9]* problems? found"),
    "login": Operation(["login", "-u", "me", "-p", "secret", REGISTRY], before=other_login, after=logged_in,
                       always=other_login_stays),
    "build": Operation(["build", "-q", "-t", "built:1", f"{WORK}/context"], after=lambda place: place.runs("built:1")),
    "tag": Operation(["tag", "keep:1", "again:1"], after=lambda place: place.runs("again:1")),
    "run": Operation(["run", "--rm", "keep:1", "true"]),
    "rm": Operation(["rm", "victim"], before=container, done_text="No such container"),
    "rmi": Operation(["rmi", "victim:1"], before=second, done_text="No such image"),
    "prune": Operation(["system", "prune", "-f"], before=dangling),
    "first": Operation(["import", f"{WORK}/second.tar", "new:1"], first=True, after=lambda place: place.runs("new:1")),
}


def clear(place):
    for folder in place.root, place.run_root, place.outside:
        shutil.rmtree(folder, ignore_errors=True)
    os.mkdir(place.outside)


def fresh(place, operation):
    clear(place)
    if not operation.first:
        subprocess.run(["cp", "-a", f"{place.folder}/base", place.root], check=True)
        operation.before(place)


def make_base(place):
    # One store for all that a worker does, since each that is new asks for a subnet of its own.
    if os.path.isdir(f"{place.folder}/base"):
        return
    clear(place)
    place.need("import", f"{WORK}/probe.tar", "keep:1")
    place.need("run", "--rm", "keep:1", "true")
    os.rename(place.root, f"{place.folder}/base")


def is_of(place, process):
    try:
        with open(f"/proc/{process}/environ", errors="replace") as file:
            if place.marker in file.read():
                return True
        with open(f"/proc/{process}/cmdline", errors="replace") as file:
            return place.root in file.read()
    except OSError:
        return False  # it has ended


def no_process_is_left(place):
    end = time.monotonic() + 20
    while left := [process for process in os.listdir("/proc") if process.isdigit() and is_of(place, process)]:
        assert time.monotonic() < end, "processes are left: " + " ".join(left)
        time.sleep(0.01)


def try_point(place, operation, mode, number):
    place.point = number
    fresh(place, operation)
    words = operation.words(place)
    code, output = place.coracle(*words, fault=[mode, str(number)])
    assert code != 98, f"the harness failed: {output}"
    is_done = code == 0 or code == 99  # 99: fewer points than there were, which is a matter of threads
    if mode != "kill" and not is_done:
        assert code < 128 and re.search("^(Error|ERROR|coracle: |Verified .* problem)", output, re.MULTILINE), \
            f"exit code {code}, and no message that helps: {output!r}"
    assert not operation.never or not re.search(operation.never, output), f"it says what is not so: {output!r}"
    no_process_is_left(place)
    place.check(must_exist=not operation.first)
    operation.always(place)
    if not place.damaged:
        place.need("image", "verify")
    if not operation.first:
        place.runs("keep:1")
    if is_done:
        operation.after(place)
    again, text = place.coracle(*words)
    assert again == 0 or (operation.done_text and operation.done_text in text), f"repeated: exit code {again}: {text}"
    place.check()
    operation.after(place)
    place.need("system", "prune", "-f")
    place.check()
    check_garbage(place.root, place.run_root)
    with open("/proc/self/mountinfo") as file:
        mounts = [line for line in file if place.root in line]
    assert not mounts, "mounts are left: " + "".join(mounts)
    return output.strip().splitlines()[-1] if mode != "kill" and not is_done and output.strip() else None


def work(name, mode, points, total, number):
    """What one worker does; returns whether all is well."""
    place = Place(number)
    operation = OPERATIONS[name]
    make_base(place)
    well, messages = True, {}
    for point in points:
        try:
            place.damaged = set()
            message = try_point(place, operation, mode, point)
            if message:
                messages.setdefault(message, point)
        except Exception as why:
            well = False
            print(f"{name}, {mode} at {point} of {total}: {why}")
            if not isinstance(why, AssertionError):
                traceback.print_exc(file=sys.stdout)
    if os.environ.get("CRASH_MESSAGES"):
        for message, point in messages.items():
            print(f"  {point}: {message}")
    return well


def count(name, mode):
    place = Place(0)
    operation = OPERATIONS[name]
    make_base(place)
    fresh(place, operation)
    code, output = place.coracle(*operation.words(place), fault=["count", "0"])
    assert code == 0, output
    no_process_is_left(place)
    return int(output.split()[-2 if mode == "kill" else -1])


def chosen(total, limit):
    if total <= limit:
        return list(range(1, total + 1))
    return sorted({1 + index * (total - 1) // (limit - 1) for index in range(limit)})


def main():
    name, mode = sys.argv[1:3]
    limit = int(sys.argv[3]) if len(sys.argv) > 3 else 10**9
    wanted = os.environ.get("CRASH_POINTS", "")
    if wanted:
        limit = 10**9 if wanted == "all" else int(wanted)
    total = count(name, mode) if mode != "short" else 1
    points = chosen(total, limit)
    children = []
    for number in range(min(WORKERS, len(points))):
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            well = work(name, mode, points[number::WORKERS], total, number)
            sys.stdout.flush()
            os._exit(not well)
        children.append(child)
    failed = sum(os.waitpid(child, 0)[1] != 0 for child in children)
    print(f"{name}: {mode} at {len(points)} of {total} points{': failed' if failed else ''}")
    sys.exit(failed > 0)


main()
