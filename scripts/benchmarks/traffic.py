"""Published ports: requests per second through each engine's way in, beside the container's own address."""

import json
import os
import re
import shutil
import subprocess
import time

from core import HERE, PLACE, PROGRAMS, TOP, Job, Row, Unable, View, in_turns, rows
from engines import NETWORK

SECONDS = 0.3
ADDRESS = "10.80.0.1"
PORT = 8082
HAPROXY = f"""global
    maxconn 4096
defaults
    mode tcp
    timeout connect 2s
    timeout client 30s
    timeout server 30s
listen web
    bind {ADDRESS}:{PORT}
    server one 127.0.0.1:8080
"""
NGINX = f"""daemon off;
worker_processes auto;
pid {PLACE}/nginx.pid;
error_log {PLACE}/nginx.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {PLACE}/nginx-body;
    proxy_temp_path {PLACE}/nginx-proxy;
    fastcgi_temp_path {PLACE}/nginx-fastcgi;
    uwsgi_temp_path {PLACE}/nginx-uwsgi;
    scgi_temp_path {PLACE}/nginx-scgi;
    upstream web {{ server 127.0.0.1:8080; keepalive 64; }}
    server {{
        listen {ADDRESS}:{PORT + 1};
        location / {{ proxy_pass http://web; proxy_http_version 1.1; proxy_set_header Connection ""; }}
    }}
}}
"""


def wrk(view, url, keeps):
    """Requests per second with 32 connections."""
    fields = [] if keeps else ["-H", "Connection: close"]
    # It counts whole seconds; told to end, it says what it has.
    limited = ["timeout", "--preserve-status", "--signal=INT", str(SECONDS)]
    text = Job([*limited, "wrk", "-t1", "-c32", "-d9s", *fields, url], view).text()
    found = re.search(r"Requests/sec:\s*([\d.]+)", text)
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    if not found or float(found.group(1)) < 1 or errors and int(errors.group(1)) + int(errors.group(4)) > 0:
        raise Unable(f"wrk {url}: {' '.join(text.split())[-200:]}")
    return float(found.group(1))


class Published:
    """A container of `web` on a port of an engine, and a neighbour: another namespace with a cable to the engine's."""

    def __init__(self, engine):
        self.engine = engine
        engine.load("web")
        engine.run("run", "-d", "--name", "served", "-p", f"{PORT}:8080", "web")
        pid = engine.run("inspect", "-f", "{{.State.Pid}}", "served")
        self.address = address_of(pid)
        self.neighbour = View("net")
        name = "nb0"
        holder = str(self.neighbour.holder.pid)
        ip = [*engine.view.prefix, "ip"]
        for command in [
                [*ip, "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", holder],
                [*ip, "address", "add", "10.78.0.1/24", "dev", name], [*ip, "link", "set", name, "up"],
                [*self.neighbour.prefix, "ip", "address", "add", "10.78.0.2/24", "dev", "eth0"],
                [*self.neighbour.prefix, "ip", "link", "set", "eth0", "up"],
                [*self.neighbour.prefix, "ip", "route", "add", "default", "via", "10.78.0.1"]]:
            subprocess.run(command, check=True, capture_output=True)

    def close(self):
        self.neighbour.close()
        self.engine.remove("served")


def address_of(pid):
    """Its own, and not 127.0.0.1."""
    text = Job(["nsenter", "--net", f"--target={pid}", "ip", "-j", "-4", "address"]).text()
    for link in json.loads(text):
        for one in link.get("addr_info", []):
            if one.get("scope") == "global":
                return one["local"]
    raise Unable("the container has no address")


class Routed:
    """What a packet does in any case: from elsewhere a cable to a host and a route, from both a bridge and a cable to
    the server; and no rule anywhere, or the one without which nothing is published by nftables."""

    URL = "http://10.77.0.2:8080/"
    PUBLISHED = f"http://{ADDRESS}:{PORT}/"
    RULE = "table ip one {" + "".join(
        f" chain {hook} {{ type nat hook {hook} priority -100; tcp dport {PORT} dnat to 10.77.0.2:8080; }};"
        for hook in ("output", "prerouting")) + " }"

    def __init__(self, rule=""):
        self.host, self.server, self.client = View("net"), View("net"), View("net")
        for name, view, net in [("server", self.server, "10.77.0"), ("client", self.client, "10.78.0")]:
            ip = [*self.host.prefix, "ip"]
            inside = [*view.prefix, "ip"]
            for command in [
                    [*ip, "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns",
                     str(view.holder.pid)],
                    [*ip, "link", "set", name, "up"], [*inside, "address", "add", f"{net}.2/24", "dev", "eth0"],
                    [*inside, "link", "set", "eth0", "up"],
                    [*inside, "route", "add", "default", "via", f"{net}.1"]]:
                subprocess.run(command, check=True, capture_output=True)
        script = ("ip link add br0 type bridge; ip link set server master br0; ip link set br0 up; "
                  "ip address add 10.77.0.1/24 dev br0; ip address add 10.78.0.1/24 dev client; "
                  "echo 1 >/proc/sys/net/ipv4/ip_forward")
        if rule:
            script += f"; {NETWORK}; nft '{rule}'"
        subprocess.run([*self.host.prefix, "sh", "-ec", script], check=True, capture_output=True)
        with self.server.entered():
            self.process = subprocess.Popen([f"{PROGRAMS}/web"], env={**os.environ, "WEB_PORT": "8080"})
        time.sleep(0.5)

    def close(self):
        self.process.terminate()
        self.process.wait()
        for view in (self.host, self.server, self.client):
            view.close()


