"""Whether a store is whole, by its files and its tables alone: nothing of the engine is asked."""
import glob
import hashlib
import json
import os
import sqlite3
import stat

_trees = {}  # diff id: digest of the folder, as it was seen first


def _tree(folder):
    found = hashlib.sha256()
    for path, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(folders + files):
            full = os.path.join(path, name)
            status = os.lstat(full)
            found.update(f"{os.path.relpath(full, folder)} {status.st_mode} {status.st_uid} {status.st_gid}\n".encode())
            if stat.S_ISLNK(status.st_mode):
                found.update(os.readlink(full).encode())
            elif stat.S_ISREG(status.st_mode):
                with open(full, "rb") as file:
                    found.update(hashlib.file_digest(file, "sha256").digest() if hasattr(hashlib, "file_digest")
                                 else hashlib.sha256(file.read()).digest())
    return found.hexdigest()


def _blob(root, digest):
    algorithm, hexadecimal = digest.split(":")
    return f"{root}/blobs/{algorithm}/{hexadecimal}"


def _folders(root, what):
    """Where blobs or layers lie: in their place, or kept for this boot."""
    return [f"{root}/{what}/sha256", *glob.glob(f"{root}/{what}/boot-*/sha256")]


def _names(folder):
    return set(os.listdir(folder)) if os.path.isdir(folder) else set()


def _open(root):
    return sqlite3.connect(f"{root}/coracle.db", timeout=10)


def check_store(root, must_exist=True, damaged=()):
    """damaged: layers, as hexadecimal digits, that may have other files or none."""
    if not os.path.exists(f"{root}/coracle.db"):
        assert not must_exist, "there is no database"
        return
    database = _open(root)
    if database.execute("PRAGMA user_version").fetchone()[0] == 0:
        assert not must_exist, "the database has no tables"
        return
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert database.execute("PRAGMA foreign_key_check").fetchall() == []
    for folder in _folders(root, "blobs"):
        for name in _names(folder):
            with open(f"{folder}/{name}", "rb") as file:
                assert hashlib.sha256(file.read()).hexdigest() == name, f"blob {name} has other bytes"
    for image, manifest in database.execute("SELECT id, manifest FROM image"):
        for digest in image, manifest:
            assert os.path.exists(_blob(root, digest)), f"image {image} names {digest}, which is not there"
        with open(_blob(root, image)) as file:
            diff_ids = json.load(file)["rootfs"]["diff_ids"]
        rows = [row[0] for row in database.execute("SELECT diff_id FROM image_layer WHERE image = ? ORDER BY position", (image,))]
        assert rows == (diff_ids or []), f"image {image} has other layers than its configuration"
    durable = {row[0] for row in database.execute("SELECT diff_id FROM image_layer UNION SELECT diff_id FROM container_layer")}
    for (digest,) in database.execute("SELECT DISTINCT diff_id FROM named_layer WHERE diff_id != ''"):
        name = digest.split(":")[1]
        places = _folders(root, "layers")[:1 if digest in durable else None]
        assert name in damaged or any(os.path.isdir(f"{place}/{name}") for place in places), f"layer {digest} is not there"
    for folder in _folders(root, "layers"):
        for name in _names(folder) - set(damaged):
            tree = _tree(f"{folder}/{name}")
            assert _trees.setdefault(name, tree) == tree, f"layer {name} has other files"
    database.close()


def check_garbage(root, run_root):
    database = _open(root)
    blobs = {row[0].split(":")[1] for row in database.execute("SELECT digest FROM named_blob WHERE digest != ''")}
    layers = {row[0].split(":")[1] for row in database.execute("SELECT diff_id FROM named_layer WHERE diff_id != ''")}
    containers = {row[0] for row in database.execute("SELECT id FROM container")}
    held = {row[0] for row in database.execute("SELECT container FROM address UNION SELECT container FROM port")}
    database.close()
    for what, left in {
        "blobs": _names(f"{root}/blobs/sha256") - blobs,
        "layers": _names(f"{root}/layers/sha256") - layers,
        "what is kept for this boot": set(glob.glob(f"{root}/*/boot-*/*/*")),
        "uploads": _names(f"{root}/blobs/uploads"),
        "staging folders": _names(f"{root}/layers/staging"),
        "containers": _names(f"{root}/containers") - containers,
        "run folders": _names(f"{run_root}/containers") - containers,
        "addresses and ports": held - containers,
    }.items():
        assert not left, f"garbage after a prune: {what}: {' '.join(sorted(left))}"
