"""scripts/bench, once everything that it needs is installed."""

import argparse
import datetime
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time

import data
import many
import starting
import traffic
from core import IMAGES, PLACE, PROGRAMS, TOP, Job, Results, Unable, make_run, remove_cgroups, remove_run
from engines import Fleet

# The one that a slow disk makes longest comes last, and has what is left of the time.
PARTS = {**starting.PARTS, **many.PARTS, **data.PARTS, **traffic.PARTS}
PARTS["load"] = PARTS.pop("load")
# Of all parts together.
SECONDS = 1150


class Bench:
    """What the parts share."""

    def __init__(self, options):
        self.count = options.count
        self.few = max(1, min(5, options.count // 6))
        self.end = time.monotonic() + SECONDS
        self.results = Results(options.json)
        self.fleet = Fleet()
        self.made_bundles = None
        make_run()

    @property
    def bundles(self):
        if self.made_bundles is None:
            self.made_bundles = starting.Bundles()
        return self.made_bundles

    def close(self):
        self.fleet.stop()
        if self.made_bundles:
            self.made_bundles.close()
        remove_cgroups()
        remove_run()
        shutil.rmtree(PLACE, ignore_errors=True)


def machine():
    """What was measured, and on what."""
    def version(*command):
        try:
            return Job(command).text().splitlines()[0]
        except (Unable, IndexError, OSError) as error:
            return f"not here: {error}"
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    with open("/proc/meminfo", encoding="utf-8") as file:
        memory = int(file.readline().split()[1]) // 1024
    commit = subprocess.run(
        ["git", "-C", TOP, "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return {
        "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"), "kernel": platform.release(),
        "cores": os.cpu_count(), "cpu": models[0] if models else "unknown", "memory_mib": memory,
        "load": " ".join(f"{one:.2f}" for one in os.getloadavg()), "box": commit.stdout.strip() or "unknown",
        "docker": version("dockerd", "--version"), "containerd": version("containerd", "--version"),
        "podman": version("podman", "--version"), "crun": version("crun", "--version"),
        "runc": version("runc", "--version"), "bubblewrap": version("bwrap", "--version"),
        "umoci": version("umoci", "--version"), "haproxy": version("haproxy", "-v"),
    }


def keep(bench, about):
    folder = os.path.join(TOP, "scripts", "bench-results")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, about["date"][:10])
    with open(path + ".json", "w", encoding="utf-8") as file:
        json.dump({"machine": about, "parts": bench.results.as_json()}, file, indent=1)
        file.write("\n")
    with open(path + ".txt", "w", encoding="utf-8") as file:
        file.write("\n".join(bench.results.text) + "\n")
    print(f"bench: kept as {path}.txt and .json", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench", usage="scripts/bench [--count N] [--json] [--keep] [NAME…]")
    parser.add_argument("--count", type=int, default=30)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    for name in options.names:
        if name not in PARTS:
            sys.exit(f"bench: there is no part {name}; there are {' '.join(PARTS)}")
    programs = [f"{PROGRAMS}/{name}" for name in ("boxd", "boxctl", "life-load", "life-floor")]
    for path in [*programs, f"{IMAGES}/busybox.tar", f"{IMAGES}/web.tar"]:
        if not os.path.exists(path):
            sys.exit(f"bench: there is no {path} (swift build -c release; scripts/build-images busybox web)")
    # As Ctrl-C does: what was started is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench: told to end"))
    bench = Bench(options)
    about = machine()
    for key, value in about.items():
        bench.results.say(f"{key:12} {value}")
    try:
        began = time.monotonic()
        for name in options.names or PARTS:
            part_began = time.monotonic()
            PARTS[name](bench)
            bench.results.say(f"({name}: {time.monotonic() - part_began:.0f} s)")
        bench.results.say(f"\nall of it: {time.monotonic() - began:.0f} s")
        bench.results.say(f"\nload at the end: {' '.join(f'{one:.2f}' for one in os.getloadavg())}")
    finally:
        bench.close()
    if options.json:
        print(json.dumps({"machine": about, "parts": bench.results.as_json()}))
    if options.keep:
        keep(bench, about)


main()