def port(bench):
    """With kept connections, and with one for each request."""
    published, others, result = {}, [], []

    def place(name):
        if name not in published:
            engine = bench.fleet.get(name)
            published[name] = Published(engine)
            time.sleep(1)
        return published[name]

    def server():
        """No container: the same server, in a namespace of its own."""
        if "bare" not in published:
            view = View("net", setup=NETWORK)
            with view.entered():
                process = subprocess.Popen([f"{PROGRAMS}/web"], env={**os.environ, "WEB_PORT": "8080"})
            published["bare"] = view
            others.append((process, view))
            time.sleep(0.5)
        return published["bare"]

    def routed(name, *rule):
        if name not in published:
            published[name] = Routed(*rule)
        return published[name]

    def proxy(name, text, *command):
        """In front of the server above."""
        if name not in published:
            path = os.path.join(PLACE, f"{name}.conf")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            if not shutil.which(name):
                raise Unable(f"there is no {name}")
            view = server()
            with view.entered():
                process = subprocess.Popen([name, *command, path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            others.append((process, HERE))
            published[name] = view
            time.sleep(0.5)
        return published[name]

    def ways(keeps):
        url = f"http://{ADDRESS}:{PORT}/"
        yield "box, published, from the host", lambda: wrk(place("box").engine.view, url, keeps)
        yield "box, published, from elsewhere", lambda: wrk(place("box").neighbour, url, keeps)
        yield "box, the container itself", lambda: wrk(
            place("box").engine.view, f"http://{place('box').address}:8080/", keeps)
        yield "no container", lambda: wrk(server(), "http://127.0.0.1:8080/", keeps)
        yield "no engine, one rule, from the host", lambda: wrk(
            routed("ruled", Routed.RULE).host, Routed.PUBLISHED, keeps)
        yield "no engine, one rule, from elsewhere", lambda: wrk(
            routed("ruled", Routed.RULE).client, Routed.PUBLISHED, keeps)
        yield "no engine, beside that rule", lambda: wrk(routed("ruled", Routed.RULE).host, Routed.URL, keeps)
        yield "no engine, no rules, from elsewhere", lambda: wrk(routed("bare cables").client, Routed.URL, keeps)
        for name in ("docker", "podman"):
            yield f"{name}, published, from the host", lambda name=name: wrk(place(name).engine.view, url, keeps)
            yield f"{name}, published, from elsewhere", lambda name=name: wrk(place(name).neighbour, url, keeps)
        yield "docker-proxy", lambda: wrk(place("docker").engine.view, f"http://127.0.0.1:{PORT}/", keeps)
        yield "HAProxy, layer 4", lambda: wrk(proxy("haproxy", HAPROXY, "-db", "-f"), url, keeps)
        yield "nginx, layer 7", lambda: wrk(
            proxy("nginx", NGINX, "-p", PLACE, "-c"), f"http://{ADDRESS}:{PORT + 1}/", keeps)
    try:
        for what, keeps in [("32 kept connections", True), ("a connection each", False)]:
            all_ways = list(ways(keeps))
            peers = {name for name, _ in all_ways if not name.startswith(("box", "no engine"))}
            found = in_turns(all_ways, bench.few * 4, warm_up=0, budget=50, peers=peers)
            direct = found["box, the container itself"]
            goal = round(0.95 * sorted(direct)[len(direct) // 2]) if not isinstance(direct, str) and direct else None
            goals = {"box, published, from the host": goal, "box, published, from elsewhere": goal}
            result += rows(f"requests with {what}", "per s", found, goals)
    finally:
        for process, view in reversed(others):
            process.terminate()
            process.wait()
            view.close()
        for one in published.values():
            if isinstance(one, (Published, Routed)):
                one.close()
    bench.results.add("port", result)


def swap(bench):
    """A rolling swap of four instances under load, beside Docker Swarm's."""
    result = []
    environment = {"BOX_PROGRAMS": PROGRAMS}
    quick = [] if bench.count >= 30 else ["--quick"]
    text = subprocess.run(
        [f"{TOP}/scripts/swap-test", "--json", *quick, "swarm"], capture_output=True, text=True, check=False,
        env={**os.environ, **environment})
    try:
        values = json.loads(text.stdout.splitlines()[-1])["values"]
    except (IndexError, ValueError, KeyError):
        values = {}
    for name, key, goal in [("box", "box", None), ("box, without its waits", "box_net", 3),
                            ("swarm start-first", "swarm_start_first", None),
                            ("swarm stop-first", "swarm_stop_first", None)]:
        seconds = values.get("box_net") if key == "box_net" else values.get(f"{key}_seconds")
        if seconds is None:
            said = (text.stderr.strip().splitlines() or ["it was not measured"])[-1]
            result.append(Row("a swap of 4 instances under load", name, "s", reason=said))
            continue
        result.append(Row("a swap of 4 instances under load", name, "s", [float(seconds)], goal=goal))
        if key != "box_net":
            lost = float(values.get(f"{key}_failed") or 0)
            result.append(Row("requests lost in it", name, "requests", [lost], goal=0 if key == "box" else None))
    result.sort(key=lambda row: row.what)
    bench.results.add("swap", result)


PARTS = {"port": port, "swap": swap}
