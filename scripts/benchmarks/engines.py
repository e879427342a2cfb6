"""The engines: Box, Docker and Podman, each with places and a network namespace of its own."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time

from core import CGROUP, IMAGES, PLACE, PROGRAMS, RUN, Job, Unable, View, last_words

counter = iter(range(1, 1 << 30))
# A way out, which engines want to see, and addresses that are the host's own.
# Ended connections are forgotten soon: a hundred thousand of them would fill the kernel's table, for all alike.
NETWORK = ("ip link set lo up; ip link add up0 type bridge; ip address add 10.79.0.1/24 dev up0; ip link set up0 up; "
           "ip route add local 10.80.0.0/16 dev lo; "
           "echo 5 >/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_time_wait")
# crun before 1.9 refuses a hybrid tree of cgroups whose v2 side has any controller.
OLD_CGROUPS = "umount /sys/fs/cgroup/unified 2>/dev/null"


class Connection:
    """HTTP over a unix socket, kept, with as little work in between as there can be: the clients run on the same cores
    as what they measure."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(120)
        self.socket.connect(path)
        self.rest = b""

    def call(self, method, path, body=b""):
        """body: a value, or bytes of JSON. The answer's body, decoded if it came in chunks."""
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: bench\r\n"
        if body:
            head += "Content-Type: application/json\r\n"
        if method == "POST":
            head += f"Content-Length: {len(body)}\r\n"
        self.socket.sendall(head.encode() + b"\r\n" + body)
        head = self.take_until(b"\r\n\r\n")
        status = int(head[9:12])
        lowered = head.lower()
        place = lowered.find(b"content-length:")
        if status in (204, 304):
            text = b""
        elif place >= 0:
            text = self.take(int(lowered[place + 15:].split(b"\r\n", 1)[0]))
        else:
            text = b""
            while True:
                size = int(self.take_until(b"\r\n"), 16)
                piece = self.take(size + 2)[:-2]
                if size == 0:
                    break
                text += piece
        if status not in (200, 201, 204):
            raise Unable(f"{method} {path}: {status} {last_words(text)}")
        return text

    def more(self):
        data = self.socket.recv(65536)
        if not data:
            raise Unable("the engine closed the connection")
        self.rest += data

    def take(self, count):
        while len(self.rest) < count:
            self.more()
        taken, self.rest = self.rest[:count], self.rest[count:]
        return taken

    def take_until(self, end):
        while end not in self.rest:
            self.more()
        taken, self.rest = self.rest.split(end, 1)
        return taken


class Engine:
    """A docker-like engine."""

    name = ""
    setup = NETWORK
    # Options of `rm -f` that have it kill at once, as others do without being told.
    at_once = ()

    def __init__(self, **options):
        self.place = os.path.join(PLACE, f"{self.name}-{next(counter)}")
        os.makedirs(self.place, mode=0o700)
        self.run_place = os.path.join(RUN, os.path.basename(self.place))
        os.makedirs(self.run_place, mode=0o700)
        self.options = options
        self.cgroup = f"/{CGROUP}/{os.path.basename(self.place)}"
        self.processes = []
        self.view = View("net", "mount", setup="mount --make-rprivate /; " + self.setup)
        try:
            self.start()
        except Exception:
            self.stop()
            raise

    def spawn(self, command, environment=None):
        log = open(os.path.join(self.place, "log"), "ab")  # pylint: disable=consider-using-with
        with self.view.entered():
            process = subprocess.Popen(  # pylint: disable=consider-using-with
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **(environment or {})})
        log.close()
        self.processes.append(process)
        for _ in range(600):
            if process.poll() is not None:
                break
            try:
                Connection(self.socket).call("GET", "/_ping")
                return process
            except (OSError, ValueError, Unable):
                time.sleep(0.05)
        with open(os.path.join(self.place, "log"), "rb") as file:
            raise Unable(f"{command[0]} does not start: {last_words(file.read())}")

    def job(self, *arguments, output=None):
        return Job([*self.cli, *arguments], self.view, self.environment, output=output)

    def run(self, *arguments):
        return self.job(*arguments).text()

    def load(self, image):
        self.run("load", "-q", "-i", os.path.join(IMAGES, f"{image}.tar"))

    def remove_all(self):
        ids = self.run("ps", "-aq").split()
        for i in range(0, len(ids), 50):
            self.remove(*ids[i:i + 50])

    def remove(self, *names):
        self.run("rm", "-f", *self.at_once, *names)

    def stop(self):
        """Everything of it ends; its files stay until the end, as deleting them would slow others down."""
        try:
            if any(process.poll() is None for process in self.processes):
                self.remove_all()
        except (Unable, OSError):
            pass
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        self.view.close()

    def pids(self, *names):
        """Processes of the engine itself that run one of the programs."""
        found = []
        for pid in os.listdir("/proc"):
            try:
                if not pid.isdigit() or os.stat(f"/proc/{pid}/ns/net").st_ino != self.view.network:
                    continue
                # Of 15 bytes at most. The link `exe` of a program that was started by a descriptor tells no name.
                with open(f"/proc/{pid}/comm", encoding="utf-8") as file:
                    program = file.read().strip()
            except OSError:
                continue
            if program in [name[:15] for name in names]:
                found.append(int(pid))
        return found


