#!/usr/bin/env python3
"""Times `pull` from a registry on this machine: Coracle, docker, podman and skopeo in turn, A B C A B C …

    bench/pull.py [ROUNDS]

Two images of the same files of this machine's /usr, about 230 MB: one large layer, and twelve. Beside them stands the
least that anybody could do with the large layer: `igzip -dc | tar -x`, with nothing verified. Everything happens in
namespaces of its own, whose end takes all of it down. The registry is Debian's docker-registry.
"""
import gzip
import hashlib
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.parse
import urllib.request

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HOST = "127.0.0.1:5000"
BYTES = 230_000_000
FILE_LIMIT = 16_000_000
LAYERS = 12
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def choose_files():
    chosen, total = [], 0
    for folder, folders, names in os.walk("/usr/lib"):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(folder, name)
            size = os.lstat(path).st_size
            if size > FILE_LIMIT or not (os.path.isfile(path) or os.path.islink(path)):
                continue
            chosen.append(path)
            total += size
            if total >= BYTES:
                return chosen
    return chosen


def make_layer(work, files):
    """A compressed layer file, its digest, diff id and size."""
    path = os.path.join(work, "layer.tar")
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        folders = set()
        for name in files:
            parts = name.strip("/").split("/")[:-1]
            for depth in range(1, len(parts) + 1):
                folder = "/".join(parts[:depth])
                if folder not in folders:
                    folders.add(folder)
                    tar.add("/" + folder, folder, recursive=False)
            tar.add(name, name.strip("/"), recursive=False)
    with open(path, "rb") as plain:
        data = plain.read()
    os.unlink(path)
    blob = gzip.compress(data, compresslevel=6, mtime=0)
    return blob, sha256(data)


def upload(name, data):
    request = urllib.request.Request("http://%s/v2/%s/blobs/uploads/" % (HOST, name), method="POST", data=b"")
    location = urllib.request.urlopen(request).headers["Location"]
    address = location + ("&" if "?" in location else "?") + urllib.parse.urlencode({"digest": sha256(data)})
    put = urllib.request.Request(address, method="PUT", data=data,
                                 headers={"Content-Type": "application/octet-stream"})
    urllib.request.urlopen(put).read()
    return {"digest": sha256(data), "size": len(data)}


def publish(name, layers):
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {},
                         "rootfs": {"type": "layers", "diff_ids": [diff_id for _, diff_id in layers]}}).encode()
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST,
                "config": dict(upload(name, config), mediaType="application/vnd.oci.image.config.v1+json"),
                "layers": [dict(upload(name, blob), mediaType=GZIP) for blob, _ in layers]}
    request = urllib.request.Request("http://%s/v2/%s/manifests/1" % (HOST, name), method="PUT",
                                     data=json.dumps(manifest).encode(), headers={"Content-Type": MANIFEST})
    urllib.request.urlopen(request).read()


def start_registry(work):
    config = {"version": "0.1", "log": {"level": "error"}, "http": {"addr": HOST},
              "storage": {"filesystem": {"rootdirectory": work + "/registry"}}}
    path = work + "/registry.json"
    with open(path, "w") as out:
        json.dump(config, out)
    subprocess.Popen(["docker-registry", "serve", path], **QUIET)
    wait_for(lambda: urllib.request.urlopen("http://%s/v2/" % HOST).status == 200)


def wait_for(check):
    for _ in range(300):
        try:
            if check():
                return True
        except OSError:
            pass
        time.sleep(0.1)
    return False


def start_docker(work, address):
    if not os.path.exists("/usr/sbin/dockerd"):
        return False
    with open(work + "/dockerd.log", "w") as log:
        subprocess.Popen(["/usr/sbin/dockerd", "-H", address, "--data-root", work + "/docker", "--exec-root",
                          work + "/docker-run", "--pidfile", work + "/docker.pid"], stdout=log, stderr=log)
    return wait_for(lambda: subprocess.run(["/usr/bin/docker", "-H", address, "version"], **QUIET).returncode == 0)


