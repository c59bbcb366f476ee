#!/usr/bin/env python3
"""A journal in miniature: `serve FILE` takes entries from the native socket, `show FILE ARGUMENT...` is its journalctl.

FILE has the entries in the export format. Entries that come as a memfd must be sealed; "X_SEALED=1" is added to them.
"""

import fcntl
import os
import socket
import struct
import sys
import time

SOCKET = "/run/systemd/journal/socket"
ALL_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


def serve(path):
    os.makedirs(os.path.dirname(SOCKET), exist_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener, open(path, "ab", buffering=0) as out:
        if os.path.exists(SOCKET):
            os.unlink(SOCKET)
        listener.bind(SOCKET)
        number = 0
        while True:
            data, ancillary, _, _ = listener.recvmsg(1 << 20, socket.CMSG_SPACE(4))
            for _, _, packed in ancillary:
                fd = struct.unpack("i", packed[:4])[0]
                assert fcntl.fcntl(fd, fcntl.F_GET_SEALS) & ALL_SEALS == ALL_SEALS
                data = os.pread(fd, 1 << 26, 0) + b"X_SEALED=1\n"
                os.close(fd)
            number += 1
            head = f"__CURSOR=c{number}\n__REALTIME_TIMESTAMP={time.time_ns() // 1000}\n"
            out.write(head.encode() + data + b"\n")


def entries(data):
    """The bytes of each entry, and its fields."""
    start = at = 0
    fields = {}
    while at < len(data):
        end = data.index(b"\n", at)
        line = data[at:end]
        at = end + 1
        if line and b"=" in line:
            name, value = line.split(b"=", 1)
            fields[name] = value
        elif line:
            size = struct.unpack("<Q", data[at : at + 8])[0]
            fields[line] = data[at + 8 : at + 8 + size]
            at += 8 + size + 1
        else:
            yield data[start:at], fields
            start, fields = at, {}


def show(path, arguments):
    options = dict(word.removeprefix("--").partition("=")[::2] for word in arguments if word.startswith("--"))
    wanted = [word.encode().split(b"=", 1) for word in arguments if not word.startswith("--")]
    cursor = options.get("after-cursor", "").encode()
    count = int(options["lines"]) if "lines" in options else None
    shown = 0
    while True:
        with open(path, "rb") as file:
            found = [entry for entry in entries(file.read()) if all(entry[1].get(n) == v for n, v in wanted)]
        if cursor:
            found = found[[fields[b"__CURSOR"] for _, fields in found].index(cursor) + 1 :]
        if count is not None and shown == 0:
            found = found[len(found) - count :] if count else []
        for text, _ in found[shown:]:
            sys.stdout.buffer.write(text)
        sys.stdout.buffer.flush()
        shown = len(found)
        if "follow" not in options:
            return
        time.sleep(0.05)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2])
    else:
        show(sys.argv[2], sys.argv[3:])
