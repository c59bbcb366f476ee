#!/usr/bin/env python3
"""coracle-transfer against registries that behave, and that do not. Arguments: the program, the client's probe."""
import base64
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from mock_registry import (OCI_INDEX, OCI_LAYER, OCI_MANIFEST, Image, MockRegistry, digest_like, make_tar,  # noqa: E402
                           sha256)

PROGRAM, PROBE = sys.argv[1:3]
SECRET = "correct horse"
NOISE = os.urandom(3 << 20)


class Outcome:
    def __init__(self, lines, code):
        self.events = [json.loads(line) for line in lines.splitlines()]
        self.code = code
        self.last = self.events[-1] if self.events else {}
        self.message = self.last.get("message", "")
        self.kind = self.last.get("kind")

    def statuses(self, number=None):
        return [e["status"] for e in self.events if e["event"] == "layer" and number in (None, e["id"])]


class TransferTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="coracle-transfer-")
        self.root = os.path.join(self.folder, "root")
        os.makedirs(os.path.join(self.root, "blobs"), 0o700)
        os.makedirs(os.path.join(self.root, "layers"), 0o700)
        self.environment = dict(os.environ, DOCKER_CONFIG=self.folder,
                                CORACLE_CERTS=os.path.join(self.folder, "certs.d"),
                                CONTAINERS_REGISTRIES_CONF=os.path.join(self.folder, "registries.conf"))
        self.settings("")
        self.closing = []

    def tearDown(self):
        for thing in self.closing:
            thing.close()
        shutil.rmtree(self.folder)

    def settings(self, text):
        with open(self.environment["CONTAINERS_REGISTRIES_CONF"], "w") as out:
            out.write(text)

    def mock(self):
        mock = MockRegistry()
        self.closing.append(mock)
        return mock

    def start(self, **request):
        read_end, write_end = os.pipe()
        # bash: dash knows no descriptor above 9.
        shell = ["bash", "-c", 'exec "$0" 3>&%d' % write_end, PROGRAM]
        process = subprocess.Popen(shell, stdin=subprocess.PIPE, pass_fds=[write_end], env=self.environment)
        os.close(write_end)
        process.stdin.write(json.dumps(request).encode())
        process.stdin.close()
        return process, read_end

    def run_request(self, **request):
        process, read_end = self.start(**request)
        with os.fdopen(read_end) as answers:
            lines = answers.read()
        return Outcome(lines, process.wait())

    def pull(self, mock, **more):
        request = dict(operation="pull", root=self.root, domain=mock.host, path="team/app", tag="latest",
                       platform="linux/amd64")
        request.update(more)
        return self.run_request(**request)

    def push(self, mock, image, tag="v1", layers=None, **more):
        known = layers or [{"digest": d["digest"], "diff_id": i, "size": d["size"]}
                           for d, i in zip(image.layers, image.diff_ids)]
        return self.run_request(operation="push", root=self.root, domain=mock.host, path="team/app", tag=tag,
                                manifest=image.digest, layers=known, **more)

    def store(self, image, with_layers=True):
        folder = os.path.join(self.root, "blobs", "sha256")
        os.makedirs(folder, 0o700, exist_ok=True)
        keep = dict(image.blobs)
        keep[image.digest] = image.manifest
        for digest, data in keep.items():
            if not with_layers and digest in [layer["digest"] for layer in image.layers]:
                continue
            with open(os.path.join(folder, digest[len("sha256:"):]), "wb") as out:
                out.write(data)

    def layer_folder(self, diff_id):
        return os.path.join(self.root, "layers", "sha256", diff_id[len("sha256:"):])

    def assert_nothing_kept(self):
        left = [os.path.join(folder, name) for folder, _, names in os.walk(self.root) for name in names]
        self.assertEqual(left, [])
        staging = os.path.join(self.root, "layers", "staging")
        self.assertEqual(os.listdir(staging) if os.path.isdir(staging) else [], [])

    def assert_only_partial(self, image):
        """What an early end leaves: a beginning of the blob, in uploads, and no more."""
        blob = image.blobs[image.layers[0]["digest"]]
        left = [os.path.join(folder, name) for folder, _, names in os.walk(self.root) for name in names]
        self.assertEqual(left, [self.partial(image)])
        with open(left[0], "rb") as kept:
            data = kept.read()
        self.assertTrue(0 < len(data) < len(blob) and blob.startswith(data))
        staging = os.path.join(self.root, "layers", "staging")
        self.assertEqual(os.listdir(staging) if os.path.isdir(staging) else [], [])
        return len(data)

    def partial(self, image):
        return os.path.join(self.root, "blobs", "uploads", image.layers[0]["digest"][7:39])

    def assert_pulled(self, outcome, image):
        self.assertEqual(outcome.last.get("event"), "done", outcome.message)
        self.assertEqual(outcome.code, 0)
        self.assertEqual(outcome.last["manifest"], image.digest)
        self.assertEqual([layer["diff_id"] for layer in outcome.last["layers"]], image.diff_ids)
        for digest in (image.digest, image.document["config"]["digest"]):
            with open(os.path.join(self.root, "blobs", "sha256", digest[len("sha256:"):]), "rb") as blob:
                self.assertEqual(sha256(blob.read()), digest)
        for diff_id in image.diff_ids:
            self.assertTrue(os.path.isdir(self.layer_folder(diff_id)))


