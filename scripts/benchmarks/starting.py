"""How long commands and calls take: run, run -d, exec, the API, lists."""

import json
import os
import subprocess
import tarfile
import time

from core import CGROUP, HERE, IMAGES, PLACE, PROGRAMS, RUN, Job, Unable, View, in_turns, jobs, last_words, rows
from engines import OLD_CGROUPS, Connection

MILLISECONDS = 1000


class Bundles:
    """The image's files, with the configuration that runc writes by default: what the bare runtimes run."""

    def __init__(self):
        self.rootfs = os.path.join(PLACE, "rootfs")
        os.makedirs(self.rootfs)
        with tarfile.open(os.path.join(IMAGES, "busybox.tar")) as archive:
            manifest = json.load(archive.extractfile("manifest.json"))
            for layer in manifest[0]["Layers"]:
                data = archive.extractfile(layer).read()
                subprocess.run(["tar", "-xzpC", self.rootfs], input=data, check=True)
        self.views = {"crun": View("mount", setup=OLD_CGROUPS)}

    def make(self, runtime, arguments, key=""):
        """A directory with a config.json, whose cgroup nobody else has."""
        folder = os.path.join(PLACE, f"bundle-{runtime}{key}-{'-'.join(arguments)}")
        if os.path.isdir(folder):
            return folder
        os.makedirs(folder)
        Job(["runc", "spec"], cwd=folder).seconds()
        path = os.path.join(folder, "config.json")
        with open(path, encoding="utf-8") as file:
            config = json.load(file)
        config["process"].update(terminal=False, args=arguments)
        # Its default limits may be above what this machine grants.
        config["process"].pop("rlimits", None)
        config["root"]["path"] = self.rootfs
        config["linux"]["cgroupsPath"] = f"/{CGROUP}/{runtime}{key}-{arguments[0]}"
        with open(path, "w", encoding="utf-8") as file:
            json.dump(config, file)
        return folder

    def view(self, runtime):
        return self.views.get(runtime, HERE) if os.path.ismount("/sys/fs/cgroup/unified") else HERE

    def command(self, runtime, *arguments):
        program = f"{PROGRAMS}/box-runtime" if runtime == "box-runtime" else runtime
        return [program, "--root", os.path.join(RUN, f"state-{runtime}"), *arguments]

    def close(self):
        for view in self.views.values():
            view.close()


def run_contenders(bench, network):
    def engine(name):
        return lambda: bench.fleet.get(name).job("run", "--rm", *network, "busybox", "true")
    return [(name, engine(name)) for name in ("box", "docker", "podman")]


def start(bench):
    """run --rm busybox true without a network: engines, and runtimes alone."""
    bundles = bench.bundles

    def runtime(name):
        return lambda: Job(bundles.command(name, "run", f"{CGROUP}-{name}"), bundles.view(name),
                           cwd=bundles.make(name, ["true"]))
    bubble = ["bwrap", "--unshare-all", "--ro-bind", bundles.rootfs, "/", "--dev", "/dev", "--proc", "/proc", "true"]
    bare = ["unshare", "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--fork", "/bin/true"]
    found = in_turns(jobs(
        run_contenders(bench, ["--network", "none"])
        + [("box-runtime run", runtime("box-runtime")), ("crun run", runtime("crun")), ("runc run", runtime("runc")),
           ("bwrap", lambda: Job(bubble)), ("unshare of all namespaces", lambda: Job(bare)),
           ("fork and exec", lambda: Job(["/bin/true"]))]), bench.count)
    bench.results.add("start", rows("run --rm true, no network", "ms", found, {"box": 8}, MILLISECONDS))


def bridge(bench):
    """The same with the default network."""
    found = in_turns(jobs(run_contenders(bench, [])), bench.count)
    bench.results.add("bridge", rows("run --rm true, default network", "ms", found, {"box": 12}, MILLISECONDS))


def detached(bench):
    """run -d, without and with a published port; removed in between."""
    def contender(name, options):
        def run():
            engine = bench.fleet.get(name)
            took = engine.job("run", "-d", "--name", "detached", *options, "busybox", "sleep", "1000").seconds()
            engine.remove("detached")
            return took
        return run
    result = []
    for what, options, goal in [("run -d", [], 12), ("run -d -p 8080:80", ["-p", "8080:80"], 14)]:
        found = in_turns([(name, contender(name, options)) for name in ("box", "docker", "podman")], bench.count)
        result += rows(what, "ms", found, {"box": goal}, MILLISECONDS)
    bench.results.add("detached", result)


def execute(bench):
    """exec true in a container that runs."""
    bundles = bench.bundles
    cleaners = []

    def engine(name):
        def make():
            one = bench.fleet.get(name)
            one.run("run", "-d", "--name", "execs", "--network", "none", "busybox", "sleep", "100000")
            cleaners.append(lambda: one.remove("execs"))
            return one.job("exec", "execs", "true")
        return make

    def runtime(name):
        def make():
            view, container = bundles.view(name), f"{CGROUP}-exec-{name}"
            folder = bundles.make(name, ["sleep", "100000"])
            Job(bundles.command(name, "run", "--detach", container), view, cwd=folder).seconds()
            cleaners.append(Job(bundles.command(name, "delete", "--force", container), view).seconds)
            return Job(bundles.command(name, "exec", container, "true"), view)
        return make

    def enter():
        pid = bench.fleet.get("box").run("inspect", "-f", "{{.State.Pid}}", "execs")
        return Job(["nsenter", "--target", pid, "--all", "true"])
    makers = [(name, engine(name)) for name in ("box", "docker", "podman")]
    makers += [(f"{name} exec", runtime(name)) for name in ("box-runtime", "crun", "runc")]
    try:
        found = in_turns(jobs([*makers, ("nsenter", enter)]), bench.count)
    finally:
        for clean in cleaners:
            clean()
    bench.results.add("exec", rows("exec true", "ms", found, {"box": 6}, MILLISECONDS))


