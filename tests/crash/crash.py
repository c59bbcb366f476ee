#!/usr/bin/env python3
"""Breaks one operation of the engine at each point where it orders or writes something, and looks at what is left.

crash.py OPERATION MODE [LIMIT]: MODE is one of fault.c's, LIMIT how many points are tried (evenly spread; all where
CRASH_FULL is set). After each: the store is checked (check.py), what was acknowledged before still runs, the operation
succeeds when it is repeated, `system prune` leaves no garbage. Wants $WORK, as tests/system/helper.bash makes it.
"""
import os
import shutil
import subprocess
import sys
import time

from check import check_garbage, check_store

WORK = os.environ["WORK"]
ROOT, RUN_ROOT = f"{WORK}/crash/root", f"{WORK}/crash/run"
TIMEOUT = 60  # seconds: a lock that is stuck shows here
PULLED = "localhost:5001/me/layers:v1"


def coracle(*arguments, fault=None):
    command = ["coracle", "--root", ROOT, "--run-root", RUN_ROOT, *arguments]
    if fault:
        command = [f"{WORK}/fault", *fault, *command]
    try:
        # A file rather than a pipe: a monitor that is left would hold a pipe open.
        with open(f"{WORK}/crash/output", "w+") as output:
            code = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, timeout=TIMEOUT).returncode
            output.seek(0)
            return code, output.read()
    except subprocess.TimeoutExpired:
        raise SystemExit(f"this did not end within {TIMEOUT} s: {' '.join(command)}")


def need(*arguments):
    code, output = coracle(*arguments)
    assert code == 0, f"{' '.join(arguments)}: exit code {code}: {output}"
    return output


def runs(image):
    assert need("run", "--rm", "--network", "none", image, "words", "alive") == "[alive]\n"


def nothing():
    pass


def container():
    coracle("run", "--name", "victim", "keep:1", "true")


def second():
    need("import", f"{WORK}/second.tar", "victim:1")


def dangling():
    second()
    need("tag", "keep:1", "victim:1")
    container()


# name: what is there before, the command, whether a repetition may find that it is done, what must be true at the end
OPERATIONS = {
    "import": (nothing, ["import", f"{WORK}/second.tar", "new:1"], None, lambda: runs("new:1")),
    "pull": (nothing, ["pull", PULLED], None, lambda: runs(PULLED)),
    "push": (lambda: need("tag", "keep:1", "localhost:5001/me/pushed:v1"), ["push", "localhost:5001/me/pushed:v1"], None,
             nothing),
    "build": (nothing, ["build", "-q", "-t", "built:1", f"{WORK}/context"], None, lambda: runs("built:1")),
    "tag": (nothing, ["tag", "keep:1", "again:1"], None, lambda: runs("again:1")),
    "run": (nothing, ["run", "--rm", "keep:1", "true"], None, nothing),
    "rm": (container, ["rm", "victim"], "No such container", nothing),
    "rmi": (second, ["rmi", "victim:1"], "No such image", nothing),
    "prune": (dangling, ["system", "prune", "-f"], None, nothing),
    "first": (None, ["import", f"{WORK}/second.tar", "new:1"], None, lambda: runs("new:1")),
}


def fresh(template):
    for folder in ROOT, RUN_ROOT:
        shutil.rmtree(folder, ignore_errors=True)
    if template:
        subprocess.run(["cp", "-a", f"{WORK}/crash/{template}", ROOT], check=True)


def make_template(prepare):
    # One store for all, since each that is new asks for a subnet of its own.
    if not os.path.isdir(f"{WORK}/crash/base"):
        fresh(None)
        need("import", f"{WORK}/probe.tar", "keep:1")
        need("run", "--rm", "keep:1", "true")
        os.rename(ROOT, f"{WORK}/crash/base")
    fresh("base")
    prepare()
    shutil.rmtree(f"{WORK}/crash/template", ignore_errors=True)
    os.rename(ROOT, f"{WORK}/crash/template")


def no_process_is_left():
    for _ in range(100):
        left = subprocess.run(["pgrep", "-f", f"coracle.*{ROOT}|coracle-transfer"], capture_output=True, text=True).stdout
        if not left:
            return
        time.sleep(0.05)
    raise AssertionError("processes are left: " + left)


def try_point(name, mode, number):
    prepare, command, done_text, verify = OPERATIONS[name]
    fresh("template" if prepare else None)
    code, output = coracle(*command, fault=[mode, str(number)])
    if mode != "kill" and code != 0:
        assert code < 128 and "rror" in output, f"exit code {code}, and no message that helps: {output!r}"
    check_store(ROOT, must_exist=prepare is not None)
    no_process_is_left()
    if prepare:
        runs("keep:1")
    if code == 0:
        verify()
    again, text = coracle(*command)
    assert again == 0 or (done_text and done_text in text), f"repeated: exit code {again}: {text}"
    check_store(ROOT)
    verify()
    need("system", "prune", "-f")
    check_store(ROOT)
    check_garbage(ROOT, RUN_ROOT)
    mounts = [line for line in open("/proc/self/mountinfo") if ROOT in line]
    assert not mounts, "mounts are left: " + "".join(mounts)
    return output.strip().splitlines()[-1] if mode != "kill" and code != 0 and output.strip() else None


def main():
    name, mode = sys.argv[1:3]
    limit = int(sys.argv[3]) if len(sys.argv) > 3 and not os.environ.get("CRASH_FULL") else 10**9
    prepare, command, _, _ = OPERATIONS[name]
    os.makedirs(f"{WORK}/crash", exist_ok=True)
    if prepare:
        make_template(prepare)
    fresh("template" if prepare else None)
    code, output = coracle(*command, fault=["count", "0"])
    assert code == 0, output
    total = int(output.split()[-2 if mode == "kill" else -1]) if mode != "short" else 1
    points = range(1, total + 1)
    if total > limit:
        points = sorted({1 + index * (total - 1) // (limit - 1) for index in range(limit)})
    failed, messages = 0, {}
    for number in points:
        try:
            message = try_point(name, mode, number)
            if message:
                messages.setdefault(message, number)
        except AssertionError as why:
            failed += 1
            print(f"{name}, {mode} at {number} of {total}: {why}")
    if os.environ.get("CRASH_MESSAGES"):
        for message, number in messages.items():
            print(f"  {number}: {message}")
    print(f"{name}: {mode} at {len(points)} of {total} points, {failed} failed")
    sys.exit(failed > 0)


main()
