#!/usr/bin/env python3
"""Builds the folders of files/ with coracle and with buildah, and compares what comes out: peers.py [NAME…]

A folder is a context:

    Dockerfile    for both
    Dockerfile.peer   what buildah gets instead, where it does not know a word of ours: the same, said otherwise
    prepare       a script that is run in the copy of the context first: for what git does not keep
    options       of both command lines, one a line

File trees have to be the same: kind, mode, owner, size, contents, target, device, attributes, which names are one file;
and times, of files that are as old as those of the context (all have one time, and RUN's cannot be compared). So have
configurations. differences.toml says what differs and why; what is not in it fails, and so does what is not seen any
more. Both start from the same base images, whose layers are left out.
"""
import fnmatch
import os
import re
import shutil
import subprocess
import sys
import tomllib

import image

TOP, WORK = os.environ["TOP"], os.environ["WORK"]
HERE = os.path.dirname(os.path.abspath(__file__))
CORACLE = [f"{TOP}/build/bin/coracle"]
BUILDAH = ["buildah", "--root", f"{WORK}/buildah/root", "--runroot", f"{WORK}/buildah/run", "--storage-driver", "overlay"]
STAMP = 1_000_000_000
SETTINGS = ("Env", "Cmd", "Entrypoint", "WorkingDir", "User", "ExposedPorts", "Volumes", "Labels", "StopSignal", "Shell",
            "OnBuild", "Healthcheck")


def call(*words, **options):
    done = subprocess.run([*words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
                          errors="replace", timeout=300, **options)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout[-3000:]}")
    return done.stdout


def give_bases(names):
    """What coracle has is given to buildah, under the same name."""
    for name in names:
        context, archive = f"{WORK}/base", f"{WORK}/base.tar"
        os.makedirs(context, exist_ok=True)
        with open(f"{context}/Dockerfile", "w") as file:
            file.write(f"FROM {name}\n")
        call(*CORACLE, "build", "-q", "-o", f"type=docker,dest={archive}", "-t", name, context)
        identity = call(*BUILDAH, "pull", "-q", f"docker-archive:{archive}").split()[-1]
        call(*BUILDAH, "tag", identity, f"localhost/{name}")
        os.unlink(archive)


def prepare(name):
    context = f"{WORK}/context"
    shutil.rmtree(context, ignore_errors=True)
    shutil.copytree(f"{HERE}/files/{name}", context, symlinks=True)
    for path, folders, names in os.walk(context):
        os.chmod(path, 0o755)
        for entry in names:
            if not os.path.islink(f"{path}/{entry}"):
                os.chmod(f"{path}/{entry}", 0o755 if os.access(f"{path}/{entry}", os.X_OK) else 0o644)
    if os.path.exists(f"{context}/prepare"):
        call("bash", "-euc", "umask 022; source ./prepare", cwd=context)
    for path, folders, names in os.walk(context, topdown=False):
        for entry in folders + names:
            os.utime(f"{path}/{entry}", (STAMP, STAMP), follow_symlinks=False)
    options = []
    if os.path.exists(f"{context}/options"):
        with open(f"{context}/options") as file:
            options = file.read().splitlines()
    return context, options


def build_ours(context, options):
    archive = f"{WORK}/ours.tar"
    call(*CORACLE, "build", "--progress", "plain", *options, "-t", "ours:1", "-o", f"type=docker,dest={archive}", context)
    return image.load(archive)


def build_theirs(context, options):
    archive = f"{WORK}/theirs.tar"
    dockerfile = f"{context}/Dockerfile.peer"
    if not os.path.exists(dockerfile):
        dockerfile = f"{context}/Dockerfile"
    if os.path.exists(archive):
        os.unlink(archive)
    call(*BUILDAH, "build", "--isolation", "chroot", "--network", "host", "--format", "docker", "--identity-label=false",
         "--pull-never", *options, "-f", dockerfile, "-t", f"docker-archive:{archive}:theirs:1", context)
    return image.load(archive)


def describe(node, names):
    found = {"kind": node.kind, "mode": f"{node.mode:o}" if node.kind != "link" else None, "owner": node.owner,
             "digest": node.digest(), "target": node.target, "device": node.device, "attributes": node.attributes,
             "names": names}
    return found


def compare_trees(ours, theirs):
    names_ours, names_theirs = ours.names(), theirs.names()
    for path in sorted(ours.tree.keys() | theirs.tree.keys()):
        one, two = ours.tree.get(path), theirs.tree.get(path)
        if not one or not two:
            yield f"{path}: only {'theirs' if two else 'ours'}"
            continue
        left, right = describe(one, names_ours[id(one)]), describe(two, names_theirs[id(two)])
        for key in left:
            if left[key] != right[key]:
                yield f"{path}: {key}: ours {left[key]}, theirs {right[key]}"
        if one.kind in ("file", "link") and STAMP in (one.time, two.time) and one.time != two.time:
            yield f"{path}: time: ours {'kept' if one.time == STAMP else 'new'}, theirs {'kept' if two.time == STAMP else 'new'}"


def compare_settings(ours, theirs):
    for key in ("author", "architecture", "os"):
        if (ours.config.get(key) or None) != (theirs.config.get(key) or None):
            yield f"{key}: ours {ours.config.get(key)!r}, theirs {theirs.config.get(key)!r}"
    for key in SETTINGS:
        one, two = ours.config["config"].get(key) or None, theirs.config["config"].get(key) or None
        if key == "Env":
            one, two = sorted(one or []), sorted(two or [])  # their order says nothing
        if one != two:
            yield f"config.{key}: ours {one!r}, theirs {two!r}"


def main():
    with open(f"{HERE}/differences.toml", "rb") as file:
        known = tomllib.load(file)["difference"]
    cases = sys.argv[1:] or sorted(os.listdir(f"{HERE}/files"))
    bases = set()
    for name in cases:
        with open(f"{HERE}/files/{name}/Dockerfile") as file:
            for line in file:
                words = [word for word in line.split() if not word.startswith("--")]
                if len(words) > 1 and words[0].upper() == "FROM" and re.match(r"box:|debian-", words[1]):
                    bases.add(words[1])
    os.environ["TMPDIR"] = WORK
    give_bases(sorted(bases))
    failures, seen = 0, set()
    for name in cases:
        try:
            context, options = prepare(name)
            ours, theirs = build_ours(context, options), build_theirs(context, options)
            found = [*compare_trees(ours, theirs), *compare_settings(ours, theirs)]
        except (RuntimeError, subprocess.TimeoutExpired, AssertionError, KeyError) as problem:
            found = [f"{type(problem).__name__}: {problem}"]
        unexplained = []
        for difference in found:
            matches = [index for index, entry in enumerate(known)
                       if any(fnmatch.fnmatchcase(name, case) for case in entry["cases"])
                       and fnmatch.fnmatchcase(difference, entry["what"])]
            seen.update((index, name) for index in matches)
            if not matches:
                unexplained.append(difference)
        # What is said of this folder has to be seen in it.
        for index, entry in enumerate(known):
            if name in entry["cases"] and (index, name) not in seen:
                unexplained.append(f"not seen any more: {entry['what']}")
        failures += bool(unexplained)
        for difference in unexplained:
            print(f"{name}: {difference}", flush=True)
    for index, entry in enumerate(known):
        patterns = [case for case in entry["cases"] if "*" in case]
        if patterns and not sys.argv[1:] and not any(number == index for number, _ in seen):
            failures += 1
            print(f"not seen in any folder any more: {entry['what']}")
    print(f"{len(cases)} folders, {failures} failed")
    sys.exit(failures > 0)


main()