def cli(bench):
    """The command line alone, and with a list of 100 containers."""
    names = ("box", "docker", "podman")
    result = rows("version", "ms", in_turns(jobs(
        [(name, lambda name=name: bench.fleet.get(name).job("version")) for name in names]), bench.count),
        {"box": 2}, MILLISECONDS)

    def with_containers(name):
        engine = bench.fleet.get(name)
        connection = Connection(engine.socket)
        for i in range(100):
            connection.call("POST", f"/v1.40/containers/create?name=listed-{i}", {"Image": "busybox", "Cmd": ["true"]})
        return engine.job("ps", "-aq")
    found = in_turns(jobs([(name, lambda name=name: with_containers(name)) for name in names]), bench.count)
    result += rows("ps -aq, 100 containers", "ms", found, {"box": 4}, MILLISECONDS)
    for engine in bench.fleet.running.values():
        engine.remove_all()
    bench.results.add("cli", result)


# ---- The API ----


def body(network, port=None):
    host = {"NetworkMode": network}
    if port:
        host["PortBindings"] = {"80/tcp": [{"HostPort": str(port)}]}
    exposed = {"80/tcp": {}} if port else {}
    return json.dumps({"Image": "busybox", "Cmd": ["true"], "HostConfig": host, "ExposedPorts": exposed})


def lives(engine, content, clients=1, seconds=0.0):
    """Whole lives of containers through the API: how many in a second, and of the last one the milliseconds until it
    ran and until it was gone. By a program, as the clients run on the same cores as what they measure."""
    with engine.view.entered():
        done = subprocess.run(
            [f"{PROGRAMS}/life-load", engine.socket, content, str(clients), str(seconds)], capture_output=True,
            text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise Unable(last_words(done.stderr.encode()))
    count, took, running, gone = done.stdout.split()
    return int(count) / float(took), float(running), float(gone)


def api(bench):
    """create and start, and the whole life of a container, without the command line."""
    result = []
    for what, port, goals in [("on the bridge", None, (5, 10)), ("with a published port", 8081, (7, 12))]:
        ends = {}

        def contender(name, port=port, ends=ends):
            def run():
                content = body("podman" if name == "podman" else "bridge", port)
                _, running, gone = lives(bench.fleet.get(name), content)
                ends.setdefault(name, []).append(gone)
                return running
            return run
        found = in_turns([(name, contender(name)) for name in ("box", "docker", "podman")], bench.count)
        result += rows(f"create and start {what}", "ms", found, {"box": goals[0]})
        # The first ones were for warming up.
        gone = {name: samples if isinstance(samples, str) else ends[name][-len(samples):]
                for name, samples in found.items()}
        result += rows(f"create, start, wait, remove {what}", "ms", gone, {"box": goals[1]})
    bench.results.add("api", result)


def rate(bench):
    """Whole lives per second, by several clients at once."""
    seconds = 1.0

    def engine(name, network, clients):
        content = body("podman" if network == "bridge" and name == "podman" else network)
        return lambda: lives(bench.fleet.get(name), content, clients, seconds)[0]

    result = []
    goals = {"none": {1: 150, 4: 250, 16: 300}, "bridge": {1: 80, 4: 120, 16: 120}}
    for network, by_clients in goals.items():
        for clients, goal in by_clients.items():
            contenders = [(name, engine(name, network, clients)) for name in ("box", "docker", "podman")]
            if network == "none":
                contenders += [(name, runtime_lives(bench, name, clients, seconds)) for name in ("crun", "runc")]
                contenders.append(("what the kernel alone takes", floor_lives(bench, clients, seconds)))
            found = in_turns(contenders, bench.few, warm_up=0, budget=18, peers={"docker", "podman", "runc"})
            result += rows(f"lives, network {network}, {clients} clients", "per s", found, {"box": goal})
    bench.results.add("rate", result)


def floor_lives(bench, clients, seconds):
    """Asks the kernel for lives of containers, and nobody else."""
    def run():
        place = os.path.join(PLACE, "floor")
        os.makedirs(place, exist_ok=True)
        count, took = Job([
            f"{PROGRAMS}/life-floor", bench.bundles.rootfs, place, f"{CGROUP}-floor", str(clients), str(seconds)
        ]).text().split()
        return int(count) / float(took)
    return run


def runtime_lives(bench, name, clients, seconds):
    """A shell for each client, in the runtime's view: run after run, until the time is over."""
    script = """
        cd "$1"
        i=0 end=$(($(date +%s%N) + {time}))
        while [ "$(date +%s%N)" -lt "$end" ]; do
            {command} "$0-$i" >/dev/null 2>&1 || exit 1
            i=$((i + 1))
        done
        echo "$i"
    """

    def run():
        bundles = bench.bundles
        view = bundles.view(name)
        folders = [bundles.make(name, ["true"], f"-{i}") for i in range(clients)]
        command = " ".join(bundles.command(name, "run"))
        text = script.format(time=int(seconds * 1e9), command=command)
        began = time.monotonic()
        shells = [subprocess.Popen(
            [*view.prefix, "sh", "-c", text, f"{CGROUP}-{name}-{i}", folder], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) for i, folder in enumerate(folders)]
        outputs = [shell.communicate()[0] for shell in shells]
        if any(shell.returncode for shell in shells):
            raise Unable(f"{name} fails when {clients} are run at once")
        return sum(int(output) for output in outputs) / (time.monotonic() - began)
    return run


PARTS = {"start": start, "bridge": bridge, "detached": detached, "exec": execute, "cli": cli, "api": api, "rate": rate}
