"""A registry in memory that can be told to misbehave. Records every request."""
import gzip
import hashlib
import http.server
import io
import json
import socket
import tarfile
import threading
import urllib.parse

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def digest_like(text, data):
    """The digest of the data, by the algorithm of another digest."""
    return "sha512:" + hashlib.sha512(data).hexdigest() if text.startswith("sha512:") else sha256(data)


def make_tar(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            info.mode = 0o644
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


class Image:
    """layers: a dict of files each. `blobs` maps digests to bytes, config and layers; not the manifest."""

    def __init__(self, layers, architecture="amd64", manifest_changes=None, layer_type=OCI_LAYER, config_changes=None,
                 compress=lambda tar: gzip.compress(tar, mtime=0, compresslevel=1), digest=sha256, diff_digest=None):
        self.blobs = {}
        self.diff_ids = []
        descriptors = []
        for files in layers:
            tar = make_tar(files)
            blob = compress(tar)
            self.diff_ids.append((diff_digest or digest)(tar))
            self.blobs[digest(blob)] = blob
            descriptors.append({"mediaType": layer_type, "digest": digest(blob), "size": len(blob)})
        config = {"architecture": architecture, "os": "linux", "config": {},
                  "rootfs": {"type": "layers", "diff_ids": self.diff_ids}}
        config.update(config_changes or {})
        config = json.dumps(config).encode()
        self.blobs[digest(config)] = config
        manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST,
                    "config": {"mediaType": OCI_CONFIG, "digest": digest(config), "size": len(config)},
                    "layers": descriptors}
        manifest.update(manifest_changes or {})
        self.layers = descriptors
        self.document = manifest
        self.manifest = json.dumps(manifest).encode()
        self.digest = digest(self.manifest)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def answer(self, status, body=b"", headers=None):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if "Content-Length" not in (headers or {}):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            try:
                self.wfile.write(body)
            except OSError:  # the client has seen enough
                self.close_connection = True

    def refuse(self, status, code, message, headers=None):
        body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
        self.answer(status, body, dict(headers or {}, **{"Content-Type": "application/json"}))

    def handle_any(self):
        mock = self.server.mock
        size = int(self.headers.get("Content-Length") or 0)
        if mock.cut_upload(self, size):
            return
        body = self.rfile.read(size) if size else b""
        with mock.lock:
            mock.requests.append((self.command, self.path, dict(self.headers), len(body)))
        for hook in mock.hooks:
            if hook(self, body):
                return
        mock.serve(self, body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = handle_any


class MockRegistry:
    def __init__(self):
        self.lock = threading.Lock()
        self.requests = []
        self.hooks = []
        self.blobs = {}
        self.manifests = {}  # reference → (type, bytes)
        self.sessions = {}  # id of an upload → bytes that have come
        self.session_count = 0
        self.upload_cuts = []  # of the next PUTs and PATCHes: (bytes that come, bytes that are kept of them)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.mock = self
        self.host = "127.0.0.1:%d" % self.server.server_address[1]
        self.url = "http://" + self.host
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def add(self, image, tag="latest"):
        self.blobs.update(image.blobs)
        self.manifests[tag] = self.manifests[image.digest] = (OCI_MANIFEST, image.manifest)

    def authorizations(self):
        return [headers["Authorization"] for _, _, headers, _ in self.requests if "Authorization" in headers]

    def require_token(self, realm, token="t0ken", service="mock"):
        def hook(handler, _body):
            if handler.path.startswith("/token"):
                return False
            if handler.headers.get("Authorization") == "Bearer " + token:
                return False
            handler.refuse(401, "UNAUTHORIZED", "authentication required", {
                "WWW-Authenticate": 'Bearer realm="%s",service="%s",scope="repository:x:pull"' % (realm, service)})
            return True
        self.hooks.append(hook)

    def serve(self, handler, body):
        url = urllib.parse.urlsplit(handler.path)
        parts = url.path.split("/")
        if url.path == "/v2/":
            return handler.answer(200, b"{}")
        if url.path == "/token":
            return handler.answer(200, json.dumps({"token": "t0ken", "expires_in": 300}).encode())
        if handler.command == "POST" and url.path.endswith("/blobs/uploads/"):
            with self.lock:
                self.session_count += 1
                name = "u%d" % self.session_count
                self.sessions[name] = b""
            return handler.answer(202, b"", {"Location": url.path + name + "?_state=a%2Bb"})
        if "/blobs/uploads/" in url.path:
            return self.serve_upload(handler, url, body)
        if handler.command == "PUT" and parts[-2] == "manifests":
            self.manifests[parts[-1]] = (handler.headers["Content-Type"], body)
            return handler.answer(201, b"", {"Docker-Content-Digest": digest_like(parts[-1], body)})
        if len(parts) > 3 and parts[-2] == "manifests":
            found = self.manifests.get(parts[-1])
            if not found:
                return handler.refuse(404, "MANIFEST_UNKNOWN", "manifest unknown")
            return handler.answer(200, found[1], {
                "Content-Type": found[0], "Docker-Content-Digest": digest_like(parts[-1], found[1])})
        if len(parts) > 3 and parts[-2] == "blobs":
            blob = self.blobs.get(parts[-1])
            if blob is None:
                return handler.refuse(404, "BLOB_UNKNOWN", "blob unknown to registry")
            return self.serve_blob(handler, blob)
        return handler.refuse(404, "NAME_UNKNOWN", "repository name not known to registry")

    def serve_upload(self, handler, url, body):
        query, name = urllib.parse.parse_qs(url.query), url.path.split("/")[-1]
        if query.get("_state") != ["a+b"]:
            return handler.refuse(400, "BLOB_UPLOAD_INVALID", "blob upload invalid")
        if handler.command == "PUT":
            data, digest = self.sessions.pop(name, b"") + body, query["digest"][0]
            if digest_like(digest, data) != digest:
                return handler.refuse(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
            self.blobs[digest] = data
            return handler.answer(201)
        if name not in self.sessions:
            return handler.refuse(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
        if handler.command == "PATCH":
            first, last = (int(n) for n in handler.headers["Content-Range"].split("-"))
            if first != len(self.sessions[name]) or last - first + 1 != len(body):
                return handler.refuse(416, "RANGE_INVALID", "invalid content range")
            self.sessions[name] += body
        return handler.answer(202 if handler.command == "PATCH" else 204, b"", {
            "Location": handler.path, "Range": "0-%d" % max(len(self.sessions[name]) - 1, 0)})

    def cut_upload(self, handler, size):
        """Breaks a connection in the middle of what is sent, as upload_cuts says."""
        url = urllib.parse.urlsplit(handler.path)
        with self.lock:
            if handler.command not in ("PUT", "PATCH") or not self.upload_cuts or size <= self.upload_cuts[0][0]:
                return False
            come, kept = self.upload_cuts.pop(0)
            self.requests.append((handler.command, handler.path, dict(handler.headers), come))
        name, body = url.path.split("/")[-1], handler.rfile.read(come)
        if name in self.sessions:
            self.sessions[name] += body[:kept]
        handler.connection.shutdown(socket.SHUT_RDWR)
        handler.close_connection = True
        return True

    def serve_blob(self, handler, blob):
        wanted = handler.headers.get("Range")
        if wanted:
            first = int(wanted[len("bytes="):].rstrip("-"))
            return handler.answer(206, blob[first:], {
                "Content-Range": "bytes %d-%d/%d" % (first, len(blob) - 1, len(blob))})
        return handler.answer(200, blob)

    def cut_blobs(self, at, times, honour_range=True):
        """Breaks the connection after `at` bytes of a blob answer, `times` times."""
        left = [times]

        def hook(handler, _body):
            parts = handler.path.split("/")
            if handler.command != "GET" or parts[-2] != "blobs":
                return False
            blob = self.blobs[parts[-1]]
            if len(blob) < 4 * at:
                return False
            if not honour_range and handler.headers.get("Range"):
                del handler.headers["Range"]
            with self.lock:
                if left[0] == 0:
                    return False
                left[0] -= 1
            wanted = handler.headers.get("Range")
            first = int(wanted[len("bytes="):].rstrip("-")) if wanted else 0
            handler.send_response(206 if wanted else 200)
            handler.send_header("Content-Length", str(len(blob) - first))
            if wanted:
                handler.send_header("Content-Range", "bytes %d-%d/%d" % (first, len(blob) - 1, len(blob)))
            handler.end_headers()
            handler.wfile.write(blob[first:first + at])
            handler.wfile.flush()
            handler.connection.shutdown(socket.SHUT_RDWR)
            handler.close_connection = True
            return True
        self.hooks.append(hook)
