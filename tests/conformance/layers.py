#!/usr/bin/env python3
"""Writes an image of four layers with all that a layer can hold, as an OCI layout: layers.py FOLDER PROBE_ROOT [twice].

Its files are below /t: modes, owners, times to the nanosecond, attributes, capabilities, hard and symbolic links, devices,
FIFOs, sparse files, long names; then whiteouts, opaque folders and changes of kind. Archives come from GNU tar in its
PAX and GNU formats, and byte by byte from tarfile; gzip, zstd and plain. With `twice`, a name comes twice in the last one, which is
plain then. Wants to be root.
"""
import gzip
import hashlib
import io
import json
import os
import shutil
import stat
import struct
import subprocess
import sys
import tarfile

OUT, PROBE = sys.argv[1:3]
NANOSECONDS = 1_600_000_000_123_456_789
# VFS_CAP_REVISION_2, effective; CAP_NET_RAW permitted.
CAPABILITY = struct.pack("<IIIII", 0x02000001, 1 << 13, 0, 0, 0)


def write(path, text="text\n", mode=0o644, owner=(0, 0)):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
    os.chown(path, *owner)
    os.chmod(path, mode)


def set_times(folder):
    """Each a nanosecond later than the one before, folders last."""
    moment = NANOSECONDS
    for path, folders, files in os.walk(folder, topdown=False):
        for name in sorted(files) + [name for name in sorted(folders) if os.path.islink(f"{path}/{name}")]:
            moment += 1_000_000_007
            os.utime(f"{path}/{name}", ns=(moment, moment), follow_symlinks=False)
        moment += 1_000_000_007
        os.utime(path, ns=(moment, moment))


def sparse(path, size, *parts):
    with open(path, "wb") as file:
        for offset, text in parts:
            file.seek(offset)
            file.write(text)
        file.truncate(size)


def first_tree(folder):
    t = f"{folder}/t"
    write(f"{t}/plain")
    write(f"{t}/empty", "")
    for name, mode in {"setuid": 0o4755, "setgid": 0o2755, "sticky": 0o1644, "all": 0o7777, "none": 0o000}.items():
        write(f"{t}/modes/{name}", mode=mode, owner=(12, 34))
    for name, mode in {"sticky": 0o1777, "setgid": 0o2775, "closed": 0o700}.items():
        os.mkdir(f"{t}/modes/folder-{name}")
        os.chown(f"{t}/modes/folder-{name}", 56, 78)
        os.chmod(f"{t}/modes/folder-{name}", mode)
        write(f"{t}/modes/folder-{name}/inside", mode=0o640, owner=(1, 2))
    write(f"{t}/owners/large", owner=(2_000_000_000, 3_000_000_000))
    write(f"{t}/owners/other", owner=(65534, 100))
    write(f"{t}/attributes/user")
    os.setxattr(f"{t}/attributes/user", "user.one", b"1")
    os.setxattr(f"{t}/attributes/user", "user.bytes", bytes(range(256)))
    os.setxattr(f"{t}/attributes/user", "user.with = and space", b"a=b\nc")
    os.setxattr(f"{t}/attributes", "user.of.a.folder", b"x" * 1000)
    write(f"{t}/attributes/capable", mode=0o755, owner=(3, 4))
    os.setxattr(f"{t}/attributes/capable", "security.capability", CAPABILITY)
    write(f"{t}/links/one")
    os.link(f"{t}/links/one", f"{t}/links/two")
    os.link(f"{t}/links/one", f"{t}/a-link-from-elsewhere")
    for name, target in {"relative": "one", "absolute": "/t/plain", "nowhere": "no/such/file", "folder": "../modes",
                         "up": "../../../../etc/passwd", "long": "x" * 3000, "medium": "y/" * 75 + "end"}.items():
        os.symlink(target, f"{t}/links/{name}")
        os.lchown(f"{t}/links/{name}", 7, 8)
    os.link(f"{t}/links/relative", f"{t}/links/a-hard-link-to-a-link", follow_symlinks=False)
    os.mkdir(f"{t}/nodes")
    os.mknod(f"{t}/nodes/null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.mknod(f"{t}/nodes/large", stat.S_IFBLK | 0o640, os.makedev(300, 70000))
    os.mknod(f"{t}/nodes/fifo", stat.S_IFIFO | 0o600)
    os.chmod(f"{t}/nodes/fifo", 0o622)
    os.chown(f"{t}/nodes/fifo", 9, 10)
    os.chown(f"{t}/nodes/null", 11, 12)
    os.mkdir(f"{t}/sparse")
    sparse(f"{t}/sparse/hole", 1 << 20)
    sparse(f"{t}/sparse/middle", 3 << 20, (1 << 20, b"middle"))
    sparse(f"{t}/sparse/ends", 1 << 20, (0, b"begin"), ((1 << 20) - 3, b"end"))
    sparse(f"{t}/sparse/many", 1 << 21, *((i << 16, b"part %d" % i) for i in range(30)))
    names = f"{t}/names"
    write(f"{names}/{'a' * 99}/{'b' * 100}")
    write(f"{names}/{'c' * 155}/{'d' * 99}/{'e' * 255}")
    write(f"{names}/" + "/".join(["deep" * 10] * 12) + "/file")
    write(f"{names}/\u00fcml\u00e4ut/\u65e5\u672c")
    for name in b"latin-\xe9", b"line\nend", b"back\\slash", b" space ", b"-dash", b"#hash", b"~tilde":
        with open(os.fsencode(names) + b"/" + name, "w") as file:
            file.write("text\n")
    for i in range(3):
        write(f"{t}/lower/{i}")
        write(f"{t}/opaque/{i}")
        write(f"{t}/gone/{i}")
    write(f"{t}/becomes-folder")
    write(f"{t}/becomes-file/inside")
    write(f"{t}/becomes-link")
    write(f"{t}/changes-mode", mode=0o644)
    os.mkdir(f"{t}/keeps")
    os.chown(f"{t}/keeps", 77, 88)
    os.chmod(f"{t}/keeps", 0o3771)
    write(f"{t}/keeps/below")


def second_tree(folder):
    t = f"{folder}/t"
    write(f"{t}/becomes-folder/inside")
    write(f"{t}/becomes-file")
    os.symlink("plain", f"{t}/becomes-link")
    write(f"{t}/changes-mode", mode=0o4711, owner=(5, 6))
    write(f"{t}/lower/new", "new\n")
    write(f"{t}/links/one", "another one\n")
    os.link(f"{t}/links/one", f"{t}/links/three")


def gnu_tar(folder, *options):
    return subprocess.run(["tar", "-C", folder, "--numeric-owner", "--sort=name", *options, "-cf", "-", "."], check=True,
                          stdout=subprocess.PIPE).stdout


def members(*items, format=tarfile.PAX_FORMAT):
    """(name, contents or None, fields)"""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format) as tar:
        for name, contents, fields in items:
            item = tarfile.TarInfo(name)
            item.mtime = 1_500_000_000.25 if format == tarfile.PAX_FORMAT else 1_500_000_000
            for key, value in fields.items():
                setattr(item, key, value)
            item.size = len(contents or b"")
            tar.addfile(item, io.BytesIO(contents) if contents else None)
    return out.getvalue()