class PullTest(TransferTest):
    def test_layers_arrive_once(self):
        mock, image = self.mock(), Image([{"a": b"one"}, {"b": NOISE}, {"c": b"three"}, {"d": b"4"}, {"a": b"one"}])
        mock.add(image)
        outcome = self.pull(mock)
        self.assert_pulled(outcome, image)
        self.assertEqual(outcome.last["repository_digest"], image.digest)
        self.assertEqual(outcome.last["layers"][1]["bytes"], len(NOISE))
        with open(os.path.join(self.layer_folder(image.diff_ids[1]), "b"), "rb") as unpacked:
            self.assertEqual(unpacked.read(), NOISE)
        statuses = outcome.statuses(image.layers[1]["digest"][7:19])
        self.assertEqual(statuses[0], "Pulling fs layer")
        self.assertIn("Downloading", statuses)
        self.assertEqual(statuses[-1], "Pull complete")
        self.assertLess(len(statuses), 60)
        count = len([r for r in mock.requests if "/blobs/" in r[1]])
        self.assertEqual(count, 5)  # four different layers and the configuration
        again = self.pull(mock)
        self.assert_pulled(again, image)
        self.assertEqual(set(again.statuses()), {"Already exists"})
        self.assertEqual(len([r for r in mock.requests if "/blobs/" in r[1]]), count + 1)

    def test_index_and_platform(self):
        mock, image, other = self.mock(), Image([{"a": b"amd"}]), Image([{"a": b"arm"}], architecture="arm64")
        mock.add(image, "amd")
        mock.add(other, "arm")
        entries = [{"mediaType": OCI_MANIFEST, "digest": i.digest, "size": len(i.manifest),
                    "platform": {"os": "linux", "architecture": a}} for i, a in ((image, "amd64"), (other, "arm64"))]
        index = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()
        mock.manifests["latest"] = (OCI_INDEX, index)
        outcome = self.pull(mock)
        self.assert_pulled(outcome, image)
        self.assertEqual(outcome.last["repository_digest"], sha256(index))
        self.assert_pulled(self.pull(mock, platform="linux/arm64"), other)
        outcome = self.pull(mock, platform="linux/s390x")
        self.assertEqual(outcome.kind, "not_found")
        self.assertIn("arm64", outcome.message)
        outcome = self.pull(mock, tag="arm")
        self.assertEqual(outcome.code, 1)
        self.assertIn("linux/arm64", outcome.message)

    @unittest.skipUnless(shutil.which("zstd"), "zstd is not installed")
    def test_other_compressions(self):
        for compress, media_type in (
                (lambda tar: subprocess.run(["zstd", "-q", "-c"], input=tar, stdout=subprocess.PIPE, check=True).stdout,
                 "application/vnd.oci.image.layer.v1.tar+zstd"),
                (lambda tar: tar, "application/vnd.oci.image.layer.v1.tar")):
            mock = self.mock()
            image = Image([{"a": b"one"}, {media_type[-4:]: NOISE}], layer_type=media_type, compress=compress)
            mock.add(image)
            self.assert_pulled(self.pull(mock), image)

    def test_by_digest(self):
        mock, image = self.mock(), Image([{"a": b"one"}])
        mock.add(image)
        self.assert_pulled(self.pull(mock, digest=image.digest), image)
        mock.manifests[image.digest] = (OCI_MANIFEST, image.manifest + b" ")
        del mock.requests[:]
        outcome = self.pull(mock, digest=image.digest)
        self.assertEqual(outcome.kind, "corrupt")
        self.assertEqual(len(mock.requests), 1)

    def test_broken_connection_resumes(self):
        mock, image = self.mock(), Image([{"big": NOISE}])
        mock.add(image)
        mock.cut_blobs(500000, 2)
        self.assert_pulled(self.pull(mock), image)
        ranges = [r[2]["Range"] for r in mock.requests if "Range" in r[2]]
        self.assertEqual(ranges, ["bytes=500000-", "bytes=1000000-"])

    def test_range_ignored(self):
        mock, image = self.mock(), Image([{"big": NOISE}])
        mock.add(image)
        mock.cut_blobs(500000, 2, honour_range=False)
        self.assert_pulled(self.pull(mock), image)

    def after_a_cut(self, answer):
        """A layer that breaks off after 700,000 bytes; answer(handler, blob, first) tells what a Range gets then."""
        mock, image = self.mock(), Image([{"big": NOISE}])
        mock.add(image)
        blob = image.blobs[image.layers[0]["digest"]]
        mock.cut_blobs(700000, 1)

        def hook(handler, _body):
            if not handler.headers.get("Range"):
                return False
            answer(handler, blob, int(handler.headers["Range"][len("bytes="):].rstrip("-")))
            return True
        mock.hooks.insert(0, hook)
        return mock, image

    def test_another_range(self):
        def other(handler, blob, first):
            handler.answer(206, blob[first - 1:], {
                "Content-Range": "bytes %d-%d/%d" % (first - 1, len(blob) - 1, len(blob))})
        mock, image = self.after_a_cut(other)
        outcome = self.pull(mock)
        self.assertEqual(outcome.kind, "corrupt")
        self.assertIn("another part of %s than was asked for" % image.layers[0]["digest"], outcome.message)
        mock.hooks = []
        self.assert_pulled(self.pull(mock), image)

    def test_blob_that_changed_in_between(self):
        def changed(handler, blob, first):
            handler.answer(206, bytes(len(blob) - first), {
                "Content-Range": "bytes %d-%d/%d" % (first, len(blob) - 1, len(blob))})
        mock, image = self.after_a_cut(changed)
        outcome = self.pull(mock)
        self.assertEqual(outcome.kind, "corrupt")
        self.assertIn("verification failed for digest", outcome.message)
        self.assert_nothing_kept()

    def test_range_that_cannot_be(self):
        mock, image = self.after_a_cut(lambda handler, blob, first: handler.refuse(416, "RANGE_INVALID", "no"))
        outcome = self.pull(mock)
        self.assertEqual(outcome.kind, "invalid")
        self.assertIn("range invalid: no", outcome.message)

    def test_gives_up(self):
        mock, image = self.mock(), Image([{"big": NOISE}])
        mock.add(image)
        mock.cut_blobs(0, 1000)
        outcome = self.pull(mock)
        self.assertEqual(outcome.kind, "network")
        self.assert_nothing_kept()

    def test_other_bytes(self):
        mock, image = self.mock(), Image([{"a": b"one"}, {"b": NOISE}])
        mock.add(image)
        digest = image.layers[1]["digest"]
        evil = Image([{"evil": NOISE}])
        for bytes_sent in (evil.blobs[evil.layers[0]["digest"]][:len(mock.blobs[digest])], mock.blobs[digest] + b"x",
                           b"\0" * len(mock.blobs[digest])):
            mock.blobs[digest] = bytes_sent.ljust(image.layers[1]["size"], b"\0")
            outcome = self.pull(mock)
            self.assertEqual(outcome.kind, "corrupt", outcome.message)
            self.assertFalse(os.path.exists(self.layer_folder(image.diff_ids[1])))
            self.assertFalse(os.path.exists(self.layer_folder(evil.diff_ids[0])))

    def test_same_content_in_another_blob(self):
        mock, image = self.mock(), Image([{"a": b"one"}])
        mock.add(image)
        blob = mock.blobs[image.layers[0]["digest"]]
        mock.blobs[image.layers[0]["digest"]] = blob[:4] + b"\1\0\0\0" + blob[8:]  # gzip's time
        outcome = self.pull(mock)
        self.assertEqual(outcome.kind, "corrupt")
        self.assertIn(image.layers[0]["digest"], outcome.message)
        self.assert_nothing_kept()

    def test_wrong_diff_id(self):
        mock = self.mock()
        rootfs = {"type": "layers", "diff_ids": ["sha256:" + "0" * 64]}
        image = Image([{"a": b"one"}], config_changes={"rootfs": rootfs})
        mock.add(image)
        outcome = self.pull(mock)
        self.assertEqual(outcome.kind, "corrupt")
        self.assert_nothing_kept()

    def test_layer_count(self):
        mock = self.mock()
        image = Image([{"a": b"one"}], config_changes={"rootfs": {"type": "layers", "diff_ids": []}})
        mock.add(image)
        self.assertEqual(self.pull(mock).kind, "invalid")

    def test_digest_header_differs(self):
        mock, image = self.mock(), Image([{"a": b"one"}])
        mock.add(image)
        for said in ("sha256:" + "0" * 64, "sha256:../../../x", "sha256:" + "A" * 64):
            mock.hooks = [lambda handler, _: "/manifests/" in handler.path and (handler.answer(
                200, image.manifest, {"Content-Type": OCI_MANIFEST, "Docker-Content-Digest": said}) or True)]
            self.assertIn(self.pull(mock).kind, ("corrupt", "invalid"))
        self.assert_nothing_kept()

    def test_evil_digests(self):
        for digest in ("sha256:../../../../etc/passwd", "sha256:" + "A" * 64, "sha256:00", "md5:" + "0" * 32):
            mock = self.mock()
            image = Image([{"a": b"one"}], manifest_changes={
                "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest, "size": 3}]})
            mock.add(image)
            self.assertEqual(self.pull(mock).kind, "invalid")

    def test_type_confusion(self):
        mock, image = self.mock(), Image([{"a": b"one"}], manifest_changes={"manifests": []})
        mock.add(image)
        self.assertEqual(self.pull(mock).kind, "invalid")
        image = Image([{"a": b"one"}])
        mock.add(image)
        mock.manifests["latest"] = (OCI_INDEX, image.manifest)
        self.assertEqual(self.pull(mock).kind, "invalid")

    def test_oversize_manifest(self):
        mock = self.mock()
        mock.manifests["latest"] = (OCI_MANIFEST, b" " * (5 << 20))
        self.assertEqual(self.pull(mock).kind, "limit")

        def endless(handler, _body):
            handler.send_response(200)
            handler.send_header("Content-Type", OCI_MANIFEST)
            handler.send_header("Connection", "close")
            handler.end_headers()
            try:
                while True:
                    handler.wfile.write(b" " * 65536)
            except OSError:
                handler.close_connection = True
            return True
        mock.hooks = [endless]
        self.assertEqual(self.pull(mock).kind, "limit")

    def foreign(self, layer_type):
        mock, other = self.mock(), self.mock()
        image = Image([{"a": b"one"}, {"b": b"two"}], layer_type=layer_type)
        for layer in image.document["layers"]:
            layer["urls"] = [other.url + "/layer"]
        image.manifest = json.dumps(image.document).encode()
        image.digest = sha256(image.manifest)
        mock.add(image)
        return mock, other, image

    def test_cve_2020_15157_urls_of_a_layer_are_never_asked(self):
        """Whatever a manifest names besides the registry gets no request, and so no credentials."""
        for layer_type in ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
                           "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", OCI_LAYER):
            mock, other, image = self.foreign(layer_type)
            del mock.blobs[image.layers[1]["digest"]]
            outcome = self.pull(mock, username="regid", password=SECRET)
            self.assertEqual(outcome.kind, "not_found")
            if layer_type != OCI_LAYER:
                self.assertIn("is a foreign layer (%s): the registry does not have it" % layer_type, outcome.message)
            self.assertEqual(other.requests, [])

    def test_foreign_layer_that_the_registry_has(self):
        mock, other, image = self.foreign("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip")
        self.assert_pulled(self.pull(mock), image)
        self.assertEqual(other.requests, [])

    def test_attestations_are_passed_over(self):
        mock, image = self.mock(), Image([{"a": b"one"}])
        mock.add(image)
        attestation = {"mediaType": OCI_MANIFEST, "digest": "sha256:" + "7" * 64, "size": 99,
                       "platform": {"architecture": "unknown", "os": "unknown"},
                       "annotations": {"vnd.docker.reference.type": "attestation-manifest",
                                       "vnd.docker.reference.digest": image.digest}}
        index = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [
            attestation, {"mediaType": OCI_MANIFEST, "digest": image.digest, "size": len(image.manifest),
                          "platform": {"architecture": "amd64", "os": "linux"}}]}).encode()
        mock.manifests["latest"] = (OCI_INDEX, index)
        self.assert_pulled(self.pull(mock), image)
        self.assertFalse([r for r in mock.requests if "7777" in r[1]])
        outcome = self.pull(mock, platform="linux/arm64")
        self.assertEqual(outcome.kind, "not_found")
        self.assertIn("linux/amd64", outcome.message)
        self.assertNotIn("unknown/unknown", outcome.message)

    def test_annotations_are_kept(self):
        image = Image([{"a": b"one"}], manifest_changes={"annotations": {"org.opencontainers.image.title": "t"}})
        image.document["layers"][0]["annotations"] = {"here": "too"}
        image.manifest = json.dumps(image.document).encode()
        image.digest = sha256(image.manifest)
        mock, second = self.mock(), self.mock()
        mock.add(image)
        self.assert_pulled(self.pull(mock), image)
        outcome = self.push(second, image, layers=[{
            "digest": image.layers[0]["digest"], "diff_id": image.diff_ids[0], "source": mock.host + "/team/app"}])
        self.assertEqual(outcome.last["event"], "done", outcome.message)
        self.assertEqual(second.manifests["v1"], (OCI_MANIFEST, image.manifest))

    def test_unknown_names(self):
        mock = self.mock()
        outcome = self.pull(mock, tag="nope")
        self.assertEqual(outcome.message,
                         "manifest for %s/team/app:nope not found: manifest unknown: manifest unknown" % mock.host)
        mock.hooks = [lambda handler, _: handler.refuse(
            403, "DENIED", "requested access to the \x1b[31mresource is denied") or True]
        outcome = self.pull(mock)
        self.assertEqual(outcome.message, "pull access denied for %s/team/app, repository does not exist or may "
                         "require 'docker login': denied: requested access to the  [31mresource is denied" % mock.host)
        self.assertEqual(outcome.kind, "denied")

    def slow_mock(self):
        """Sends a third of a layer, and then nothing."""
        mock, image = self.mock(), Image([{"big": NOISE}])
        mock.add(image)

        def slow(handler, _body):
            if image.layers[0]["digest"] not in handler.path:
                return False
            handler.send_response(200)
            handler.send_header("Content-Length", str(image.layers[0]["size"]))
            handler.end_headers()
            handler.wfile.write(mock.blobs[image.layers[0]["digest"]][:1000000])
            handler.wfile.flush()
            time.sleep(5)
            return True
        mock.hooks = [slow]
        return mock, image

    def assert_goes_on(self, mock, image):
        """A second pull asks for what is missing and nothing else, and leaves nothing behind."""
        kept = self.assert_only_partial(image)
        mock.hooks = []
        del mock.requests[:]
        self.assert_pulled(self.pull(mock), image)
        self.assertEqual([r[2]["Range"] for r in mock.requests if "Range" in r[2]], ["bytes=%d-" % kept])
        self.assertFalse(os.path.exists(self.partial(image)))
        with open(os.path.join(self.layer_folder(image.diff_ids[0]), "big"), "rb") as unpacked:
            self.assertEqual(unpacked.read(), NOISE)

    def wait_until_begun(self, image):
        for _ in range(400):
            if os.path.exists(self.partial(image)) and os.path.getsize(self.partial(image)) > 0:
                return
            time.sleep(0.05)
        self.fail("no byte of the layer has come")

    def test_killed_engine(self):
        mock, image = self.slow_mock()
        request = dict(operation="pull", root=self.root, domain=mock.host, path="team/app", tag="latest",
                       platform="linux/amd64")
        environment = dict(self.environment, CORACLE_LIBEXEC=os.path.dirname(os.path.abspath(PROGRAM)))
        engine = subprocess.Popen([PROBE], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environment)
        engine.stdin.write(json.dumps(request).encode())
        engine.stdin.close()
        self.wait_until_begun(image)
        with open("/proc/%d/task/%d/children" % (engine.pid, engine.pid)) as children:
            helper = int(children.read().split()[0])
        engine.kill()
        engine.wait()
        for _ in range(40):
            if not os.path.exists("/proc/%d" % helper):
                break
            with open("/proc/%d/stat" % helper) as stat:
                if stat.read().rsplit(")", 1)[1].split()[0] == "Z":
                    break
            time.sleep(0.05)
        else:
            self.fail("coracle-transfer outlives its parent")
        self.assert_goes_on(mock, image)

    def test_interrupted(self):
        mock, image = self.slow_mock()
        process, read_end = self.start(operation="pull", root=self.root, domain=mock.host, path="team/app",
                                       tag="latest", platform="linux/amd64")
        self.wait_until_begun(image)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        with os.fdopen(read_end) as answers:
            outcome = Outcome(answers.read(), process.wait())
        self.assertLess(time.monotonic() - began, 1.5)
        self.assertEqual(outcome.kind, "cancelled")
        self.assert_goes_on(mock, image)

    def wait_for_partial(self, image):
        for _ in range(200):
            if os.path.exists(self.partial(image)) and os.path.getsize(self.partial(image)) > 500000:
                return
            time.sleep(0.02)
        self.fail("nothing of the layer is kept")

    def start_pull(self, mock):
        return self.start(operation="pull", root=self.root, domain=mock.host, path="team/app", tag="latest",
                          platform="linux/amd64")

    def test_killed_pull_goes_on(self):
        mock, image = self.slow_mock()
        process, read_end = self.start_pull(mock)
        self.wait_for_partial(image)
        process.kill()
        process.wait()
        os.close(read_end)
        shutil.rmtree(os.path.join(self.root, "layers", "staging"))  # as recovery does
        self.assert_goes_on(mock, image)

    def test_kept_bytes_are_not_trusted(self):
        mock, image = self.mock(), Image([{"big": NOISE}])
        mock.add(image)
        blob = image.blobs[image.layers[0]["digest"]]
        os.makedirs(os.path.dirname(self.partial(image)))
        for kept in (b"\0" * 1000000, blob[:999999] + b"!", blob + b"more", blob):
            with open(self.partial(image), "wb") as out:
                out.write(kept)
            self.assert_pulled(self.pull(mock), image)
            self.assertFalse(os.path.exists(self.partial(image)))
            shutil.rmtree(os.path.join(self.root, "layers"))
            os.makedirs(os.path.join(self.root, "layers"))
        # The last one was whole: nothing but documents was asked for.
        count = len([r for r in mock.requests if image.layers[0]["digest"] in r[1]])
        self.assertEqual(count, 5)  # two for each damaged one (the rest, then all), one for the too long one

    def test_two_pulls_share_the_work(self):
        mock, image = self.slow_mock()
        asked = threading.Event()
        go_on = threading.Event()

        def hold(handler, _body):
            if image.layers[0]["digest"] in handler.path:
                asked.set()
                go_on.wait(20)
            return False
        mock.hooks = [hold]
        first, first_end = self.start_pull(mock)
        self.assertTrue(asked.wait(20))
        second, second_end = self.start_pull(mock)
        seen = b""
        while b"Waiting" not in seen:
            seen += os.read(second_end, 65536)
        go_on.set()
        for process, read_end, before in ((first, first_end, b""), (second, second_end, seen)):
            with os.fdopen(read_end, "rb") as answers:
                outcome = Outcome((before + answers.read()).decode(), process.wait())
            self.assert_pulled(outcome, image)
        self.assertEqual(outcome.statuses()[-1], "Already exists")
        self.assertEqual(len([r for r in mock.requests if image.layers[0]["digest"] in r[1]]), 1)

    def test_server_errors_pass(self):
        mock, image = self.mock(), Image([{"a": NOISE[:100000]}])
        mock.add(image)
        left = [2]

        def flaky(handler, _body):
            if image.layers[0]["digest"] in handler.path and left[0] > 0:
                left[0] -= 1
                handler.refuse(429 if left[0] else 503, "TOOMANYREQUESTS", "slow down")
                return True
            return False
        mock.hooks = [flaky]
        self.assert_pulled(self.pull(mock), image)


