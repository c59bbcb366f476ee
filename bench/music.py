#!/usr/bin/env python3
"""The music service beside its Python form under Flask's server and under gunicorn, and nginx with a file, in turn.

    bench/music.py [ROUNDS [SECONDS]]

Each round starts each server anew, in namespaces of its own: time to ready, memory after the load, GET of one song (of
the file, for nginx), POST of a song. Only Coracle's service has a song on the disk before it answers; the Python form
keeps songs in memory, and each worker of gunicorn its own, so that its POST does less. wrk shares the cores with what it
measures. Sizes are of what an image would hold: the static program, or the Debian packages that Flask depends on.
"""
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PORT = 30001
ADDRESS = "http://127.0.0.1:%d" % PORT
SONG = "/api/v1/music/1a2b8c14-6f3e-4d0b-9a57-3c1de0f4b7a1"
CONNECTIONS = 16
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
POST = """wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"Artist":"Ella Fitzgerald","SongTitle":"Misty"}'
"""
WSGI = """import os, sys
sys.path.insert(0, %r)
from app import app, load
load(%r)
"""
NGINX = """worker_processes auto;
daemon off;
pid %(work)s/nginx.pid;
error_log stderr crit;
events { worker_connections 1024; }
http {
  access_log %(work)s/nginx.log;
  default_type application/json;
  server { listen 127.0.0.1:%(port)d; root %(work)s/files; }
}
"""


def prepare(work):
    """name → (command, environment, whether it takes POST)."""
    source = TOP + "/music/music.csv"
    shutil.copytree(TOP + "/music", work + "/music")
    subprocess.run(["make", "--silent", "-C", work + "/music", "s2"], check=True)
    with open(work + "/post.lua", "w") as out:
        out.write(POST)
    with open(work + "/wsgi.py", "w") as out:
        out.write(WSGI % (TOP + "/music/python", source))
    with open(work + "/nginx.conf", "w") as out:
        out.write(NGINX % {"work": work, "port": PORT})
    os.makedirs(work + "/files" + os.path.dirname(SONG))
    with open(work + "/files" + SONG, "w") as out:
        out.write('{"Count":1,"Items":[{"Artist":"Nina Simone","SongTitle":"Feeling Good","music_id":"%s"}]}\n'
                  % os.path.basename(SONG))
    os.chmod(work, 0o755)
    # Flask's server has the songs beside app.py where there is no /data.
    return {
        "coracle's s2": ([work + "/music/s2", str(PORT)], {"MUSIC_DATA": work + "/data"}, True),
        "Flask's server": (["/usr/bin/python3", TOP + "/music/python/app.py", str(PORT)], {}, True),
        "gunicorn, 2 workers": (["/usr/bin/python3", "/usr/bin/gunicorn", "-w", "2", "-b", "127.0.0.1:%d" % PORT,
                                 "--access-logfile", "-", "--chdir", work, "wsgi:app"], {}, True),
        "nginx, a file": (["/usr/sbin/nginx", "-c", work + "/nginx.conf"], {}, False),
    }


def wait_for_song(process):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            if urllib.request.urlopen(ADDRESS + SONG, timeout=5).status == 200:
                return
        except OSError:
            time.sleep(0.0005)
        if process.poll() is not None:
            break
    sys.exit("failed: " + " ".join(process.args))


def pss_kilobytes(group):
    """Of all processes of a session."""
    total = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.getsid(int(pid)) != group:
                continue
            with open("/proc/%s/smaps_rollup" % pid) as rollup:
                total += next(int(line.split()[1]) for line in rollup if line.startswith("Pss:"))
        except (OSError, StopIteration):
            continue
    return total


def requests_per_second(seconds, *options):
    command = ["wrk", "-t", "1", "-c", str(CONNECTIONS), "-d", "%ds" % seconds, *options]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in said:
        sys.exit("failed: " + " ".join(command) + "\n" + said)
    return float(re.search(r"Requests/sec:\s+([0-9.]+)", said).group(1))


