#!/usr/bin/env python3
"""Compares two folders file by file: same_trees.py [--whole-seconds] OURS THEIRS COUNT [UNSURE…].

Kind, mode, owner, time to the nanosecond, size, contents, target, device, attributes, which names are one file, and that
their holes are holes in ours, too. At least COUNT files have to be there. Prints each difference; of the files named in
UNSURE, time and links may differ.
"""
import hashlib
import os
import stat
import sys


def describe(path, status, unit):
    kind = stat.S_IFMT(status.st_mode)
    found = {"mode": oct(status.st_mode), "uid": status.st_uid, "gid": status.st_gid, "mtime": status.st_mtime_ns // unit}
    if kind == stat.S_IFREG:
        with open(path, "rb") as file:
            found["sha256"] = hashlib.file_digest(file, "sha256").hexdigest()
        found["size"] = status.st_size
        # Half a megabyte of holes is no accident of a file system.
        found["sparse"] = status.st_size - status.st_blocks * 512 > 1 << 19
    elif kind == stat.S_IFLNK:
        found["target"] = os.readlink(path)
    elif kind in (stat.S_IFCHR, stat.S_IFBLK):
        found["device"] = (os.major(status.st_rdev), os.minor(status.st_rdev))
    names = os.listxattr(path, follow_symlinks=False)
    found["attributes"] = {name: os.getxattr(path, name, follow_symlinks=False) for name in sorted(names)
                           if not name.startswith((b"trusted." if isinstance(name, bytes) else "trusted."))}
    return found


def read(folder, unit):
    folder = os.fsencode(folder)
    files, inodes = {}, {}
    for path, folders, names in os.walk(folder):
        for name in [b""] * (path == folder) + folders + names:
            full = os.path.join(path, name)
            status = os.lstat(full)
            relative = os.path.relpath(full, folder)
            files[relative] = describe(full, status, unit)
            if not stat.S_ISDIR(status.st_mode):
                inodes.setdefault((status.st_dev, status.st_ino), []).append(relative)
    for group in inodes.values():
        for name in group:
            files[name]["same file as"] = sorted(group)
    return files


def main():
    unit = 10**9 if sys.argv[1] == "--whole-seconds" and sys.argv.pop(1) else 1
    ours, theirs = read(sys.argv[1], unit), read(sys.argv[2], unit)
    unsure = [os.fsencode(name) for name in sys.argv[4:]]
    differences = 0
    for name in sorted(ours.keys() | theirs.keys()):
        one, two = ours.get(name), theirs.get(name)
        if one and two and name in unsure:
            one["mtime"] = two["mtime"] = one["same file as"] = two["same file as"] = None
        if one and two and not two.get("sparse"):
            two["sparse"] = one["sparse"] = None
        if one == two:
            continue
        differences += 1
        if not one or not two:
            print(f"{name!r}: only {'theirs' if two else 'ours'}")
            continue
        for key in one.keys() | two.keys():
            if one.get(key) != two.get(key):
                print(f"{name!r}: {key}: ours {one.get(key)!r}, theirs {two.get(key)!r}")
    assert len(ours) >= int(sys.argv[3]), f"there are {len(ours)} files only"
    sys.exit(differences > 0)


main()