class CredentialTest(TransferTest):
    def basic(self):
        return "Basic " + base64.b64encode(("regid:" + SECRET).encode()).decode()

    def test_token_of_own_origin(self):
        mock, image = self.mock(), Image([{"a": b"one"}, {"b": b"two"}])
        mock.add(image)
        mock.require_token(mock.url + "/token")
        self.assert_pulled(self.pull(mock, username="regid", password=SECRET), image)
        tokens = [r for r in mock.requests if r[1].startswith("/token")]
        self.assertEqual(len(tokens), 1)
        self.assertEqual(tokens[0][2]["Authorization"], self.basic())
        self.assertIn("scope=repository%3ateam%2fapp%3apull", tokens[0][1].lower())
        self.assertIn("account=regid", tokens[0][1])
        self.assertEqual(tokens[0][2]["User-Agent"].split("/")[0], "coracle")

    def test_config_file(self):
        mock, image = self.mock(), Image([{"a": b"one"}])
        mock.add(image)
        mock.require_token(mock.url + "/token")
        with open(os.path.join(self.folder, "config.json"), "w") as out:
            json.dump({"auths": {mock.host: {"auth": self.basic()[6:]}}}, out)
        self.assert_pulled(self.pull(mock), image)
        self.assertIn(self.basic(), mock.authorizations())

    def test_cve_2026_33540_realm_on_another_host(self):
        mock, evil, image = self.mock(), self.mock(), Image([{"a": b"one"}])
        mock.add(image)
        mock.require_token(evil.url + "/token")
        self.assert_pulled(self.pull(mock, username="regid", password=SECRET), image)
        self.assertEqual(evil.authorizations(), [])
        self.assertNotIn("account", evil.requests[0][1])
        outcome = self.run_request(operation="login", domain=mock.host, username="regid", password=SECRET)
        self.assertEqual(outcome.code, 1)
        self.assertIn(evil.host, outcome.message)
        self.assertEqual(evil.authorizations(), [])

    def test_realm_by_plain_http(self):
        mock = self.mock()
        mock.require_token("http://auth.example.test/token")
        outcome = self.pull(mock, username="regid", password=SECRET)
        self.assertIn("https", outcome.message)
        self.assertEqual(outcome.code, 1)

    def test_redirect_drops_authorization(self):
        mock, cdn, image = self.mock(), self.mock(), Image([{"a": b"one"}])
        mock.add(image)
        cdn.blobs = mock.blobs
        mock.require_token(mock.url + "/token")

        def redirect(handler, _body):
            if "/blobs/" in handler.path and handler.headers.get("Authorization"):
                handler.answer(307, b"", {"Location": cdn.url + handler.path})
                return True
            return False
        mock.hooks.append(redirect)
        self.assert_pulled(self.pull(mock, username="regid", password=SECRET), image)
        self.assertEqual(len(cdn.requests), 2)
        self.assertEqual(cdn.authorizations(), [])
        # A 401 of the other host is not answered with the password either.
        shutil.rmtree(os.path.join(self.root, "layers"))
        cdn.require_token(cdn.url + "/token")
        outcome = self.pull(mock, username="regid", password=SECRET)
        self.assertEqual(outcome.kind, "unauthorized")
        self.assertEqual(cdn.authorizations(), [])
        self.assertEqual([r for r in cdn.requests if r[1].startswith("/token")], [])

    def test_redirect_to_plain_http_elsewhere(self):
        mock = self.mock()
        for location in ("http://169.254.169.254/latest/meta-data", "file:///etc/passwd", "ftp://127.0.0.1/"):
            mock.hooks = [lambda handler, _: handler.answer(302, b"", {"Location": location}) or True]
            self.assertIn(self.pull(mock).kind, ("denied", "invalid"))
        mock.hooks = [lambda handler, _: handler.answer(302, b"", {"Location": handler.path}) or True]
        self.assertEqual(self.pull(mock).kind, "limit")

    def test_expired_token(self):
        mock, image = self.mock(), Image([{"a": b"one"}])
        mock.add(image)
        seen = []

        def expire(handler, _body):
            if handler.path.startswith("/token"):
                seen.append(handler.path)
                handler.answer(200, json.dumps({"access_token": "t%d" % len(seen)}).encode())
                return True
            wanted = "Bearer t2" if "/blobs/" in handler.path else "Bearer t1"
            if handler.headers.get("Authorization") == wanted:
                return False
            handler.refuse(401, "UNAUTHORIZED", "x", {"WWW-Authenticate": 'Bearer realm="%s/token"' % mock.url})
            return True
        mock.hooks = [expire]
        self.assert_pulled(self.pull(mock, username="regid", password=SECRET), image)
        self.assertEqual(len(seen), 2)

    def short_tokens(self, mock, uses):
        """Tokens that end after so many requests; returns those that were given out."""
        tokens = []

        def hook(handler, _body):
            with mock.lock:
                if handler.path.startswith("/token"):
                    tokens.append(uses)
                    name = "t%d" % len(tokens)
                else:
                    used = handler.headers.get("Authorization", "")[len("Bearer t"):]
                    if used == str(len(tokens)) and tokens[-1] > 0:
                        tokens[-1] -= 1
                        return False
                    name = None
            if name:
                handler.answer(200, json.dumps({"token": name, "expires_in": 2}).encode())
            else:
                handler.refuse(401, "UNAUTHORIZED", "authentication required", {
                    "WWW-Authenticate": 'Bearer realm="%s/token",service="mock",scope="x",error="invalid_token"'
                                        % mock.url})
            return True
        mock.hooks.insert(0, hook)
        return tokens

    def test_tokens_that_end_between_ranges(self):
        mock, image = self.mock(), Image([{"big": NOISE}])
        mock.add(image)
        mock.cut_blobs(700000, 3)
        tokens = self.short_tokens(mock, 1)
        self.assert_pulled(self.pull(mock, username="regid", password=SECRET), image)
        ranges = [r[2]["Range"] for r in mock.requests if "Range" in r[2] and r[2].get("Authorization")]
        self.assertEqual(set(ranges), {"bytes=%d-" % (700000 * n) for n in (1, 2, 3)})
        self.assertGreaterEqual(len(tokens), 5)

    def test_tokens_that_end_during_a_push(self):
        mock, image = self.mock(), Image([{"a": NOISE}])
        self.store(image)
        mock.upload_cuts = [(1 << 20, 1 << 20), (1 << 20, 1 << 20)]
        tokens = self.short_tokens(mock, 1)
        outcome = self.push(mock, image, username="regid", password=SECRET)
        self.assertEqual(outcome.last["event"], "done", outcome.message)
        self.assertEqual(mock.blobs, image.blobs)
        self.assertGreaterEqual(len(tokens), 10)

    def test_cve_2021_41092_broken_helper(self):
        """A helper that fails ends it: nobody is asked, with other credentials or without."""
        mock, image = self.mock(), Image([{"a": b"one"}])
        mock.add(image)
        helper = os.path.join(self.folder, "docker-credential-broken")
        with open(helper, "w") as out:
            out.write("#!/bin/sh\necho 'the keychain is locked'\nexit 1\n")
        os.chmod(helper, 0o755)
        self.environment["PATH"] = self.folder + ":" + self.environment["PATH"]
        for settings in ({"credHelpers": {mock.host: "broken"}}, {"credsStore": "broken"}, {"credsStore": "missing"}):
            with open(os.path.join(self.folder, "config.json"), "w") as out:
                json.dump(dict(settings, auths={mock.host: {"auth": self.basic()[6:]},
                                                "https://index.docker.io/v1/": {"auth": self.basic()[6:]}}), out)
            outcome = self.pull(mock)
            self.assertIn(outcome.kind, ("unauthorized", "not_found"), outcome.message)
            self.assertIn("docker-credential-%s" % list(settings.values())[0] if "credsStore" in settings
                          else "the keychain is locked", outcome.message)
        self.assertEqual(mock.requests, [])

    def test_identity_token(self):
        mock, image = self.mock(), Image([{"a": b"one"}])
        mock.add(image)
        mock.require_token(mock.url + "/token")
        forms = []

        def take_form(handler, body):
            if handler.path == "/token" and handler.command == "POST":
                forms.append(body.decode())
            return False
        mock.hooks.insert(0, take_form)
        with open(os.path.join(self.folder, "config.json"), "w") as out:
            json.dump({"auths": {mock.host: {"auth": self.basic()[6:], "identitytoken": "a+b/c"}}}, out)
        self.assert_pulled(self.pull(mock), image)
        self.assertEqual(len(forms), 1)
        self.assertIn("refresh_token=a%2Bb%2Fc", forms[0])
        self.assertIn("scope=repository%3Ateam%2Fapp%3Apull", forms[0])
        self.assertNotIn(self.basic(), mock.authorizations())

    def test_token_with_line_break(self):
        mock = self.mock()
        mock.require_token(mock.url + "/token")
        mock.hooks.insert(0, lambda handler, _: handler.path.startswith("/token") and (
            handler.answer(200, json.dumps({"token": "a\r\nX-Evil: 1"}).encode()) or True))
        self.assertEqual(self.pull(mock).kind, "invalid")

    def test_login(self):
        mock = self.mock()
        request = dict(operation="login", domain=mock.host, username="regid", password=SECRET)
        self.assertEqual(self.run_request(**request).last, {"event": "done"})
        mock.require_token(mock.url + "/token")
        self.assertEqual(self.run_request(**request).last, {"event": "done"})
        mock.hooks.insert(0, lambda handler, _: handler.path.startswith("/token") and (
            handler.refuse(401, "UNAUTHORIZED", "incorrect username or password") or True))
        outcome = self.run_request(**request)
        self.assertEqual(outcome.kind, "unauthorized")
        self.assertEqual(outcome.message,
                         'Get "%s/v2/": unauthorized: incorrect username or password' % mock.url)
        self.assertNotIn(SECRET, json.dumps(outcome.events))

    def test_cve_2014_5277_never_plain_http_instead_of_tls(self):
        listener = socket.create_server(("127.0.0.1", 0))
        self.closing.append(listener)
        listener.settimeout(0.1)
        port = listener.getsockname()[1]
        os.makedirs(os.path.join(self.folder, "certs.d", "127.0.0.1:%d" % port))
        process, read_end = self.start(operation="login", domain="127.0.0.1:%d" % port, username="u", password=SECRET)
        received = []
        while process.poll() is None:
            try:
                connection, _ = listener.accept()
                received.append(connection.recv(65536))
                connection.close()
            except TimeoutError:
                pass
        os.close(read_end)
        self.assertEqual(process.returncode, 1)
        self.assertTrue(received and all(data[:1] == b"\x16" for data in received), received)


