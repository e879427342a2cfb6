"""Many containers: what an idle one costs, and how a thousand of them are handled."""

import time

from core import Row, Unable, in_turns, jobs, rows
from engines import Box, Connection, Docker, Podman

IDLE = {"Image": "busybox", "Cmd": ["sleep", "1000000"], "HostConfig": {"NetworkMode": "none"}}


def proportional_set(pid):
    """MiB."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as file:
            for line in file:
                if line.startswith("Pss:"):
                    return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0.0


def sum_of(engine, names):
    return sum(proportional_set(pid) for pid in engine.pids(*names))


def start_idle(engine, count, content=None):
    connection = Connection(engine.socket)
    for i in range(count):
        name = f"idle-{i}"
        connection.call("POST", f"/v1.40/containers/create?name={name}", content or IDLE)
        connection.call("POST", f"/v1.40/containers/{name}/start")


def hundred(kind, count):
    """Rows of one engine: what it takes to hold so many idle containers."""
    goals = {"nothing": 15, "many": 25, "each": 0.15} if kind is Box else {}

    def row(what, unit, sample, goal=None):
        return Row(what, kind.name, unit, [sample], goal=goal)
    engine = kind()
    try:
        engine.load("busybox")
        time.sleep(1)
        found = [row("daemons, nothing runs", "MiB", sum_of(engine, kind.daemons), goals.get("nothing"))]
        began = time.monotonic()
        start_idle(engine, count)
        took = time.monotonic() - began
        time.sleep(1)
        found += [
            row(f"daemons, {count} idle containers", "MiB", sum_of(engine, kind.daemons), goals.get("many")),
            row(f"supervisors for each of {count} containers", "MiB", sum_of(engine, kind.supervisors) / count,
                goals.get("each")),
            row(f"start of {count} containers", "s", took)]
        began = time.monotonic()
        engine.run("stop", "-t", "0", *[f"idle-{i}" for i in range(count)])
        return [*found, row(f"stop of {count} containers", "s", time.monotonic() - began)]
    finally:
        engine.stop()


def memory(bench):
    """Proportional set sizes: of daemons with nothing to do and with 100 idle containers, and of supervisors."""
    result = []
    for kind in (Box, Docker, Podman):
        try:
            result += hundred(kind, 100 if bench.count >= 30 else 10)
        except (Unable, OSError) as error:
            result.append(Row("daemons, nothing runs", kind.name, "MiB", reason=str(error)))
    bench.results.add("memory", result)


def thousand(bench):
    """Start, list and stop a thousand containers; the part `memory` has a hundred of the others beside ours."""
    count = 1000 if bench.count >= 30 else 20
    what = f"{count} idle containers: "
    engine = Box()
    try:
        engine.load("busybox")
        began = time.monotonic()
        start_idle(engine, count)
        result = [Row(f"{what}start", "box", "s", [time.monotonic() - began], goal=20)]
        found = in_turns(jobs([("box", lambda: engine.job("ps", "-q"))]), bench.few)
        result += rows(f"{what}ps -q", "ms", found, {"box": 50}, 1000)
        began = time.monotonic()
        names = [f"idle-{i}" for i in range(count)]
        for i in range(0, count, 100):
            engine.run("stop", "-t", "0", *names[i:i + 100])
        result.append(Row(f"{what}stop", "box", "s", [time.monotonic() - began], goal=20))
    except (Unable, OSError) as error:
        result = [Row(f"{what}start", "box", "s", reason=str(error))]
    finally:
        engine.stop()
    bench.results.add("thousand", result)


PARTS = {"memory": memory, "thousand": thousand}
