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


def memory(bench):
    """Proportional set sizes: of daemons with nothing to do and with 100 idle containers, and of supervisors."""
    result = []
    count = 100 if bench.count >= 30 else 10
    for kind in (Box, Docker, Podman):
        ours = kind is Box
        try:
            engine = kind()
        except (Unable, OSError) as error:
            result.append(Row("daemons", kind.name, "MiB", reason=str(error)))
            continue
        try:
            engine.load("busybox")
            time.sleep(1)
            idle = sum_of(engine, kind.daemons)
            result.append(Row("daemons, nothing runs", kind.name, "MiB", [idle], goal=15 if ours else None))
            start_idle(engine, count)
            time.sleep(1)
            result.append(Row(
                f"daemons, {count} idle containers", kind.name, "MiB", [sum_of(engine, kind.daemons)],
                goal=25 if ours else None))
            result.append(Row(
                f"supervisors for each of {count} containers", kind.name, "MiB",
                [sum_of(engine, kind.supervisors) / count], goal=0.15 if ours else None))
        except (Unable, OSError) as error:
            result.append(Row("daemons", kind.name, "MiB", reason=str(error)))
        finally:
            engine.stop()
    result.sort(key=lambda row: ["daemons, nothing", "daemons, ", "supervisors", ""].index(
        next(start for start in ["daemons, nothing", "daemons, ", "supervisors", ""] if row.what.startswith(start))))
    bench.results.add("memory", result)


def thousand(bench):
    """Start, list and stop: 1,000 containers of Box, 100 of the others, whose thousand would take minutes."""
    result = []
    for kind in (Box, Docker, Podman):
        ours = kind is Box
        count = (1000 if ours else 100) if bench.count >= 30 else 20
        what = f"{count} idle containers: "
        try:
            engine = kind()
        except (Unable, OSError) as error:
            result.append(Row(f"{what}start", kind.name, "s", reason=str(error)))
            continue
        try:
            engine.load("busybox")
            began = time.monotonic()
            start_idle(engine, count)
            result.append(Row(f"{what}start", kind.name, "s", [time.monotonic() - began], goal=20 if ours else None))
            found = in_turns(jobs([(kind.name, lambda engine=engine: engine.job("ps", "-q"))]), bench.few)
            result += rows(f"{what}ps -q", "ms", found, {"box": 50} if ours else {}, 1000)
            began = time.monotonic()
            names = [f"idle-{i}" for i in range(count)]
            for i in range(0, count, 100):
                engine.run("stop", "-t", "0", *names[i:i + 100])
            result.append(Row(f"{what}stop", kind.name, "s", [time.monotonic() - began], goal=20 if ours else None))
        except (Unable, OSError) as error:
            result.append(Row(what, kind.name, "s", reason=str(error)))
        finally:
            engine.stop()
    bench.results.add("thousand", result)


PARTS = {"memory": memory, "thousand": thousand}