def measure(work, server, seconds):
    command, environment, takes_post = server
    shutil.rmtree(work + "/data", ignore_errors=True)
    os.makedirs(work + "/data")
    shutil.copy(TOP + "/music/music.csv", work + "/data")
    start = time.perf_counter()
    process = subprocess.Popen(command, env=dict(os.environ, **environment), start_new_session=True, **QUIET)
    try:
        wait_for_song(process)
        found = {"ready": (time.perf_counter() - start) * 1000}
        found["get"] = requests_per_second(seconds, ADDRESS + SONG)
        found["memory"] = pss_kilobytes(process.pid) / 1000
        if takes_post:
            found["post"] = requests_per_second(seconds, "-s", work + "/post.lua", ADDRESS + "/api/v1/music/")
    finally:
        start = time.perf_counter()
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    found["stop"] = (time.perf_counter() - start) * 1000
    return found


def installed_megabytes(package):
    """What dpkg says of a package, all that it needs, and what every Debian has."""
    shape = "${Package}\t${Essential}\t${Installed-Size}\t${Pre-Depends}, ${Depends}\t${Provides}\n"
    known, wanted, provided = {}, {package}, {}
    for line in subprocess.run(["dpkg-query", "-W", "-f", shape], check=True, capture_output=True,
                               text=True).stdout.splitlines():
        name, essential, size, needs, provides = line.split("\t")
        known[name] = (int(size or 0), needs)
        for other in provides.split(","):
            provided.setdefault(other.split("(")[0].strip(), name)
        if essential == "yes":
            wanted.add(name)
    done, total = set(), 0
    while wanted - done:
        name = (wanted - done).pop()
        done.add(name)
        size, needs = known.get(name, (0, ""))
        total += size
        for need in needs.split(","):
            names = [re.split(r"[ (:]", one.strip())[0] for one in need.split("|")]
            names = [one if one in known else provided.get(one) for one in names]
            wanted.update([one for one in names if one][:1])
    return total * 1024 / 1e6


def table(title, unit, figures, key, larger_is_better):
    ours = statistics.median(figures["coracle's s2"][key])
    print("\n### %s\n\n| | median | best | s2 is so many times better |\n|---|---|---|---|" % title)
    for name, found in figures.items():
        if key not in found:
            continue
        middle = statistics.median(found[key])
        best = max(found[key]) if larger_is_better else min(found[key])
        ratio = ours / middle if larger_is_better else middle / ours
        print("| %s | %.1f %s | %.1f %s | %.2f |" % (name, middle, unit, best, unit, ratio))
    sys.stdout.flush()


def inside(work, rounds, seconds):
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    servers = prepare(work)
    figures = {name: {} for name in servers}
    for _ in range(rounds):
        for name, server in servers.items():
            for key, value in measure(work, server, seconds).items():
                figures[name].setdefault(key, []).append(value)
    table("GET of a song, %d connections" % CONNECTIONS, "/s", figures, "get", True)
    table("POST of a song; s2's is on the disk, the others' is not", "/s", figures, "post", True)
    table("Memory after the GETs, proportional set size", "MB", figures, "memory", False)
    table("From exec to the first answer", "ms", figures, "ready", False)
    table("From SIGTERM to the end", "ms", figures, "stop", False)
    print("\n### Size of an image's content\n")
    print("s2, static: %.2f MB. python3-flask, what it depends on, and Debian's essential packages: %.0f MB, "
          "before gunicorn." % (os.path.getsize(work + "/music/s2") / 1e6, installed_megabytes("python3-flask")))


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    if len(sys.argv) > 3:
        return inside(sys.argv[3], rounds, seconds)
    if os.geteuid() != 0:
        sys.exit("bench/music.py: run as root")
    work = tempfile.mkdtemp(prefix="coracle-bench.", dir="/var/tmp")
    try:
        return subprocess.run(["unshare", "--mount", "--net", "--uts", "--ipc", "--pid", "--fork", "--kill-child",
                               "--mount-proc", sys.executable, os.path.abspath(__file__), str(rounds), str(seconds),
                               work]).returncode
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
