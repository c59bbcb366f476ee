"""What the benchmarks share: namespaces of their own whose end takes all down, fresh disks, a registry, the peers, a clock.

A disk is a fresh ext4 file system in a sparse file. Every engine gets one each round: ext4 looks long for a free inode
where ten thousand were removed in the last minute, and whoever pulled after somebody's `rmi` would pay for it.
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
QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
BYTES = 230_000_000
FILE_LIMIT = 16_000_000
DISK_BYTES = 6_000_000_000
GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def run_in_namespaces(inside, rounds=5):
    """Calls inside(work, rounds) in namespaces of its own; `work` is a folder that goes afterwards."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if os.geteuid() != 0:
        sys.exit(sys.argv[0] + ": run as root")
    if len(sys.argv) > 1:
        rounds = int(sys.argv[1])
    if len(sys.argv) > 2:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
        inside(sys.argv[2], rounds)
        sys.exit(0)
    work = tempfile.mkdtemp(prefix="coracle-bench.", dir="/var/tmp")
    try:
        code = subprocess.run(["unshare", "--mount", "--net", "--uts", "--ipc", "--pid", "--fork", "--kill-child",
                               "--mount-proc", sys.executable, os.path.abspath(sys.argv[0]), str(rounds), work]).returncode
    finally:
        shutil.rmtree(work, ignore_errors=True)
    sys.exit(code)


def wait_for(check, seconds=30):
    for _ in range(seconds * 10):
        try:
            if check():
                return True
        except OSError:
            pass
        time.sleep(0.1)
    return False


def measure(command, report_memory=False):
    """Milliseconds, and the largest resident size of a process in it in kB, where asked for (a process stands between)."""
    if report_memory:
        command = [sys.executable, "-c", "import os, subprocess, sys\n"
                   "code = subprocess.run(sys.argv[2:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode\n"
                   "import resource\n"
                   "open(sys.argv[1], 'w').write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))\n"
                   "sys.exit(code)", "/run/peak", *command]
    start = time.perf_counter()
    if subprocess.run(command, **QUIET).returncode != 0:
        sys.exit("failed: " + " ".join(command))
    spent = (time.perf_counter() - start) * 1000
    if not report_memory:
        return spent
    with open("/run/peak") as peak:
        return int(peak.read())


def report(title, times, ours="coracle"):
    base = statistics.median(times[ours])
    print("\n### %s\n\n| | median | minimum | times Coracle's |\n|---|---|---|---|" % title)
    for name, values in times.items():
        middle = statistics.median(values)
        print("| %s | %.1f ms | %.1f ms | %.2f |" % (name, middle, min(values), middle / base))
    sys.stdout.flush()


class Disk:
    """A fresh file system at work/disk while it is used in a `with`."""

    def __init__(self, work):
        self.file, self.path = work + "/disk.ext4", work + "/disk"

    def __enter__(self):
        with open(self.file, "w") as out:
            out.truncate(DISK_BYTES)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", self.file], check=True)
        os.makedirs(self.path, exist_ok=True)
        subprocess.run(["mount", "-o", "loop", self.file, self.path], check=True)
        return self.path

    def __exit__(self, *_):
        wait_for(lambda: subprocess.run(["umount", self.path], **QUIET).returncode == 0)
        os.unlink(self.file)


class Docker:
    """Debian's dockerd with its data in `folder`."""

    def __init__(self, folder):
        self.address = "unix:///run/bench-docker.sock"
        self.client = ["/usr/bin/docker", "-H", self.address]
        self.log = open(folder + "/dockerd.log", "w")
        self.daemon = subprocess.Popen(["/usr/sbin/dockerd", "-H", self.address, "--data-root", folder + "/docker",
                                        "--exec-root", folder + "/docker-run", "--pidfile", folder + "/docker.pid"],
                                       stdout=self.log, stderr=self.log)
        if not wait_for(lambda: subprocess.run(self.client + ["version"], **QUIET).returncode == 0):
            sys.exit("dockerd does not start; see " + self.log.name)

    def stop(self):
        self.daemon.terminate()
        self.daemon.wait()
        self.log.close()


def docker_is_there():
    return os.path.exists("/usr/sbin/dockerd")


def podman_command(folder):
    return ["podman", "--root", folder + "/podman", "--runroot", folder + "/podman-run", "--events-backend=none",
            "--cgroup-manager=cgroupfs", "--log-level=error"]


def coracle_command(folder):
    return [TOP + "/build/bin/coracle", "--root", folder + "/coracle", "--run-root", folder + "/coracle-run"]


def start_registry(work):
    """Debian's docker-registry, its data in work/registry."""
    config = {"version": "0.1", "log": {"level": "error"}, "http": {"addr": HOST},
              "storage": {"filesystem": {"rootdirectory": work + "/registry"}}}
    path = work + "/registry.json"
    with open(path, "w") as out:
        json.dump(config, out)
    subprocess.Popen(["docker-registry", "serve", path], **QUIET)
    wait_for(lambda: urllib.request.urlopen("http://%s/v2/" % HOST).status == 200)


def choose_files():
    """About 230 MB of this machine's own files."""
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


def file_digest(path):
    digest = hashlib.sha256()
    with open(path, "rb") as data:
        for block in iter(lambda: data.read(1 << 20), b""):
            digest.update(block)
    return "sha256:" + digest.hexdigest()


def make_layer(path, files):
    """Writes the archive and, at path.gz, its compressed form; returns (path.gz, diff id)."""
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
    with open(path, "rb") as plain, gzip.GzipFile(path + ".gz", "wb", 6, mtime=0) as packed:
        shutil.copyfileobj(plain, packed, 1 << 20)
    diff_id = file_digest(path)
    os.unlink(path)
    return path + ".gz", diff_id


def upload(repository, digest, data, size):
    request = urllib.request.Request("http://%s/v2/%s/blobs/uploads/" % (HOST, repository), method="POST", data=b"")
    location = urllib.request.urlopen(request).headers["Location"]
    address = location + ("&" if "?" in location else "?") + urllib.parse.urlencode({"digest": digest})
    put = urllib.request.Request(address, method="PUT", data=data, headers={"Content-Type": "application/octet-stream",
                                                                            "Content-Length": str(size)})
    urllib.request.urlopen(put).read()
    return {"digest": digest, "size": size}


def publish(repository, layers):
    """An image of layers that make_layer() made, as HOST/repository:1."""
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {},
                         "rootfs": {"type": "layers", "diff_ids": [diff_id for _, diff_id in layers]}}).encode()
    described = []
    for path, _ in layers:
        with open(path, "rb") as data:
            described.append(dict(upload(repository, file_digest(path), data, os.path.getsize(path)), mediaType=GZIP))
    uploaded = upload(repository, "sha256:" + hashlib.sha256(config).hexdigest(), config, len(config))
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "layers": described,
                "config": dict(uploaded, mediaType="application/vnd.oci.image.config.v1+json")}
    request = urllib.request.Request("http://%s/v2/%s/manifests/1" % (HOST, repository), method="PUT",
                                     data=json.dumps(manifest).encode(), headers={"Content-Type": MANIFEST})
    urllib.request.urlopen(request).read()