def engines(work):
    """name → (pull, then forget), each a function of an image's name."""
    coracle = [TOP + "/build/bin/coracle", "--root", work + "/coracle", "--run-root", work + "/coracle-run"]
    podman = ["podman", "--root", work + "/podman", "--runroot", work + "/podman-run", "--events-backend=none",
              "--log-level=error"]
    address = "unix://" + work + "/docker.sock"
    docker = ["/usr/bin/docker", "-H", address]
    found = {"coracle": (lambda image: coracle + ["pull", "-q", image],
                         lambda image: (coracle + ["rmi", "-f", image], coracle + ["system", "prune", "-f"]))}
    if start_docker(work, address):
        found["docker"] = (lambda image: docker + ["pull", "-q", image], lambda image: (docker + ["rmi", "-f", image],))
    if shutil.which("podman"):
        found["podman"] = (lambda image: podman + ["pull", "-q", "--tls-verify=false", image],
                           lambda image: (podman + ["rmi", "-f", image],))
    if shutil.which("skopeo"):
        folder = work + "/skopeo"
        found["skopeo, not unpacked"] = (
            lambda image: ["skopeo", "copy", "-q", "--src-tls-verify=false", "docker://" + image, "dir:" + folder],
            lambda image: (["rm", "-rf", folder],))
    return found


def measure(command):
    """Milliseconds, and the largest resident size of the processes in it, in kB."""
    start = time.perf_counter()
    process = subprocess.Popen(command, **QUIET)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit("failed: " + " ".join(command))
    return (time.perf_counter() - start) * 1000, usage.ru_maxrss


def report(title, times):
    base = statistics.median(times["coracle"])
    print("\n### %s\n\n| | median | minimum | times Coracle's |\n|---|---|---|---|" % title)
    for name, values in times.items():
        middle = statistics.median(values)
        print("| %s | %.0f ms | %.0f ms | %.2f |" % (name, middle, min(values), middle / base))
    sys.stdout.flush()


def compare(work, title, image, rounds, floor):
    found = dict(engines_of(work))
    times = {name: [] for name in list(found) + list(floor)}
    peak = 0
    for _ in range(rounds):
        for name, (pull, forget) in found.items():
            spent, resident = measure(pull(image))
            times[name].append(spent)
            if name == "coracle":
                peak = max(peak, resident)
            for command in forget(image):
                subprocess.run(command, check=True, **QUIET)
        for name, command in floor.items():
            os.makedirs(work + "/floor")
            times[name].append(measure(["sh", "-c", command])[0])
            shutil.rmtree(work + "/floor")
    report(title, times)
    print("\nCoracle's largest process: %.1f MB resident." % (peak / 1000))


engine_cache = {}


def engines_of(work):
    if work not in engine_cache:
        engine_cache[work] = engines(work)
    return engine_cache[work]


def inside(work, rounds):
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    start_registry(work)
    files = choose_files()
    large = make_layer(work, files)
    with open(work + "/large.tar.gz", "wb") as out:
        out.write(large[0])
    publish("bench/large", [large])
    publish("bench/twelve", [make_layer(work, files[i::LAYERS]) for i in range(LAYERS)])
    print("%d files, %.0f MB in a layer of %.0f MB" % (len(files), BYTES / 1e6, len(large[0]) / 1e6))
    floor = {}
    if shutil.which("igzip"):
        unpack = "igzip -dc %s/large.tar.gz | tar -x -C %s/floor" % (work, work)
        floor = {"`igzip -dc \\| tar -x`": unpack, "the same, and `sync -f`": unpack + " && sync -f %s/floor" % work}
    compare(work, "`pull` of one layer", HOST + "/bench/large:1", rounds, floor)
    compare(work, "`pull` of twelve layers", HOST + "/bench/twelve:1", rounds, {})


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    if len(sys.argv) > 2:
        return inside(sys.argv[2], rounds)
    if os.geteuid() != 0:
        sys.exit("bench/pull.py: run as root")
    work = tempfile.mkdtemp(prefix="coracle-bench.", dir="/var/tmp")
    try:
        return subprocess.run(["unshare", "--mount", "--net", "--uts", "--ipc", "--pid", "--fork", "--kill-child",
                               "--mount-proc", sys.executable, os.path.abspath(__file__), str(rounds), work]).returncode
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.exit(main())
