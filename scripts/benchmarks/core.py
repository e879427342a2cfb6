"""Namespaces, timed processes, samples and tables: what all parts of scripts/bench share."""

import contextlib
import ctypes
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAMS = os.path.realpath(os.environ.get("BOX_PROGRAMS") or os.path.join(TOP, ".build", "release"))
IMAGES = os.environ.get("BOX_IMAGE_CACHE") or "/var/cache/box/images"
PLACE = tempfile.mkdtemp(prefix="box-bench-")
# Where engines keep what is of the moment: in memory, as /run is wherever an engine is installed.
RUN = os.path.join(PLACE, "run")
# Seconds before each sample, in which what the one before has left is dealt with: no contender pays for another.
REST = 0.02
# So many rounds are made however long they take.
FEWEST = 3
# The parent of all cgroups that are made here.
CGROUP = os.path.basename(PLACE)

LIBC = ctypes.CDLL(None, use_errno=True)
DEVNULL = os.open("/dev/null", os.O_RDWR)
ERRORS = os.open(os.path.join(PLACE, "errors"), os.O_RDWR | os.O_CREAT | os.O_TRUNC)


class Unable(Exception):
    """Why something cannot be measured here."""


def last_words(data):
    lines = [line for line in data.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it said nothing"


class View:
    """Namespaces of its own. Entered around what is started in it, so that the entering is not measured."""

    def __init__(self, *kinds, setup=":"):
        command = ["unshare", *[f"--{kind}" for kind in kinds], "sh", "-c", f"{setup}; echo; exec sleep infinity"]
        self.holder = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.holder.stdout.readline()
        names = [{"mount": "mnt"}.get(kind, kind) for kind in kinds]
        self.here = [os.open(f"/proc/self/ns/{name}", os.O_RDONLY) for name in names]
        self.there = [os.open(f"/proc/{self.holder.pid}/ns/{name}", os.O_RDONLY) for name in names]
        self.prefix = ["nsenter", *[f"--{kind}=/proc/{self.holder.pid}/ns/{name}" for kind, name in zip(kinds, names)]]
        if "net" in kinds:
            subprocess.run([*self.prefix, "ip", "link", "set", "lo", "up"], check=True)

    @contextlib.contextmanager
    def entered(self):
        place = os.getcwd()
        self.enter(self.there)
        try:
            # A mount namespace begins at its root.
            os.chdir(place)
            yield
        finally:
            self.enter(self.here)
            os.chdir(place)

    @staticmethod
    def enter(descriptors):
        for descriptor in descriptors:
            if LIBC.setns(descriptor, 0) != 0:
                raise OSError(ctypes.get_errno(), "setns")

    @property
    def network(self):
        return os.stat(f"/proc/{self.holder.pid}/ns/net").st_ino

    def close(self):
        self.holder.kill()
        self.holder.wait()


class Nowhere(View):
    """The namespaces that we are in."""

    def __init__(self):  # pylint: disable=super-init-not-called
        self.prefix = []

    @contextlib.contextmanager
    def entered(self):
        yield

    def close(self):
        pass


HERE = Nowhere()


class Job:
    """A command that can be run and timed; posix_spawn and waitpid, and nothing else, are in between."""

    def __init__(self, command, view=HERE, environment=None, cwd=None, output=None):
        self.path = shutil.which(command[0])
        if not self.path:
            raise Unable(f"there is no {command[0]}")
        self.command, self.view, self.cwd = list(command), view, cwd
        self.environment = {**os.environ, **(environment or {})}
        self.output = output

    def seconds(self):
        """Runs it; raises Unable when it fails."""
        os.ftruncate(ERRORS, 0)
        os.lseek(ERRORS, 0, os.SEEK_SET)
        output = os.open(self.output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) if self.output else DEVNULL
        actions = [(os.POSIX_SPAWN_DUP2, DEVNULL, 0), (os.POSIX_SPAWN_DUP2, output, 1),
                   (os.POSIX_SPAWN_DUP2, ERRORS, 2)]
        before = os.getcwd()
        if self.cwd:
            os.chdir(self.cwd)
        try:
            with self.view.entered():
                began = time.monotonic()
                # Python ignores SIGPIPE, and what it starts would too: `yes` writes for ever then.
                pid = os.posix_spawn(
                    self.path, self.command, self.environment, file_actions=actions, setsigdef=[signal.SIGPIPE])
                _, status = os.waitpid(pid, 0)
                took = time.monotonic() - began
        finally:
            os.chdir(before)
            if self.output:
                os.close(output)
        if status != 0:
            said = last_words(os.pread(ERRORS, 65536, 0))
            raise Unable(f"{' '.join(self.command)[:80]}: status {os.waitstatus_to_exitcode(status)}: {said}")
        return took

    def text(self):
        """Runs it; what it prints."""
        with self.view.entered():
            done = subprocess.run(
                self.command, env=self.environment, cwd=self.cwd, capture_output=True, check=False,
                stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise Unable(f"{' '.join(self.command)[:80]}: {last_words(done.stderr)}")
        return done.stdout.decode(errors="replace").strip()


class Row:
    """Samples of one contender for one thing."""

    def __init__(self, what, who, unit, samples=(), reason=None, goal=None):
        self.what, self.who, self.unit = what, who, unit
        self.samples, self.reason, self.goal = sorted(samples), reason, goal

    def part(self, share):
        return self.samples[min(len(self.samples) - 1, int(len(self.samples) * share))]

    @property
    def median(self):
        middle = len(self.samples) // 2
        return self.samples[middle] if len(self.samples) % 2 else sum(self.samples[middle - 1:middle + 1]) / 2

    @property
    def is_ours(self):
        return self.who.startswith("box")

    def as_json(self):
        if self.reason or not self.samples:
            return {"what": self.what, "who": self.who, "reason": self.reason or "no samples"}
        return {
            "what": self.what, "who": self.who, "unit": self.unit, "samples": len(self.samples),
            "median": round(self.median, 4), "p10": round(self.part(0.1), 4), "p90": round(self.part(0.9), 4),
            "p99": round(self.part(0.99), 4), **({"goal": self.goal} if self.goal is not None else {})}


def number(value):
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


class Results:
    """All rows so far; tables are printed part by part."""

    def __init__(self, quiet):
        self.parts, self.quiet, self.text = [], quiet, []

    def say(self, line):
        self.text.append(line)
        if not self.quiet:
            print(line, flush=True)

    def add(self, part, rows):
        self.parts.append((part, rows))
        self.say(f"\n== {part}")
        for what in dict.fromkeys(row.what for row in rows):
            group = [row for row in rows if row.what == what]
            ours = next((row for row in group if row.is_ours and row.samples), None)
            unit = next((row.unit for row in group), "")
            self.say(f"{what}, {unit}".ljust(44) + "   n   median  (p10 to p90)          p99   of Box   goal")
            for row in group:
                self.say(self.line(row, ours))

    @staticmethod
    def line(row, ours):
        if row.reason or not row.samples:
            return f"  {row.who:40} not here: {row.reason or 'no samples'}"
        spread = f"({number(row.part(0.1))} to {number(row.part(0.9))})"
        ratio = f"{row.median / ours.median:6.2f} x" if ours and ours is not row and ours.median else " " * 8
        goal = number(row.goal) if row.goal is not None else ""
        return (f"  {row.who:40} {len(row.samples):4} {number(row.median):>8}  {spread:18} {number(row.part(0.99)):>8}"
                f" {ratio} {goal:>6}").rstrip()

    def as_json(self):
        return {name: [row.as_json() for row in rows] for name, rows in self.parts}


def make_run():
    os.makedirs(RUN, mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=700", "box-bench", RUN], check=True)


def remove_run():
    subprocess.run(["umount", "--lazy", RUN], check=False, stderr=subprocess.DEVNULL)


def in_turns(contenders, count, warm_up=1, budget=None, fewest=FEWEST, peers=()):
    """contenders: [(name, function that returns one sample)]. One sample of each in turn, in another order each time,
    so that nobody always comes after the same one. {name: samples or reason}

    budget: seconds after which no further round is begun, but for the `fewest`: all of them together have a time in
    which to be done, and a slow machine gets fewer samples, which the tables tell.

    peers: names that rest from half of the budget on; what Box is compared with closely gets more samples so."""
    began = time.monotonic()
    found = {name: [] for name, _ in contenders}
    working = []
    for name, function in contenders:
        try:
            for _ in range(warm_up):
                function()
            working.append((name, function))
        except (Unable, OSError, subprocess.SubprocessError) as error:
            found[name] = str(error)
    for turn in range(count):
        spent = time.monotonic() - began
        if budget and turn >= fewest and spent > budget:
            break
        for name, function in random.sample(working, len(working)):
            if isinstance(found[name], str) or budget and turn and spent > budget / 2 and name in peers:
                continue
            time.sleep(REST)
            try:
                found[name].append(function())
            except (Unable, OSError, subprocess.SubprocessError) as error:
                found[name] = f"{error} (after {len(found[name])} samples)"
    return found


def rows(what, unit, found, goals=None, factor=1):
    """Of what `in_turns` returns; goals: {name: goal}."""
    goals = goals or {}
    result = []
    for name, samples in found.items():
        if isinstance(samples, str):
            result.append(Row(what, name, unit, reason=samples))
        else:
            result.append(Row(what, name, unit, [one * factor for one in samples], goal=goals.get(name)))
    return result


def jobs(makers):
    """[(name, function that makes a Job)] as contenders; a Job that cannot be made says why when it is run."""
    def contender(make):
        made = []

        def run():
            if not made:
                made.append(make())
            return made[0].seconds()
        return run
    return [(name, contender(make)) for name, make in makers]


def remove_cgroups():
    for parent, _, _ in os.walk("/sys/fs/cgroup", topdown=False):
        if f"/{CGROUP}" in parent:
            with contextlib.suppress(OSError):
                os.rmdir(parent)
