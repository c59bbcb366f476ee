"""Times Coracle and its peers in turn, A B C A B C …, and prints medians and ratios. Called by bench/run."""
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import time

top, work, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
os.environ["CORACLE_ROOT"] = work + "/coracle"
os.environ["CORACLE_RUN_ROOT"] = work + "/coracle-run"
coracle = [top + "/build/bin/coracle"]
docker_socket = "unix://" + work + "/docker.sock"
docker = ["/usr/bin/docker", "-H", docker_socket]
podman = ["podman", "--root", work + "/podman", "--runroot", work + "/podman-run", "--cgroup-manager=cgroupfs",
          "--events-backend=none", "--runtime=runc", "--log-level=error"]


def milliseconds(command):
    start = time.perf_counter()
    subprocess.run(command, check=True, **quiet)
    return (time.perf_counter() - start) * 1000


def in_turn(commands, count):
    """name → list of times; every round runs each command once."""
    times = {name: [] for name in commands}
    for name, command in commands.items():
        milliseconds(command)  # warm
    for _ in range(count):
        for name, command in commands.items():
            times[name].append(milliseconds(command))
    return times


def report(title, times, ours="coracle"):
    base = statistics.median(times[ours])
    print(f"\n### {title}\n")
    print("| | median | minimum | times Coracle's |\n|---|---|---|---|")
    for name, values in times.items():
        middle = statistics.median(values)
        print(f"| {name} | {middle:.1f} ms | {min(values):.1f} ms | {middle / base:.1f} |")


def pss_kilobytes(names):
    total = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm") as comm:
                if comm.read().strip() not in names:
                    continue
            with open(f"/proc/{pid}/smaps_rollup") as rollup:
                total += next(int(line.split()[1]) for line in rollup if line.startswith("Pss:"))
        except (OSError, StopIteration):
            continue
    return total


def start_docker():
    """Debian's dockerd, or None where it is not there or does not come up."""
    if not shutil.which("dockerd", path="/usr/sbin:/usr/bin"):
        return None
    log = open(work + "/dockerd.log", "w")
    daemon = subprocess.Popen(["/usr/sbin/dockerd", "-H", docker_socket, "--data-root", work + "/docker",
                               "--exec-root", work + "/docker-run", "--pidfile", work + "/docker.pid"],
                              stdout=log, stderr=log)
    for _ in range(300):
        if daemon.poll() is not None:
            return None
        if subprocess.run(docker + ["version"], **quiet).returncode == 0:
            return daemon
        time.sleep(0.1)
    return None


def run_command(engine, *options):
    return engine + ["run", "--rm", *options, "tiny", "/true"]


def main():
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    # Peers want a /run and an /etc/containers of their own.
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    root = work + "/tiny"
    os.makedirs(root)
    archive = work + "/tiny.tar"
    with tarfile.open(archive, "w") as tar:
        for name in ("true", "pause"):
            tar.add(work + "/" + name, name)
            shutil.copy(work + "/" + name, root)
    subprocess.run(coracle + ["import", archive, "tiny:latest"], check=True, **quiet)
    engines = {"coracle": coracle}
    if start_docker():
        subprocess.run(docker + ["import", archive, "tiny:latest"], check=True, **quiet)
        engines["docker"] = docker
    else:
        print("docker is left out: its daemon did not start; its last words:")
        print(open(work + "/dockerd.log").read()[-400:])
    if subprocess.run(podman + ["import", archive, "tiny:latest"], **quiet).returncode == 0 and \
            subprocess.run(run_command(podman), **quiet).returncode == 0:
        engines["podman"] = podman
    else:
        print("podman is left out: it cannot run a container here")

    starts = {name: run_command(engine) for name, engine in engines.items()}
    starts["floor (no engine)"] = [work + "/floor", root]
    report("`run --rm` of a static /true on the bridge network", in_turn(starts, rounds))
    starts = {name: run_command(engine, "--network", "host") for name, engine in engines.items()}
    report("the same with `--network host`", in_turn(starts, rounds))
    report("`ps`, no container", in_turn({n: e + ["ps"] for n, e in engines.items()}, rounds))
    report("`image ls`", in_turn({n: e + ["image", "ls"] for n, e in engines.items()}, rounds))

    print("\n### Memory, proportional set size\n\n| | at rest | per detached container |\n|---|---|---|")
    resident = {"coracle": ["coracle", "coracle-monitor"], "docker": ["dockerd", "containerd", "containerd-shim",
                "containerd-shim-runc-v2", "docker-proxy"], "podman": ["podman", "conmon"]}
    for name, engine in engines.items():
        names = {comm[:15] for comm in resident[name]}
        rest = pss_kilobytes(names)
        for _ in range(5):
            subprocess.run(engine + ["run", "-d", "tiny", "/pause"], check=True, **quiet)
        time.sleep(0.5)
        print(f"| {name} | {rest / 1000:.2f} MB | {(pss_kilobytes(names) - rest) / 5000:.2f} MB |")


main()
