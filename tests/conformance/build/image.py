"""An image in an archive, OCI's or docker's, read from outside: its configuration, and its layers flattened to one tree.

The rules are those of the OCI image specification ("Image Layer Filesystem Changeset"); nothing of the product is used.
"""
import gzip
import hashlib
import io
import json
import subprocess
import tarfile

KINDS = {tarfile.REGTYPE: "file", tarfile.AREGTYPE: "file", tarfile.DIRTYPE: "folder", tarfile.SYMTYPE: "link",
         tarfile.CHRTYPE: "character", tarfile.BLKTYPE: "block", tarfile.FIFOTYPE: "fifo"}


class Node:
    """A file, whatever its names are."""

    def __init__(self, member, archive):
        self.kind = KINDS[member.type]
        self.mode = member.mode & 0o7777
        self.owner = (member.uid, member.gid)
        self.time = int(member.mtime)
        self.target = member.linkname if self.kind == "link" else None
        self.device = (member.devmajor, member.devminor) if self.kind in ("character", "block") else None
        self.content = archive.extractfile(member).read() if self.kind == "file" else None
        self.attributes = {name.removeprefix("SCHILY.xattr."): value.encode("utf-8", "surrogateescape")
                           for name, value in member.pax_headers.items() if name.startswith("SCHILY.xattr.")}

    def digest(self):
        return hashlib.sha256(self.content).hexdigest() if self.content is not None else None


class Image:
    def __init__(self, config, tree, layers):
        self.config = config  # the whole document
        self.tree = tree  # path without a slash in front → Node; names of one file have one Node
        self.layers = layers  # a list of names for each

    def names(self):
        """The names of each file, by the identity of its node."""
        names = {}
        for name in sorted(self.tree):
            names.setdefault(id(self.tree[name]), []).append(name)
        return names


def _remove(tree, path, itself):
    for name in [name for name in tree if name.startswith(f"{path}/" if path else "") or (itself and name == path)]:
        del tree[name]


def apply_layer(tree, data):
    """Puts one layer, an uncompressed archive, on the tree. Returns its names."""
    archive = tarfile.open(fileobj=io.BytesIO(data), errors="surrogateescape")
    members, names = archive.getmembers(), []
    for member in members:
        names.append(member.name.removeprefix("./").strip("/"))
    # What is taken away is of the layers below, wherever in the archive it is said.
    for name in names:
        folder, _, base = name.rpartition("/")
        if base == ".wh..wh..opq":
            _remove(tree, folder, False)
        elif base.startswith(".wh."):
            _remove(tree, (f"{folder}/" if folder else "") + base[4:], True)
    for member, name in zip(members, names):
        if name.rpartition("/")[2].startswith(".wh.") or name in ("", "."):
            continue
        if member.type == tarfile.LNKTYPE:
            node = tree[member.linkname.removeprefix("./").strip("/")]
        else:
            node = Node(member, archive)
        if node.kind != "folder":
            _remove(tree, name, True)
        tree[name] = node
    return names


def _unpack(data):
    if data[:2] == b"\x1f\x8b":
        return gzip.decompress(data)
    if data[:4] == b"\x28\xb5\x2f\xfd":
        return subprocess.run(["zstd", "-dqc"], input=data, check=True, stdout=subprocess.PIPE).stdout
    return data


def _contents(archive):
    """The names of the configuration and of the layers."""
    if "index.json" in archive.getnames():
        blob = lambda descriptor: "blobs/" + descriptor["digest"].replace(":", "/")
        document = json.load(archive.extractfile("index.json"))
        while "manifests" in document:
            document = json.load(archive.extractfile(blob(document["manifests"][0])))
        return blob(document["config"]), [blob(layer) for layer in document["layers"]]
    document = json.load(archive.extractfile("manifest.json"))[0]
    return document["Config"], document["Layers"]


def load(path):
    with tarfile.open(path) as archive:
        config_name, layer_names = _contents(archive)
        config = json.load(archive.extractfile(config_name))
        assert len(layer_names) == len(config["rootfs"]["diff_ids"])
        tree, layers = {}, []
        for name, diff_id in zip(layer_names, config["rootfs"]["diff_ids"]):
            member = archive.getmember(name)
            data = _unpack(archive.extractfile(member).read())
            assert "sha256:" + hashlib.sha256(data).hexdigest() == diff_id, "a layer is not what the configuration says"
            layers.append(apply_layer(tree, data))
    return Image(config, tree, layers)