FOLDER, LINK, HARD = {"type": tarfile.DIRTYPE, "mode": 0o755}, {"type": tarfile.SYMTYPE}, {"type": tarfile.LNKTYPE}


def third():
    return members(
        ("t", None, FOLDER),
        ("t/lower", None, dict(FOLDER, mode=0o711, uid=4)),
        ("t/lower/.wh.0", None, {}),
        ("t/lower/.wh.new", None, {}),
        ("t/opaque", None, FOLDER),
        ("t/opaque/.wh..wh..opq", None, {}),
        ("t/opaque/only", b"only\n", {"uid": 3}),
        ("t/.wh.gone", None, {}),
        ("t/.wh.nosuch", None, {}),
        ("t/links", None, FOLDER),
        ("t/links/.wh.one", None, {}),
        ("t/links/four", b"four\n", {"mode": 0o604}),
        ("t/links/five", None, dict(HARD, mode=0o604, linkname="t/links/four")),
        ("t/links/six", None, dict(HARD, mode=0o604, linkname="./t/links/five")),
        ("t/pax", b"pax\n", {"pax_headers": {"SCHILY.xattr.user.pax": "value", "mtime": "1400000000.000000001",
                                             "comment": "ignored", "uid": "4000000000"}}),
        ("t/late", b"late\n", {"mtime": 5_000_000_000.5}),
    )


def fourth():
    # A folder that is gone below comes again; GNU's long names; and what a ustar header just holds.
    return members(
        ("./t/gone/", None, dict(FOLDER, mode=0o700)),
        ("./t/gone/new", b"new\n", {}),
        ("t/" + "l" * 200, b"long\n", {}),
        ("t/long-link", None, dict(LINK, linkname="m" * 200)),
        *[("t/twice", text, {"mode": 0o640}) for text in (b"first\n", b"second\n") if "twice" in sys.argv],
        ("t//doubled///slashes", b"x\n", {}),
        format=tarfile.GNU_FORMAT)


def main():
    os.umask(0o022)
    trees = f"{OUT}.trees"
    shutil.copytree(PROBE, f"{trees}/1", symlinks=True)
    first_tree(f"{trees}/1")
    second_tree(f"{trees}/2")
    for folder in sorted(os.listdir(trees)):
        set_times(f"{trees}/{folder}")
    attributes = "--xattrs", "--xattrs-include=user.*", "--xattrs-include=security.capability"
    oci = "application/vnd.oci.image.layer.v1.tar"
    layers = [
        (f"{oci}+gzip", gnu_tar(f"{trees}/1", "--format=posix", "--sparse", *attributes)),
        (f"{oci}+zstd", gnu_tar(f"{trees}/2", "--format=gnu", "--sparse")),
        (f"{oci}+gzip", third()),
        (oci if "twice" in sys.argv else f"{oci}+gzip", fourth()),
    ]
    os.makedirs(f"{OUT}/blobs/sha256")

    def blob(media_type, data):
        digest = hashlib.sha256(data).hexdigest()
        with open(f"{OUT}/blobs/sha256/{digest}", "wb") as file:
            file.write(data)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}

    packed = []
    for media_type, tar in layers:
        if media_type.endswith("gzip"):
            packed.append(blob(media_type, gzip.compress(tar, mtime=0)))
        elif media_type.endswith("zstd"):
            packed.append(blob(media_type, subprocess.run(["zstd", "-q"], input=tar, check=True, stdout=subprocess.PIPE).stdout))
        else:
            packed.append(blob(media_type, tar))
    config = {"architecture": "amd64", "os": "linux", "config": {"Cmd": ["/bin/hold"]},
              "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(tar).hexdigest() for _, tar in layers]}}
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": blob("application/vnd.oci.image.config.v1+json", json.dumps(config).encode()), "layers": packed}
    found = blob(manifest["mediaType"], json.dumps(manifest).encode())
    found["annotations"] = {"org.opencontainers.image.ref.name": "v1"}
    with open(f"{OUT}/index.json", "w") as file:
        json.dump({"schemaVersion": 2, "manifests": [found]}, file)
    with open(f"{OUT}/oci-layout", "w") as file:
        file.write('{"imageLayoutVersion": "1.0.0"}')


main()