class Box(Engine):
    name = "box"
    supervisors = ("box-runtime",)
    daemons = ("boxd",)

    def start(self):
        self.socket = f"{self.run_place}/box.sock"
        self.cli = [f"{PROGRAMS}/boxctl"]
        self.environment = {"BOX_HOST": f"unix://{self.socket}"}
        arguments = ["--data-root", f"{self.place}/data", "--run-dir", self.run_place, "--cgroup-parent",
                     self.cgroup, "--bridge", "bx-bench", "--bip", "172.29.0.1/16"]
        self.spawn([f"{PROGRAMS}/boxd", *arguments])


class Docker(Engine):
    name = "docker"
    supervisors = ("containerd-shim-runc-v2", "containerd-shim", "docker-proxy")
    daemons = ("dockerd", "containerd")

    def start(self):
        self.socket = f"{self.run_place}/docker.sock"
        client = "/usr/bin/docker" if os.path.exists("/usr/bin/docker") else "docker"
        self.cli = [client]
        self.environment = {"DOCKER_HOST": f"unix://{self.socket}", "DOCKER_CONFIG": self.place}
        if not shutil.which("dockerd"):
            raise Unable("there is no dockerd")
        arguments = ["--data-root", f"{self.place}/data", "--exec-root", f"{self.run_place}/exec", "--pidfile",
                     f"{self.run_place}/pid", "--host", f"unix://{self.socket}", "--cgroup-parent", self.cgroup,
                     "--bip", "172.28.0.1/16"]
        self.spawn(["dockerd", *arguments, *self.options.get("arguments", [])])


class Podman(Engine):
    name = "podman"
    setup = f"{NETWORK}; {OLD_CGROUPS}"
    supervisors = ("conmon",)
    daemons = ("podman",)
    at_once = ("--time", "0")

    def start(self):
        if not shutil.which("podman"):
            raise Unable("there is no podman")
        self.socket = f"{self.run_place}/podman.sock"
        limits = os.path.join(self.place, "containers.conf")
        with open(limits, "w", encoding="utf-8") as file:
            # Its own default limits may be above what this machine grants.
            file.write('[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n')
        self.environment = {"CONTAINERS_CONF": limits}
        self.cli = ["podman", "--root", f"{self.place}/root", "--runroot", f"{self.run_place}/run", "--tmpdir",
                    f"{self.run_place}/tmp", "--cgroup-manager", "cgroupfs", "--events-backend", "none",
                    "--network-config-dir", f"{self.place}/networks", "--runtime", self.options.get("runtime", "crun")]
        self.spawn([*self.cli, "system", "service", "--time", "0", f"unix://{self.socket}"], self.environment)


ENGINES = {"box": Box, "docker": Docker, "podman": Podman}


class Fleet:
    """The engines, each started when it is asked for; what cannot start says why each time."""

    def __init__(self):
        self.running, self.reasons = {}, {}

    def get(self, name):
        if name in self.reasons:
            raise Unable(self.reasons[name])
        if name not in self.running:
            try:
                engine = ENGINES[name]()
                self.running[name] = engine
                engine.load("busybox")
            except (Unable, OSError) as error:
                self.reasons[name] = str(error)
                raise Unable(self.reasons[name]) from error
        return self.running[name]

    def stop(self):
        for engine in self.running.values():
            engine.stop()
        self.running = {}
