#!/usr/bin/env python3
"""What is larger than it may be, for those who have to refuse it in bounded memory.

flood.py serve PORT                a registry: of flood/KIND:v1 something has a gigabyte, or becomes eight
flood.py archive KIND              a docker-archive of 256 MB on standard output: KIND is one of padding, map, header,
                                   document
flood.py upload URL HEADER…        PUTs a manifest of a gigabyte; prints the status, or that the connection was cut off
flood.py measure MEGABYTES COMMAND…  runs it; exits with 99 where it or what it starts has ever had more memory than that
"""
import gzip
import hashlib
import http.client
import http.server
import io
import json
import os
import resource
import signal
import socketserver
import subprocess
import sys
import tarfile
import urllib.parse

GIGABYTE = 1 << 30
ZEROS = bytes(1 << 20)
OCI = "application/vnd.oci.image."


def header(name, kind=tarfile.REGTYPE, size=0):
    item = tarfile.TarInfo(name)
    item.type, item.size = kind, size
    return item.tobuf(tarfile.USTAR_FORMAT)


def layer(kind):
    """A layer as pieces: (bytes, how often)."""
    if kind == "padding":
        return [(header("f") + bytes(1024), 1), (ZEROS, 8192)]
    if kind == "header":
        return [(header("h", b"x", 0o77777777777), 1), (b"p" * (1 << 20), 8192)]
    # A sparse file in PAX' form: its map goes on and on.
    records = b"".join(b"%d %s\n" % (len(text) + 4, text) for text in (
        b"GNU.sparse.major=1", b"GNU.sparse.minor=0", b"GNU.sparse.name=sparse", b"GNU.sparse.realsize=4194304"))
    return [(header("h", b"x", len(records)) + records.ljust(512, b"\0"), 1), (header("x", size=0o77777777777), 1),
            (b"999999999\n" + b"1\n" * 251, 1), (b"1\n" * (1 << 19), 4096)]


def packed(pieces):
    """As members of gzip, each compressed once."""
    out = io.BytesIO()
    for data, count in pieces:
        member = gzip.compress(data, mtime=0)
        for _ in range(count):
            out.write(member)
    return out.getvalue()


def descriptor(kind, data, size=None):
    return {"mediaType": OCI + kind, "digest": "sha256:" + hashlib.sha256(data).hexdigest(), "size": size or len(data)}


class Registry(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    blobs = {}

    def log_message(self, *arguments):
        pass

    def send(self, kind, data):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def flood(self, kind, start, piece):
        """A gigabyte, of a length that is not said before."""
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(start)
        piece *= (1 << 20) // len(piece)
        for _ in range(1024):
            self.wfile.write(piece)

    def manifest(self, name):
        if name == "manifest":
            return self.flood(OCI + "manifest.v1+json", b"{", b" ")
        if name == "index":
            item = json.dumps(dict(descriptor("manifest.v1+json", b"x"), platform={"os": "linux", "architecture": "amd64"}))
            return self.flood(OCI + "index.v1+json", b'{"schemaVersion":2,"manifests":[' + item.encode(), b"," + item.encode())
        pieces = packed(layer(name)) if name in ("padding", "map", "header") else b"x"
        config = json.dumps({"os": "linux", "architecture": "amd64", "rootfs": {
            "type": "layers", "diff_ids": ["sha256:" + "0" * 64]}}).encode()
        for data in pieces, config:
            self.blobs[hashlib.sha256(data).hexdigest()] = data
        described = descriptor("config.v1+json", b"endless" if name == "config" else config)
        return self.send(OCI + "manifest.v1+json", json.dumps({
            "schemaVersion": 2, "mediaType": OCI + "manifest.v1+json", "config": described,
            "layers": [descriptor("layer.v1.tar+gzip", pieces)]}).encode())

    def do_GET(self):
        try:
            parts = urllib.parse.urlsplit(self.path).path.split("/")
            if "manifests" in parts:
                self.manifest(parts[3])
            elif "blobs" in parts:
                data = self.blobs.get(parts[-1][7:])
                self.send("application/octet-stream", data) if data else self.flood("application/octet-stream", b"{", b" ")
            else:
                self.send("application/json", b"{}")
        except OSError:
            self.close_connection = True  # refused, as it has to be

    do_HEAD = do_GET


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


def write_archive(kind):
    out = sys.stdout.buffer
    if kind == "document":
        out.write(header("manifest.json", size=GIGABYTE // 4) + b"[" + b" " * 511)
        pieces = [(b" " * (1 << 20), 256)]
    else:
        pieces = [(data, (count + 31) // 32) for data, count in layer(kind)]
        out.write(header("layer.tar", size=min(sum(len(data) * count for data, count in pieces), 0o77777777777)))
    for data, count in pieces:
        for _ in range(count):
            out.write(data)


def upload(url):
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=60)
    connection.putrequest("PUT", parts.path)
    connection.putheader("Content-Type", OCI + "manifest.v1+json")
    for argument in sys.argv[3:]:
        connection.putheader(*argument.split(": ", 1))
    is_chunked = "Transfer-Encoding: chunked" in sys.argv
    if not is_chunked:
        connection.putheader("Content-Length", str(GIGABYTE))
    connection.endheaders()
    try:
        for _ in range(1024):
            connection.send(b"100000\r\n" + ZEROS + b"\r\n" if is_chunked else ZEROS)
    except OSError:
        pass  # it has said no, and does not listen any more
    try:
        print(connection.getresponse().status)
    except OSError:
        print("cut off")


def main():
    what = sys.argv[1]
    if what == "serve":
        Server(("127.0.0.1", int(sys.argv[2])), Registry).serve_forever()
    elif what == "archive":
        try:
            write_archive(sys.argv[2])
        except BrokenPipeError:
            os._exit(0)
    elif what == "upload":
        upload(sys.argv[2])
    else:
        code = subprocess.run(sys.argv[3:], preexec_fn=lambda: signal.signal(signal.SIGPIPE, signal.SIG_DFL)).returncode
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
        print(f"at most {peak} MB", file=sys.stderr)
        sys.exit(99 if peak > int(sys.argv[2]) else code)


main()