def make_certificate(folder, subject="IP:127.0.0.1"):
    key, certificate = (os.path.join(folder, name) for name in ("key.pem", "certificate.pem"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", "2", "-subj", "/CN=test", "-addext", "subjectAltName=" + subject, "-keyout", key, "-out",
                    certificate], check=True, stderr=subprocess.DEVNULL)
    return key, certificate


class TlsTest(TransferTest):
    def tls_mock(self):
        mock = self.mock()
        self.key, self.certificate = make_certificate(self.folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        mock.server.socket = context.wrap_socket(mock.server.socket, server_side=True)
        mock.url = "https://" + mock.host
        return mock

    def test_realm_that_is_trusted(self):
        mock, image = self.tls_mock(), Image([{"a": b"one"}])
        folder = os.path.join(self.folder, "certs.d", mock.host)
        os.makedirs(folder)
        shutil.copy(self.certificate, os.path.join(folder, "ca.crt"))
        realm = self.tls_mock()
        other = os.path.join(self.folder, "certs.d", realm.host)
        os.makedirs(other)
        shutil.copy(self.certificate, os.path.join(other, "ca.crt"))
        mock.add(image)
        mock.require_token(realm.url + "/token")
        self.assert_pulled(self.pull(mock, username="regid", password=SECRET), image)
        self.assertEqual(realm.authorizations(), [])
        with open(os.path.join(folder, "realm"), "w") as out:
            out.write("auth.example.test\n%s\n" % realm.host)
        self.assert_pulled(self.pull(mock, username="regid", password=SECRET), image)
        self.assertEqual(len(realm.authorizations()), 1)

    def test_certificates(self):
        mock, image = self.tls_mock(), Image([{"a": b"one"}])
        mock.add(image)
        certificate = self.certificate
        folder = os.path.join(self.folder, "certs.d", mock.host)
        os.makedirs(folder)
        outcome = self.pull(mock)
        self.assertEqual(outcome.kind, "invalid")
        self.assertIn("is not trusted", outcome.message)
        self.assertIn(folder + "/ca.crt", outcome.message)
        shutil.copy(certificate, os.path.join(folder, "ca.crt"))
        self.assert_pulled(self.pull(mock), image)


    def test_insecure_registry(self):
        mock, image = self.tls_mock(), Image([{"a": b"one"}])
        mock.add(image)
        os.makedirs(os.path.join(self.folder, "certs.d", mock.host))  # so that it is asked by https
        self.assertIn("is not trusted", self.pull(mock).message)
        self.assert_pulled(self.pull(mock, insecure=True), image)
        self.assertEqual(self.run_request(operation="login", domain=mock.host, username="u", password="p",
                                          insecure=True).last, {"event": "done"})
        self.store(image)
        self.assertEqual(self.push(mock, image, tag="unverified", insecure=True).last.get("event"), "done")
        self.assertIn("is not trusted", self.pull(mock).message)
        self.settings('[[registry]]\nlocation = "%s"\ninsecure = true\n' % mock.host)
        self.assert_pulled(self.pull(mock), image)
        self.assertEqual(self.push(mock, image).last.get("event"), "done")


    def test_client_certificate(self):
        mock, image = self.mock(), Image([{"a": b"one"}])
        key, certificate = make_certificate(self.folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        context.load_verify_locations(certificate)
        context.verify_mode = ssl.CERT_REQUIRED
        mock.server.socket = context.wrap_socket(mock.server.socket, server_side=True)
        mock.server.handle_error = lambda *_: None
        mock.add(image)
        folder = os.path.join(self.folder, "certs.d", mock.host)
        os.makedirs(folder)
        shutil.copy(certificate, os.path.join(folder, "ca.crt"))
        self.assertEqual(self.pull(mock).code, 1)
        shutil.copy(certificate, os.path.join(folder, "client.cert"))
        self.assertIn("client.cert has no client.key beside it", self.pull(mock).message)
        shutil.copy(key, os.path.join(folder, "client.key"))
        self.assert_pulled(self.pull(mock), image)


class Proxy:
    """An HTTP proxy that knows one name. CONNECT and plain requests both go to `port` of this machine."""

    def __init__(self, port):
        self.port, self.seen = port, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.host = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def close(self):
        self.listener.close()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.pass_on, args=(client,), daemon=True).start()

    def pass_on(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            data = client.recv(65536)
            if not data:
                return
            head += data
        self.seen.append(head.split(b"\r\n\r\n")[0].decode())
        server = socket.create_connection(("127.0.0.1", self.port))
        if head.startswith(b"CONNECT "):
            client.sendall(b"HTTP/1.1 200 established\r\n\r\n")
        else:  # absolute form, one request a connection
            line, rest = head.split(b"\r\n", 1)
            method, url, version = line.split(b" ")
            path = b"/" + url.split(b"/", 3)[3]
            server.sendall(b" ".join((method, path, version)) + b"\r\nConnection: close\r\n" + rest)
        back = threading.Thread(target=self.copy, args=(server, client), daemon=True)
        back.start()
        self.copy(client, server)

    @staticmethod
    def copy(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass


class ProxyTest(TransferTest):
    def setUp(self):
        super().setUp()
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "ALL_PROXY"):
            self.environment.pop(name, None)
        self.registry, self.image = self.mock(), Image([{"a": b"one"}, {"b": NOISE}])
        self.registry.add(self.image)
        port = int(self.registry.host.split(":")[1])
        self.name = "registry.test:%d" % port
        self.proxy = Proxy(port)
        self.closing.append(self.proxy)

    def speak_tls(self):
        key, certificate = make_certificate(self.folder, "DNS:registry.test")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.registry.server.socket = context.wrap_socket(self.registry.server.socket, server_side=True)
        folder = os.path.join(self.folder, "certs.d", self.name)
        os.makedirs(folder)
        shutil.copy(certificate, os.path.join(folder, "ca.crt"))
        self.registry.require_token("https://%s/token" % self.name)

    def request(self):
        return self.pull(self.registry, domain=self.name, username="regid", password=SECRET)

    def test_https(self):
        self.speak_tls()
        self.environment["HTTPS_PROXY"] = "http://someone:pass%20word@" + self.proxy.host
        self.assert_pulled(self.request(), self.image)
        self.assertTrue(self.proxy.seen)
        for head in self.proxy.seen:
            self.assertTrue(head.startswith("CONNECT %s HTTP/1.1\r\n" % self.name), head)
            self.assertIn("Proxy-Authorization: Basic " + base64.b64encode(b"someone:pass word").decode(), head)
            self.assertNotIn("\r\nAuthorization:", head)
        self.assertNotIn("Proxy-Authorization", str([r[2] for r in self.registry.requests]))

    def test_no_proxy(self):
        self.speak_tls()
        self.environment["HTTPS_PROXY"] = "http://" + self.proxy.host
        for exempt in ("registry.test", "other.test, .test", "*"):
            self.environment["NO_PROXY"] = exempt
            self.assertIn("the host %s is not known" % self.name, self.request().message)
        # Nor for this machine's own addresses.
        self.environment["NO_PROXY"] = ""
        self.environment["HTTP_PROXY"] = self.environment["http_proxy"] = "http://" + self.proxy.host
        plain = self.mock()
        plain.add(self.image)
        self.assert_pulled(self.pull(plain), self.image)
        self.assertEqual(self.proxy.seen, [])

    def test_plain(self):
        """An insecure registry by plain http: asked by https first, through HTTPS_PROXY, then through http_proxy."""
        self.settings('[[registry]]\nlocation = "%s"\ninsecure = true\n' % self.name)
        self.environment["HTTPS_PROXY"] = self.environment["http_proxy"] = "http://" + self.proxy.host
        self.assert_pulled(self.request(), self.image)
        self.assertTrue(any(head.startswith("GET http://%s/v2/" % self.name) for head in self.proxy.seen))

    def test_proxy_that_is_away_or_refuses(self):
        self.speak_tls()
        self.environment["HTTPS_PROXY"] = "http://nosuch.test:1"
        self.assertIn("the proxy is not known", self.request().message)
        self.environment["HTTPS_PROXY"] = "http://" + self.mock().host  # which knows no CONNECT
        outcome = self.request()
        self.assertEqual(outcome.kind, "network")
        self.assertIn("CONNECT", outcome.message)
        self.assertEqual(self.registry.requests, [])


class RetryTest(TransferTest):
    def failing(self, part, times, status=503, headers=None):
        """Refuses requests whose path holds `part`, so many times; returns when they came."""
        mock, image = self.mock(), Image([{"a": b"one"}])
        mock.add(image)
        came = []

        def hook(handler, _body):
            if part not in handler.path:
                return False
            came.append(time.monotonic())
            if len(came) > times:
                return False
            if status:
                handler.refuse(status, "TOOMANYREQUESTS" if status == 429 else "UNAVAILABLE", "come later", headers)
            else:
                handler.connection.shutdown(socket.SHUT_RDWR)
                handler.close_connection = True
            return True
        mock.hooks.append(hook)
        return mock, image, came

    def test_manifest(self):
        for status in (503, 429, 0):
            mock, image, came = self.failing("/manifests/", 1, status)
            self.assert_pulled(self.pull(mock), image)
            self.assertEqual(len(came), 2)
            self.assertGreaterEqual(came[1] - came[0], 0.4)

    def test_token(self):
        mock, image, came = self.failing("/token", 1)
        mock.require_token(mock.url + "/token")
        self.assert_pulled(self.pull(mock), image)
        self.assertEqual(len(came), 2)

    def test_gives_up_once(self):
        mock, _, came = self.failing("/token", 1000, headers={"Retry-After": "1"})
        mock.require_token(mock.url + "/token")
        outcome = self.pull(mock)
        self.assertEqual(outcome.kind, "network")
        self.assertIn("given up after 4 attempts", outcome.message)
        self.assertEqual(len(came), 4)

    def test_each_request_of_a_push(self):
        """HEAD and PUT of the manifest; HEAD, POST, PATCH and PUT of blobs: each is refused once."""
        mock, image = self.mock(), Image([{"a": b"one"}, {"b": NOISE}, {"c": b"three"}])
        self.store(image)
        first, second = image.layers[0]["digest"], image.layers[2]["digest"].replace(":", "%3a")
        parts = [("HEAD", "/manifests/"), ("PUT", "/manifests/"), ("HEAD", first), ("POST", "/uploads/"),
                 ("PUT", second), ("PATCH", "/uploads/")]
        refused = []

        def hook(handler, _body):
            for method, part in parts:
                if handler.command == method and part.lower() in handler.path.lower():
                    with mock.lock:
                        if (method, part) in refused:
                            return False
                        refused.append((method, part))
                    handler.refuse(429 if method == "PUT" else 503, "UNAVAILABLE", "come later")
                    return True
            return False
        mock.hooks = [hook]
        mock.upload_cuts = [(1 << 20, 1 << 20)]  # so that there is a PATCH
        outcome = self.push(mock, image)
        self.assertEqual(outcome.last["event"], "done", outcome.message)
        self.assertEqual(sorted(refused), sorted(parts))
        self.assertEqual(mock.blobs, image.blobs)

    def test_login(self):
        mock, _, came = self.failing("/v2/", 1)
        self.assertEqual(self.run_request(operation="login", domain=mock.host, username="regid",
                                          password=SECRET).last, {"event": "done"})
        self.assertEqual(len(came), 2)

    def test_push_to_nobody_is_not_repeated(self):
        mock, image = self.mock(), Image([{"a": b"one"}])
        self.store(image)
        mock.close()
        began = time.monotonic()
        outcome = self.push(mock, image)
        self.assertIn("Is the registry running there?", outcome.message)
        self.assertLess(time.monotonic() - began, 0.5)
        self.closing.remove(mock)

    def test_attempts_are_not_multiplied(self):
        """A token service that fails in the middle of a push: its attempts are the push's attempts."""
        mock, image = self.mock(), Image([{"a": b"one"}])
        self.store(image)
        tokens = []

        def hook(handler, _body):
            if handler.path.startswith("/token"):
                tokens.append(handler.path)
                if len(tokens) > 1:
                    handler.refuse(503, "UNAVAILABLE", "come later")
                else:
                    handler.answer(200, json.dumps({"token": "t1"}).encode())
                return True
            if handler.headers.get("Authorization") == "Bearer t1" and handler.command == "HEAD":
                return False
            handler.refuse(401, "UNAUTHORIZED", "x", {"WWW-Authenticate": 'Bearer realm="%s/token"' % mock.url})
            return True
        mock.hooks = [hook]
        outcome = self.push(mock, image)
        self.assertEqual(outcome.kind, "network")
        self.assertEqual(len(tokens), 1 + 4)
        self.assertEqual(outcome.message.count("given up"), 1, outcome.message)

    def test_retry_after(self):
        mock, image, came = self.failing("/manifests/", 1, 429, {"Retry-After": "2"})
        self.assert_pulled(self.pull(mock), image)
        self.assertGreaterEqual(came[1] - came[0], 1.9)

    def test_retry_after_that_is_too_long(self):
        mock, _, came = self.failing("/manifests/", 1000, 429, {"Retry-After": "3600"})
        outcome = self.pull(mock)
        self.assertIn("toomanyrequests: come later (the registry limits how much it is asked; try again in 3600 seconds",
                      outcome.message)
        self.assertEqual(len(came), 1)


MIRRORED = """
[[registry]]
prefix = "%s/team"
location = "%s/team"
[[registry.mirror]]
location = "%s/copies"
"""


class RegistriesConfTest(TransferTest):
    def mirrored(self):
        own, mirror = self.mock(), self.mock()
        self.settings(MIRRORED % (own.host, own.host, mirror.host))
        return own, mirror, Image([{"a": b"one"}, {"b": NOISE}])

    def test_mirror_is_enough(self):
        own, mirror, image = self.mirrored()
        mirror.add(image)
        self.assert_pulled(self.pull(own), image)
        self.assertEqual(own.requests, [])
        self.assertTrue(all(path.startswith("/v2/copies/app/") for _, path, _, _ in mirror.requests))
        outcome = self.run_request(operation="digest", domain=own.host, path="team/app", tag="latest")
        self.assertEqual(outcome.last["repository_digest"], image.digest)
        self.assertEqual(own.requests, [])

    def test_mirror_without_it(self):
        own, mirror, image = self.mirrored()
        own.add(image)
        self.assert_pulled(self.pull(own), image)
        self.assertEqual(len(mirror.requests), 1)

    def test_mirror_that_is_away(self):
        own, mirror, image = self.mirrored()
        own.add(image)
        mirror.close()
        self.closing.remove(mirror)
        self.assert_pulled(self.pull(own), image)

    def test_mirror_that_lacks_a_layer(self):
        own, mirror, image = self.mirrored()
        own.add(image)
        mirror.add(image)
        del mirror.blobs[image.layers[1]["digest"]]
        self.assert_pulled(self.pull(own), image)
        self.assertIn("/v2/copies/app/blobs/" + image.layers[1]["digest"], [r[1] for r in mirror.requests])

    def test_mirror_that_lies(self):
        own, mirror, image = self.mirrored()
        evil = Image([{"a": b"evil"}])
        own.add(image)
        mirror.add(evil)
        mirror.manifests[image.digest] = (OCI_MANIFEST, evil.manifest)
        self.assert_pulled(self.pull(own, digest=image.digest), image)
        self.assertFalse(os.path.exists(self.layer_folder(evil.diff_ids[0])))

    def test_both_fail(self):
        own, mirror, _ = self.mirrored()
        outcome = self.pull(own)
        self.assertEqual(outcome.kind, "not_found")
        self.assertIn("(mirrors were asked before: %s/copies/app: manifest for " % mirror.host, outcome.message)

    def test_mirror_gets_no_credentials_of_the_registry(self):
        own, mirror, image = self.mirrored()
        own.add(image)
        mirror.add(image)

        def ask_for_password(handler, _body):
            if handler.headers.get("Authorization"):
                return False
            handler.refuse(401, "UNAUTHORIZED", "authentication required", {"WWW-Authenticate": 'Basic realm="x"'})
            return True
        own.hooks.append(ask_for_password)
        mirror.hooks.append(ask_for_password)
        self.assert_pulled(self.pull(own, username="regid", password=SECRET), image)
        self.assertEqual(mirror.authorizations(), [])
        auths = {own.host: "own:1", mirror.host: "mirror:2"}
        with open(os.path.join(self.folder, "config.json"), "w") as out:
            json.dump({"auths": {host: {"auth": base64.b64encode(pair.encode()).decode()}
                                 for host, pair in auths.items()}}, out)
        del own.requests[:]
        self.assert_pulled(self.pull(own), image)
        self.assertEqual(set(mirror.authorizations()), {"Basic " + base64.b64encode(b"mirror:2").decode()})
        self.assertEqual(own.requests, [])

    def test_blocked(self):
        mock, image = self.mock(), Image([{"a": b"one"}])
        mock.add(image)
        self.store(image)
        self.settings('[[registry]]\nlocation = "%s"\nblocked = true\n' % mock.host)
        login = self.run_request(operation="login", domain=mock.host, username="regid", password=SECRET)
        for outcome in (self.pull(mock), self.push(mock, image), login):
            self.assertEqual(outcome.kind, "denied")
            self.assertEqual(outcome.message, "registry %s is blocked in %s/registries.conf" % (mock.host, self.folder))
        self.assertEqual(mock.requests, [])

    def test_insecure_means_plain_http_too(self):
        """The mock is the proxy of a host that is not this machine and speaks no TLS."""
        mock, image = self.mock(), Image([{"a": b"one"}])
        mock.add(image)
        self.environment["http_proxy"] = mock.url
        for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
            self.environment.pop(name, None)
        self.assertEqual(self.pull(mock, domain="registry.invalid").kind, "network")
        self.assertEqual(mock.requests, [])
        self.settings('[[registry]]\nlocation = "registry.invalid"\ninsecure = true\n')
        self.assert_pulled(self.pull(mock, domain="registry.invalid"), image)

    def test_file_that_is_wrong(self):
        mock, image = self.mock(), Image([{"a": b"one"}])
        mock.add(image)
        self.settings("[[registry]]\nlocation = 3\n")
        self.assertIn("registries.conf: line 2: location wants a string", self.pull(mock).message)
        os.remove(self.environment["CONTAINERS_REGISTRIES_CONF"])
        self.assertEqual(self.pull(mock).kind, "not_found")
        self.assertEqual(mock.requests, [])


class PushTest(TransferTest):
    def test_round_trip(self):
        mock, image = self.mock(), Image([{"a": b"one"}, {"b": NOISE}, {"c": b"3"}, {"d": b"4"}])
        self.store(image)
        outcome = self.push(mock, image)
        self.assertEqual(outcome.last, {"event": "done", "manifest": image.digest, "repository_digest": image.digest,
                                        "size": len(image.manifest)}, outcome.message)
        self.assertEqual(mock.manifests["v1"], (OCI_MANIFEST, image.manifest))
        self.assertEqual(mock.blobs, image.blobs)
        statuses = outcome.statuses(image.diff_ids[1][7:19])
        self.assertEqual((statuses[0], statuses[-1]), ("Preparing", "Pushed"))
        again = self.push(mock, image, tag="v2")
        self.assertEqual({s for s in again.statuses() if s not in ("Preparing", "Waiting")}, {"Layer already exists"})

    def test_unchanged_is_one_request(self):
        mock, image = self.mock(), Image([{"a": b"one"}, {"b": b"two"}])
        self.store(image)
        self.push(mock, image)
        del mock.requests[:]
        again = self.push(mock, image)
        self.assertEqual(again.last["event"], "done", again.message)
        self.assertEqual([r[0] for r in mock.requests], ["HEAD"])
        self.assertEqual(again.statuses()[-1], "Layer already exists")
        # The tag means something else there: it is put right.
        mock.manifests["v1"] = (OCI_MANIFEST, image.manifest + b" ")
        self.push(mock, image)
        self.assertEqual(mock.manifests["v1"], (OCI_MANIFEST, image.manifest))

    def test_token_scopes_and_mount(self):
        mock, image = self.mock(), Image([{"a": b"one"}])
        self.store(image, with_layers=False)
        mock.require_token(mock.url + "/token")

        def mount(handler, _body):
            if handler.command == "POST" and "mount=" in handler.path:
                digest = image.layers[0]["digest"]
                mock.blobs[digest] = image.blobs[digest]
                handler.answer(201)
                return True
            return False
        mock.hooks.append(mount)
        layers = [{"digest": image.layers[0]["digest"], "diff_id": image.diff_ids[0],
                   "source": mock.host + "/team/base"}]
        outcome = self.push(mock, image, layers=layers, username="regid", password=SECRET)
        self.assertEqual(outcome.last["event"], "done", outcome.message)
        self.assertEqual(outcome.statuses()[-1], "Mounted from team/base")
        scopes = [r[1].lower() for r in mock.requests if r[1].startswith("/token")]
        self.assertTrue(any("team%2fapp%3apull%2cpush" in s and "team%2fbase%3apull" in s for s in scopes), scopes)

    def test_copy_from_another_registry(self):
        mock, origin, image = self.mock(), self.mock(), Image([{"a": NOISE}, {"b": b"two"}])
        origin.add(image)
        self.store(image, with_layers=False)
        layers = [{"digest": d["digest"], "diff_id": i, "source": origin.host + "/team/base"}
                  for d, i in zip(image.layers, image.diff_ids)]
        outcome = self.push(mock, image, layers=layers)
        self.assertEqual(outcome.last["event"], "done", outcome.message)
        self.assertEqual(mock.blobs, image.blobs)

    def test_blob_is_nowhere(self):
        mock, image = self.mock(), Image([{"a": b"one"}])
        self.store(image, with_layers=False)
        outcome = self.push(mock, image)
        self.assertEqual(outcome.kind, "not_found")
        self.assertIn("pull the image again", outcome.message)
        self.assertNotIn("v1", mock.manifests)

    def test_denied(self):
        mock, image = self.mock(), Image([{"a": b"one"}])
        self.store(image)
        mock.hooks = [lambda handler, _: handler.command == "POST" and (
            handler.refuse(403, "DENIED", "requested access to the resource is denied") or True)]
        outcome = self.push(mock, image)
        self.assertEqual((outcome.kind, outcome.message),
                         ("denied", "denied: requested access to the resource is denied"))

    def test_damaged_blob(self):
        mock, image = self.mock(), Image([{"a": b"one"}])
        self.store(image)
        name = os.path.join(self.root, "blobs", "sha256", image.layers[0]["digest"][7:])
        with open(name, "r+b") as blob:
            blob.seek(20)
            blob.write(b"\xff\xff")
        outcome = self.push(mock, image)
        self.assertEqual(outcome.code, 1)
        self.assertIn("digest", outcome.message)
        self.assertNotIn("v1", mock.manifests)

    def test_upload_elsewhere_gets_no_credentials(self):
        mock, storage, image = self.mock(), self.mock(), Image([{"a": b"one"}])
        self.store(image)
        mock.require_token(mock.url + "/token")
        mock.hooks.append(lambda handler, _: handler.command == "POST" and (
            handler.answer(202, b"", {"Location": storage.url + "/v2/x/blobs/uploads/7?_state=a%2Bb"}) or True))
        outcome = self.push(mock, image, username="regid", password=SECRET)
        self.assertEqual(outcome.last["event"], "done", outcome.message)
        self.assertEqual(storage.authorizations(), [])
        self.assertEqual(storage.blobs, image.blobs)

    def test_flaky_upload(self):
        mock, image = self.mock(), Image([{"a": NOISE}])
        self.store(image)
        left = [1]

        def flaky(handler, _body):
            if handler.command == "PUT" and "/uploads/" in handler.path and left[0]:
                left[0] -= 1
                handler.answer(502, b"<html>bad gateway</html>")
                return True
            return False
        mock.hooks = [flaky]
        self.assertEqual(self.push(mock, image).last["event"], "done")
        self.assertEqual(mock.blobs, image.blobs)


class ResumedPushTest(TransferTest):
    """Uploads whose connection breaks. The layer has three MiB of noise."""
    MIB = 1 << 20

    def setUp(self):
        super().setUp()
        self.registry, self.image = self.mock(), Image([{"a": NOISE}])
        self.store(self.image)
        self.size = self.image.layers[0]["size"]

    def uploads(self):
        """What was sent of large bodies, and what was asked of sessions: (method, bytes)."""
        return [(method, size) for method, path, _, size in self.registry.requests
                if "/blobs/uploads/u" in path and (size > 10000 or method == "GET")]

    def assert_push(self):
        outcome = self.push(self.registry, self.image)
        self.assertEqual(outcome.last["event"], "done", outcome.message)
        self.assertEqual(self.registry.blobs, self.image.blobs)
        return outcome

    def test_goes_on_where_it_broke(self):
        self.registry.upload_cuts = [(self.MIB, self.MIB - 5)]
        outcome = self.assert_push()
        self.assertEqual(self.uploads(), [("PUT", self.MIB), ("GET", 0), ("PATCH", self.size - self.MIB + 5)])
        self.assertEqual(outcome.statuses()[-1], "Pushed")
        told = [e["current"] for e in outcome.events if e.get("status") == "Pushing"]
        self.assertLessEqual(max(told), self.size)

    def test_breaks_again_and_again(self):
        self.registry.upload_cuts = [(600000, 600000)] * 5
        self.assert_push()
        self.assertEqual([method for method, _ in self.uploads()].count("PATCH"), 5)
        self.assertEqual(sum(size for _, size in self.uploads()), self.size)

    def test_all_had_come(self):
        self.registry.upload_cuts = [(self.size - 1, self.size - 1)]
        self.registry.hooks = [lambda handler, _: handler.command == "GET" and "/uploads/" in handler.path and (
            self.registry.sessions.update(u1=self.image.blobs[self.image.layers[0]["digest"]]))]
        self.assert_push()
        self.assertNotIn("PATCH", [r[0] for r in self.registry.requests])

    def test_registry_that_refuses_patch(self):
        for status in (403, 404, 405, 416, 501):
            self.registry.blobs.clear()
            self.registry.manifests.clear()
            del self.registry.requests[:]
            self.registry.upload_cuts = [(self.MIB, self.MIB)]
            self.registry.hooks = [lambda handler, _: handler.command == "PATCH" and (
                handler.refuse(status, "UNSUPPORTED", "the operation is unsupported") or True)]
            self.assert_push()
            self.assertEqual(self.uploads()[-1], ("PUT", self.size))

    def test_registry_that_loses_the_session(self):
        self.registry.upload_cuts = [(self.MIB, 0)]
        self.assert_push()
        self.assertEqual(self.uploads(), [("PUT", self.MIB), ("GET", 0), ("PUT", self.size)])

    def test_registry_that_is_wrong_about_what_came(self):
        for said in ("0-99999999", "5-100", "0-1x", "bytes=0-%d" % self.MIB, None):
            self.registry.blobs.clear()
            self.registry.manifests.clear()
            self.registry.upload_cuts = [(self.MIB, self.MIB)]
            self.registry.hooks = [lambda handler, _: handler.command == "GET" and "/uploads/" in handler.path and (
                handler.answer(204, b"", {"Range": said} if said else {}) or True)]
            self.assert_push()

    def test_still_busy_with_the_broken_connection(self):
        self.registry.upload_cuts = [(self.MIB, self.MIB)]
        left = [1]

        def busy(handler, _body):
            if handler.command == "GET" and "/uploads/" in handler.path and left[0]:
                left[0] -= 1
                handler.refuse(409, "BLOB_UPLOAD_INVALID", "another request is using it")
                return True
            return False
        self.registry.hooks = [busy]
        self.assert_push()
        self.assertEqual(self.uploads()[-1], ("PATCH", self.size - self.MIB))

    def test_token_that_ends_in_the_middle(self):
        token = ["t1"]

        def guard(handler, _body):
            if handler.path.startswith("/token"):
                handler.answer(200, json.dumps({"token": token[0], "expires_in": 300}).encode())
                return True
            if handler.command == "PATCH" and token[0] == "t1":
                token[0] = "t2"
            if handler.headers.get("Authorization") == "Bearer " + token[0]:
                return False
            handler.refuse(401, "UNAUTHORIZED", "authentication required", {
                "WWW-Authenticate": 'Bearer realm="%s/token",service="mock"' % self.registry.url})
            return True
        self.registry.hooks = [guard]
        self.registry.upload_cuts = [(self.MIB, self.MIB)]
        self.assert_push()
        self.assertEqual(self.uploads()[-2:], [("PATCH", self.size - self.MIB)] * 2)
        self.assertIn("Bearer t2", self.registry.authorizations())

    def test_unavailable_then_works(self):
        refused = []

        def unavailable(handler, _body):
            if handler.command == "PUT" and "/uploads/" in handler.path and len(refused) < 1:
                refused.append(time.monotonic())
                handler.answer(503, b"", {"Retry-After": "1"})
                return True
            if handler.command in ("GET", "POST") and "/uploads/" in handler.path and len(refused) == 1:
                refused.append(time.monotonic())
            return False
        self.registry.hooks = [unavailable]
        self.assert_push()
        self.assertGreaterEqual(refused[1] - refused[0], 0.99)

    def test_gives_up(self):
        self.registry.upload_cuts = [(1000000, 0)] * 99
        outcome = self.push(self.registry, self.image)
        self.assertEqual((outcome.kind, outcome.code), ("network", 1))
        self.assertIn("given up after 4 attempts", outcome.message)
        self.assertEqual(len(self.registry.upload_cuts), 95)
        self.assertEqual(self.registry.manifests, {})


class FetchTest(TransferTest):
    def fetch(self, url, limit=1 << 20, **more):
        return self.run_request(operation="fetch", root=self.root, url=url, limit=limit, **more)

    def kept(self):
        found = []
        for folder, _, names in os.walk(os.path.join(self.root, "blobs")):
            found += [os.path.join(os.path.basename(folder), name) for name in names]
        return found

    def test_file(self):
        mock, body = self.mock(), b"a file" * 1000
        mock.hooks = [lambda handler, _: handler.answer(
            200, body, {"Last-Modified": "Mon, 03 Feb 2020 04:05:06 GMT"}) or True]
        url = "http://%s/x" % mock.host
        done = self.fetch(url).last
        self.assertEqual(done, {"event": "done", "digest": sha256(body), "size": len(body),
                                "last_modified": 1580702706})
        self.assertEqual(self.kept(), ["sha256/" + sha256(body)[7:]])
        self.assertEqual(self.fetch(url, digest=sha256(body)).code, 0)
        wrong = self.fetch(url, digest=sha256(b"other"))
        self.assertEqual((wrong.kind, wrong.message),
                         ("corrupt", "digest mismatch %s: %s" % (sha256(body), sha256(b"other"))))
        self.assertEqual(self.fetch(url, limit=10).kind, "limit")
        self.assertEqual(len(self.kept()), 1)
        self.assertEqual(mock.authorizations(), [])

    def test_longer_than_it_said(self):
        mock = self.mock()

        def endless(handler, _):
            handler.send_response(200)
            handler.end_headers()
            handler.close_connection = True
            try:
                for _ in range(64):
                    handler.wfile.write(bytes(65536))
            except OSError:
                pass
            return True
        mock.hooks = [endless]
        self.assertEqual(self.fetch("http://%s/x" % mock.host).kind, "limit")
        self.assertEqual(self.kept(), [])

    def test_answers(self):
        mock = self.mock()
        mock.hooks = [lambda handler, _: handler.answer(404) or True]
        outcome = self.fetch("http://%s/x" % mock.host)
        self.assertEqual((outcome.kind, outcome.message), ("not_found", "invalid response status 404"))
        self.assertEqual(len(mock.requests), 1)
        for url in ("ftp://a.test/x", "file:///etc/passwd", "http://user:pw@%s/x" % mock.host, "x", ""):
            self.assertEqual(self.fetch(url).code, 1)
        self.assertEqual(self.fetch("http://%s/x" % mock.host, limit=0).kind, "invalid")
        self.assertEqual(self.run_request(operation="fetch", url="http://a.test/x", limit=1).kind, "invalid")
        self.assertEqual(len(mock.requests), 1)


class OtherTest(TransferTest):
    def test_digest(self):
        mock, image = self.mock(), Image([{"a": b"one"}])
        mock.add(image)
        request = dict(operation="digest", domain=mock.host, path="team/app", tag="latest")
        expected = {"event": "done", "repository_digest": image.digest, "size": len(image.manifest)}
        self.assertEqual(self.run_request(**request).last, expected)
        self.assertEqual([r[0] for r in mock.requests], ["HEAD"])
        mock.hooks = [lambda handler, _: handler.answer(200, image.manifest, {"Content-Type": OCI_MANIFEST}) or True]
        self.assertEqual(self.run_request(**request).last, expected)
        self.assertEqual(self.run_request(**dict(request, domain="127.0.0.1:1")).kind, "network")

    def test_bad_requests(self):
        for request in ({}, {"operation": "eat"}, {"operation": "pull", "domain": "a.test"},
                        {"operation": "digest", "domain": "a.test", "path": "../x", "tag": "t"},
                        {"operation": "digest", "domain": "a.test", "path": "x", "tag": "a/b"},
                        {"operation": "digest", "domain": "a.test/b?c", "path": "x", "tag": "t"},
                        {"operation": "digest", "domain": "u:p@a.test", "path": "x", "tag": "t"},
                        {"operation": "digest", "domain": "a.test", "path": "x", "digest": "sha256:../x"}):
            outcome = self.run_request(**request)
            self.assertEqual((outcome.code, outcome.last["event"]), (1, "error"))

    def test_client(self):
        mock, image = self.mock(), Image([{"a": b"one"}])
        mock.add(image)
        environment = dict(self.environment, CORACLE_LIBEXEC=os.path.dirname(os.path.abspath(PROGRAM)))

        def ask(tag):
            request = dict(operation="pull", root=self.root, domain=mock.host, path="team/app", tag=tag,
                           platform="linux/amd64")
            return subprocess.run([PROBE], input=json.dumps(request), env=environment, capture_output=True, text=True)
        good = ask("latest")
        self.assertEqual(good.returncode, 0, good.stdout)
        self.assertEqual(json.loads(good.stdout.splitlines()[-1])["manifest"], image.digest)
        self.assertIn("Pull complete", good.stdout)
        bad = ask("nope")
        self.assertEqual(bad.returncode, 1)
        self.assertTrue(bad.stdout.startswith("failed 4 manifest for"), bad.stdout)
        environment["CORACLE_LIBEXEC"] = self.folder
        self.assertIn("coracle-transfer", ask("latest").stdout)


@unittest.skipUnless(shutil.which("docker-registry"), "docker-registry is not installed")
class DockerRegistryTest(TransferTest):
    tls = False

    def setUp(self):
        super().setUp()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.host = "127.0.0.1:%d" % listener.getsockname()[1]
        config = {"version": "0.1", "log": {"level": "error"}, "http": {"addr": self.host},
                  "storage": {"filesystem": {"rootdirectory": os.path.join(self.folder, "registry")}}}
        script = "import crypt; print(crypt.crypt(%r, '$2b$05$' + 'a' * 22))" % SECRET
        salted = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout.strip()
        self.password = None
        if salted.startswith("$2b$"):
            self.password = SECRET
            path = os.path.join(self.folder, "htpasswd")
            with open(path, "w") as out:
                out.write("regid:%s\n" % salted.replace("$2b$", "$2y$", 1))
            config["auth"] = {"htpasswd": {"realm": "test", "path": path}}
        if self.tls:
            key, certificate = make_certificate(self.folder)
            config["http"]["tls"] = {"certificate": certificate, "key": key}
            folder = os.path.join(self.folder, "certs.d", self.host)
            os.makedirs(folder)
            shutil.copy(certificate, os.path.join(folder, "ca.crt"))
        path = os.path.join(self.folder, "registry.json")
        with open(path, "w") as out:
            json.dump(config, out)
        self.log = os.path.join(self.folder, "registry.log")  # a line a request, with the protocol's version
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(["docker-registry", "serve", path], stdout=log, stderr=subprocess.DEVNULL)
        for _ in range(200):
            try:
                socket.create_connection(tuple([self.host.split(":")[0], int(self.host.split(":")[1])])).close()
                break
            except OSError:
                time.sleep(0.05)

    def tearDown(self):
        self.process.terminate()
        self.process.wait()
        super().tearDown()

    def test_journey(self):
        who = {"username": "regid", "password": self.password} if self.password else {}
        image = Image([{"a": b"one"}, {"b": NOISE}, {"c": b"3"}, {"d": b"4"}])
        self.store(image)
        if self.password:
            login = dict(operation="login", domain=self.host, username="regid", password="wrong")
            outcome = self.run_request(**login)
            self.assertRegex(outcome.message, '^Get "https?://%s/v2/": unauthorized: ' % self.host)
            self.assertEqual(self.run_request(**dict(login, password=SECRET)).last, {"event": "done"})
            self.assertIn("no basic auth credentials", self.push(self, image).message)
        outcome = self.push(self, image, **who)
        self.assertEqual(outcome.last["event"], "done", outcome.message)
        outcome = self.run_request(operation="push", root=self.root, domain=self.host, path="team/other", tag="v1",
                                   manifest=image.digest, layers=[
                                       {"digest": d["digest"], "diff_id": i, "source": self.host + "/team/app"}
                                       for d, i in zip(image.layers, image.diff_ids)], **who)
        self.assertEqual(outcome.last["event"], "done", outcome.message)
        self.assertIn("Mounted from team/app", outcome.statuses())
        shutil.rmtree(self.root)
        os.makedirs(os.path.join(self.root, "blobs"))
        self.assert_pulled(self.pull(self, path="team/other", tag="v1", **who), image)
        outcome = self.run_request(operation="digest", domain=self.host, path="team/app", tag="v1", **who)
        self.assertEqual(outcome.last["repository_digest"], image.digest)
        outcome = self.pull(self, tag="v9", **who)
        self.assertEqual(outcome.message, "manifest for %s/team/app:v9 not found: manifest unknown: manifest unknown"
                         % self.host)


class DockerRegistryTlsTest(DockerRegistryTest):
    """Go's server offers HTTP/2 over TLS: everything goes by it."""
    tls = True

    def test_journey(self):
        super().test_journey()
        with open(self.log) as log:
            requests = [line for line in log if " HTTP/" in line]
        self.assertGreater(len(requests), 20)
        self.assertEqual([line for line in requests if " HTTP/2.0" not in line], [])


class ListingTest(TransferTest):
    """Catalogues and tags, which come in pages, from registries that page honestly and from others."""

    def pages(self, mock, member, pages, path="/v2/_catalog", link=lambda i: "<%s?n=100&last=%d>; rel=\"next\""):
        def hook(handler, _body):
            url = handler.path.split("?")
            if url[0] != path:
                return False
            at = int(dict(p.split("=") for p in url[1].split("&")).get("last", 0))
            headers = {"Link": link(at) % (path, at + 1)} if at + 1 < len(pages) else {}
            handler.answer(200, json.dumps({member: pages[at]}).encode(), headers)
            return True
        mock.hooks.append(hook)

    def search(self, mock, term="", limit=25):
        return self.run_request(operation="search", domain=mock.host, term=term, limit=limit)

    def names(self, outcome):
        self.assertEqual(outcome.last.get("event"), "done", outcome.message)
        return [result["name"] for result in outcome.last["results"]]

    def test_catalogue(self):
        mock = self.mock()
        self.pages(mock, "repositories", [["a/one", "b/two"], [], ["c/one", "\x1b[31mevil/one", "d/ONE"], ["e/one"]])
        self.assertEqual(self.names(self.search(mock, "one")), ["a/one", "c/one", "e/one"])
        mock.requests.clear()
        self.assertEqual(self.names(self.search(mock, "one", limit=2)), ["a/one", "c/one"])
        self.assertEqual(len([r for r in mock.requests if "last=3" in r[1]]), 0)  # no page more than is wanted
        self.assertEqual(len(self.names(self.search(mock))), 4)

    def test_search_of_docker(self):
        mock, asked = self.mock(), []

        def hook(handler, _body):
            if not handler.path.startswith("/v1/search?"):
                return False
            asked.append(handler.path)
            results = [{"name": "x/%d" % i, "description": "a\x1b[2Jb", "star_count": i, "is_official": i == 1}
                       for i in range(5)]
            handler.answer(200, json.dumps({"results": results}).encode())
            return True
        mock.hooks.append(hook)
        outcome = self.search(mock, "a b&c", limit=2)
        self.assertEqual(outcome.last["results"], [
            {"name": "x/0", "stars": 0, "official": False, "description": "a [2Jb"},
            {"name": "x/1", "stars": 1, "official": True, "description": "a [2Jb"}])
        self.assertEqual(asked, ["/v1/search?q=a+b%26c&n=2"])

    def test_endless_catalogue_cve_2023_2253(self):
        """A list that never ends is given up, and no page is read that is larger than any honest one."""
        mock = self.mock()

        def hook(handler, _body):
            if not handler.path.startswith("/v2/_catalog"):
                return False
            handler.answer(200, b'{"repositories":[]}', {"Link": '</v2/_catalog?n=100&last=x>; rel="next"'})
            return True
        mock.hooks.append(hook)
        outcome = self.search(mock, "one")
        self.assertEqual(outcome.kind, "limit", outcome.message)
        self.assertLessEqual(len(mock.requests), 20)
        many = json.dumps({"repositories": ["a"] * 60000}).encode()
        for body in (many, b'{"repositories":["' + b"a" * (5 << 20) + b'"]}'):
            mock.hooks.clear()
            mock.hooks.append(lambda h, b, body=body: h.path.startswith("/v2/_catalog") and (
                h.answer(200, body, {"Link": '</v2/_catalog?n=100&last=x>; rel="next"'}) or True))
            self.assertEqual(self.search(mock, "one").kind, "limit")

    def test_next_page_elsewhere(self):
        mock, other = self.mock(), self.mock()
        self.pages(mock, "repositories", [["a/one"], ["b/one"]],
                   link=lambda i: "<" + other.url + "%s?last=%d>; rel=next")
        outcome = self.search(mock, "one")
        self.assertEqual(outcome.kind, "denied", outcome.message)
        self.assertEqual(other.requests, [])

    def test_tags(self):
        mock = self.mock()
        self.pages(mock, "tags", [["v1", "../x"], ["v2", "-bad", "v3"]], path="/v2/team/app/tags/list")
        outcome = self.run_request(operation="tags", domain=mock.host, path="team/app")
        self.assertEqual(outcome.last.get("tags"), ["v1", "v2", "v3"], outcome.message)
        outcome = self.run_request(operation="tags", domain=mock.host, path="team/none")
        self.assertEqual(outcome.kind, "not_found")

    def test_no_catalogue(self):
        for body in (b"<html>", b"[]", b'{"repositories":{}}', b'{"repositories":[1]}'):
            mock = self.mock()
            mock.hooks.append(lambda h, b, body=body: h.path.startswith("/v2/_catalog") and (h.answer(200, body) or True))
            self.assertEqual(self.search(mock, "one").kind, "unsupported", body)
        outcome = self.search(self.mock(), "one")
        self.assertIn("neither /v1/search nor a catalogue", outcome.message)


def sha512(data):
    return digest_like("sha512:", data)


class Sha512Test(TransferTest):
    """Images whose documents, layers and diff ids are named by sha512, all of them or some."""

    def blob(self, digest):
        with open(os.path.join(self.root, "blobs", *digest.split(":")), "rb") as blob:
            return blob.read()

    def test_pull(self):
        for diff_digest in (sha512, sha256):
            mock = self.mock()
            image = Image([{"a": b"one"}, {"b": NOISE}], digest=sha512, diff_digest=diff_digest)
            mock.add(image)
            outcome = self.pull(mock, digest=image.digest)
            self.assertEqual(outcome.last.get("event"), "done", outcome.message)
            self.assertEqual(outcome.last["manifest"], image.digest)
            self.assertEqual(self.blob(image.digest), image.manifest)
            for diff_id in image.diff_ids:
                folder = os.path.join(self.root, "layers", *diff_id.split(":"))
                self.assertTrue(os.path.isdir(folder))
            shutil.rmtree(self.root)
            os.makedirs(os.path.join(self.root, "blobs"))

    def test_wrong_bytes(self):
        for what in ("layer", "config", "manifest"):
            mock, image = self.mock(), Image([{"a": b"one"}], digest=sha512)
            mock.add(image)
            layer, config = image.layers[0]["digest"], image.document["config"]["digest"]
            if what == "manifest":
                mock.manifests[image.digest] = (OCI_MANIFEST, image.manifest.replace(b" ", b"\t", 1))
            else:
                digest = layer if what == "layer" else config
                mock.blobs[digest] = mock.blobs[digest][:-1] + b"X"
            outcome = self.pull(mock, digest=image.digest)
            self.assertEqual(outcome.kind, "corrupt", what + ": " + outcome.message)

    def test_push(self):
        mock, image = self.mock(), Image([{"a": b"one"}, {"b": NOISE}], digest=sha512)
        for digest, data in list(image.blobs.items()) + [(image.digest, image.manifest)]:
            folder = os.path.join(self.root, "blobs", "sha512")
            os.makedirs(folder, exist_ok=True)
            with open(os.path.join(folder, digest[len("sha512:"):]), "wb") as out:
                out.write(data)
        outcome = self.push(mock, image)
        self.assertEqual(outcome.last.get("event"), "done", outcome.message)
        self.assertEqual(outcome.last["repository_digest"], image.digest)
        self.assertEqual(mock.blobs, image.blobs)
        self.assertEqual(mock.manifests["v1"], (OCI_MANIFEST, image.manifest))


class CopyTest(TransferTest):
    def end(self, mock, path="team/app", **name):
        return dict({"kind": "registry", "domain": mock.host, "path": path}, **name)

    def copy(self, source, target, **more):
        return self.run_request(operation="copy", **{"from": source}, to=target, platform="linux/amd64", **more)

    def layout(self):
        return {"kind": "oci", "file": os.path.join(self.folder, "layout"), "name": "one"}

    def test_between_registries(self):
        for digest in (sha256, sha512):
            source, target = self.mock(), self.mock()
            image = Image([{"a": b"one"}, {"b": NOISE}], digest=digest)
            source.add(image, "v1")
            outcome = self.copy(self.end(source, tag="v1"), self.end(target, path="x/y", tag="v2"))
            self.assertEqual(outcome.last.get("event"), "done", outcome.message)
            self.assertEqual(target.blobs, image.blobs)
            self.assertEqual(target.manifests["v2"], (OCI_MANIFEST, image.manifest))

    def test_damaged_on_the_way(self):
        """Bytes that are not those of the digest reach no target."""
        for make in (lambda data: data[:-1] + b"X", lambda data: data + b"X"):
            source, target = self.mock(), self.mock()
            image = Image([{"a": b"one"}, {"b": NOISE}])
            source.add(image)
            digest = image.layers[1]["digest"]
            good = source.blobs[digest]
            source.blobs[digest] = make(good)
            end = self.end(source, tag="latest")
            outcome = self.copy(end, self.layout())
            self.assertEqual(outcome.last.get("event"), "error")
            self.assertFalse(os.path.exists(self.layout()["file"]), outcome.message)
            archive = {"kind": "oci-archive", "file": os.path.join(self.folder, "archive.tar")}
            before = sorted(os.listdir(self.folder))
            outcome = self.copy(end, archive)
            self.assertEqual(outcome.last.get("event"), "error")
            self.assertEqual(sorted(os.listdir(self.folder)), before)
            outcome = self.copy(end, self.end(target, tag="v1"))
            self.assertEqual(outcome.last.get("event"), "error")
            self.assertTrue(target.blobs.get(digest, good) == good)  # what is too long is cut, and is an error
            self.assertEqual(target.manifests, {})

    def test_goes_on_after_a_break(self):
        source, image = self.mock(), Image([{"b": NOISE}])
        source.add(image)
        source.cut_blobs(100000, 2)
        outcome = self.copy(self.end(source, tag="latest"), self.layout())
        self.assertEqual(outcome.last.get("event"), "done", outcome.message)
        self.assertTrue(any("Range" in headers for _, _, headers, _ in source.requests))

    def test_what_is_there_is_not_asked_for(self):
        source, image = self.mock(), Image([{"b": NOISE}])
        source.add(image)
        end = self.end(source, tag="latest")
        self.copy(end, self.layout())
        source.requests.clear()
        outcome = self.copy(end, self.layout())
        self.assertEqual(outcome.last.get("event"), "done", outcome.message)
        self.assertEqual([path for _, path, _, _ in source.requests if "/blobs/" in path], [])

    def test_indexes_in_indexes_end(self):
        """An index that names itself, or one below another without end, is given up."""
        source = self.mock()
        inner, text = None, b""
        for _ in range(8):
            entries = [{"mediaType": OCI_INDEX, "digest": inner, "size": len(text)}] if inner else []
            text = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()
            inner = sha256(text)
            source.manifests[inner] = source.manifests["deep"] = (OCI_INDEX, text)
        outcome = self.copy(self.end(source, tag="deep"), self.layout(), all=True)
        self.assertEqual(outcome.kind, "limit", outcome.message)
        self.assertFalse(os.path.exists(self.layout()["file"]))

    def test_hostile_archives(self):
        """CVE-2024-3727: a digest in a document never becomes a path before it was found to be one."""
        evil = json.dumps({"schemaVersion": 2, "manifests": [
            {"mediaType": OCI_MANIFEST, "digest": "sha256:../../../../etc/passwd", "size": 10}]}).encode()
        cases = [{"index.json": evil}, {"index.json": b"[]"}, {"index.json": b"{"}, {"other": b"x"},
                 {"manifest.json": b'[{"Config":"../../etc/passwd","Layers":[]}]'},
                 {"manifest.json": b'[{"Config":"/etc/passwd","Layers":[]}]'}, {"manifest.json": b"{}"},
                 {"manifest.json": b"[1]"}, {"manifest.json": b"[]"}, {"../escape": b"x"}]
        for files in cases:
            for kind in ("oci-archive", "docker-archive"):
                path = os.path.join(self.folder, "evil.tar")
                with open(path, "wb") as out:
                    out.write(make_tar(files))
                outcome = self.copy({"kind": kind, "file": path}, self.layout())
                self.assertIn(outcome.kind, ("invalid", "not_found"), (files, outcome.message))
                self.assertFalse(os.path.exists(self.layout()["file"]))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
