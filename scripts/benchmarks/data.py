"""Bytes: images in and out, commits, logs."""

import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import time

from core import PLACE, Job, Unable, in_turns, rows
from engines import ENGINES

# What layers of an ordinary size are made of: files of this machine.
SOURCES = ["/usr/share", "/usr/lib", "/usr/bin", "/usr/include", "/opt"]
LAYERS = 5
PEERS = {"docker", "podman", "ctr images import", "umoci unpack"}


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


class BigImage:
    """An image of some hundred megabytes in layers: as an archive with and without gzip, and as an OCI layout."""

    def __init__(self, megabytes):
        self.folder = os.path.join(PLACE, "big")
        os.makedirs(self.folder)
        self.layers = [os.path.join(self.folder, f"layer-{i}.tar") for i in range(LAYERS)]
        self.fill(megabytes << 20)
        for layer in self.layers:
            with open(layer, "rb") as source, open(layer + ".gz", "wb") as target:
                subprocess.run(["pigz", "-6", "-n"], stdin=source, stdout=target, check=True)
        self.compressed = self.archive("compressed", ".gz")
        self.plain = self.archive("plain", "")

    def fill(self, total):
        """Regular files, sorted by name, until each layer has its share."""
        names = (os.path.join(folder, name) for top in SOURCES for folder, _, files in sorted(os.walk(top))
                 for name in sorted(files))
        for layer in self.layers:
            size = 0
            with tarfile.open(layer, "w") as archive:
                for name in names:
                    # Very large ones would make layers of very different sizes.
                    if not os.path.isfile(name) or os.path.islink(name) or os.path.getsize(name) > 8 << 20:
                        continue
                    archive.add(name, recursive=False)
                    size += 1024 + os.path.getsize(name)
                    if size >= total // LAYERS:
                        break

    def archive(self, name, ending):
        """An OCI layout and a docker-archive at once."""
        path = os.path.join(self.folder, f"{name}.tar")
        blobs = [(layer + ending, sha256(layer + ending)) for layer in self.layers]
        config = json.dumps({
            "architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine),
            "os": "linux", "config": {"Cmd": ["/bin/true"]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{sha256(layer)}" for layer in self.layers]},
        }).encode()
        kind = "application/vnd.oci.image.layer.v1.tar" + ("+gzip" if ending else "")
        config_digest = hashlib.sha256(config).hexdigest()
        manifest = json.dumps({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": f"sha256:{config_digest}",
                       "size": len(config)},
            "layers": [{"mediaType": kind, "digest": f"sha256:{digest}", "size": os.path.getsize(layer)}
                       for layer, digest in blobs]}).encode()
        manifest_digest = hashlib.sha256(manifest).hexdigest()
        reference = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": f"sha256:{manifest_digest}",
                     "size": len(manifest), "annotations": {"org.opencontainers.image.ref.name": "latest",
                                                            "io.containerd.image.name": f"localhost/{name}:latest"}}
        small = {
            "oci-layout": b'{"imageLayoutVersion": "1.0.0"}', f"blobs/sha256/{config_digest}": config,
            f"blobs/sha256/{manifest_digest}": manifest,
            "index.json": json.dumps({"schemaVersion": 2, "manifests": [reference]}).encode(),
            "manifest.json": json.dumps([{
                "Config": f"blobs/sha256/{config_digest}", "RepoTags": [f"localhost/{name}:latest"],
                "Layers": [f"blobs/sha256/{digest}" for _, digest in blobs]}]).encode(),
        }
        with tarfile.open(path, "w") as archive:
            for entry, content in small.items():
                info = tarfile.TarInfo(entry)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
            for layer, digest in blobs:
                archive.add(layer, f"blobs/sha256/{digest}")
        return path

    def layout(self, name):
        """For umoci; unpacked before it is measured."""
        folder = os.path.join(self.folder, f"layout-{name}")
        if not os.path.isdir(folder):
            os.makedirs(folder)
            subprocess.run(["tar", "-xf", getattr(self, name), "-C", folder], check=True)
        return folder


def fresh(name):
    """A directory that nothing was deleted from."""
    fresh.count += 1
    path = os.path.join(PLACE, f"fresh-{name}-{fresh.count}")
    os.makedirs(path)
    return path


fresh.count = 0


def settle():
    """What was written before is on the disk, and disturbs nobody."""
    os.sync()


def listed(found):
    """What was noted in turns, which are taken in any order, in the order of the tables."""
    return {name: found[name] for name in ENGINES if name in found}


def load(bench):
    """An image of 606 MB, into an engine that has nothing yet; and out again."""
    image = BigImage(606 if bench.count >= 30 else 60)
    stopped, saves = [], {}

    def engine(name, path, saves):
        def run():
            one = ENGINES[name]()
            stopped.append(one)
            settle()
            took = one.job("load", "-q", "-i", path).seconds()
            if saves is not None:
                out = os.path.join(fresh("save"), "saved.tar")
                try:
                    tag = f"localhost/{os.path.basename(path)[:-4]}:latest"
                    saves.setdefault(name, []).append(one.job("save", "-o", out, tag).seconds())
                except Unable as error:
                    saves[name] = str(error)
                finally:
                    shutil.rmtree(os.path.dirname(out))
            one.stop()
            return took
        return run

    def command(make):
        def run():
            job = Job(["sh", "-ec", make()])
            settle()
            return job.seconds()
        return run

    def containerd(path):
        def run():
            place = fresh("containerd")
            config = os.path.join(place, "config.toml")
            with open(config, "w", encoding="utf-8") as file:
                file.write(f'version = 2\nroot = "{place}/root"\nstate = "{place}/state"\n'
                           f'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "{place}/sock"\n')
            with open(os.path.join(place, "log"), "wb") as log:
                daemon = subprocess.Popen(["containerd", "--config", config], stdout=log, stderr=log)
            try:
                for _ in range(200):
                    if os.path.exists(f"{place}/sock"):
                        break
                    time.sleep(0.05)
                settle()
                return Job(["ctr", "--address", f"{place}/sock", "images", "import", "--base-name", "localhost/big",
                            path]).seconds()
            finally:
                daemon.terminate()
                daemon.wait()
        return run

    result = []
    for kind, goal in [("compressed", 2.3), ("plain", 1.6)]:
        path, ending = getattr(image, kind), ".gz" if kind == "compressed" else ""
        layers = " ".join(layer + ending for layer in image.layers)
        kept = saves if kind == "compressed" else None
        contenders = [(name, engine(name, path, kept)) for name in ENGINES]
        unpack = f"for i in {layers}; do tar -xf $i; done"
        contenders.append(("tar", command(lambda unpack=unpack: f"cd {fresh('tar')}; {unpack}")))
        # An image that is loaded outlives a power cut.
        contenders.append(
            ("tar, on the disk", command(lambda unpack=unpack: f"cd {fresh('tar')}; {unpack}; sync -f .")))
        if ending:
            layout = image.layout(kind)
            contenders += [
                ("ctr images import", containerd(path)),
                ("umoci unpack", command(
                    lambda layout=layout: f"umoci unpack --image {layout}:latest {fresh('umoci')}/b")),
                ("pigz -dc | tar x", command(
                    lambda: f"cd {fresh('tar')}; for i in {layers}; do pigz -dc $i | tar -x; done")),
                ("igzip -dc alone", command(lambda: f"for i in {layers}; do igzip -dc $i >/dev/null; done")),
            ]
        # What is not compressed takes half as long.
        budget = (bench.end - time.monotonic()) * (0.65 if ending else 1)
        found = in_turns(
            contenders, bench.few, warm_up=0, budget=min(max(budget, 1), 190 if ending else 60), fewest=1, peers=PEERS)
        megabytes = sum(os.path.getsize(layer) for layer in image.layers) >> 20
        result += rows(f"load of {megabytes} MB, {kind}", "s", found, {"box": goal})
    result += rows("save of that image", "s", listed(saves), {"box": 1.8})
    for one in stopped:
        shutil.rmtree(one.place, ignore_errors=True)
    bench.results.add("load", result)


def copier(script):
    """What a commit has to write, written by cp."""
    source = fresh("source")
    script = script.replace("/big", f"{source}/big").replace("/many", f"{source}/many")
    subprocess.run(["busybox", "sh", "-c", script], check=True)

    def run():
        target = fresh("copy")
        settle()
        return Job(["sh", "-ec", f"cp -a {source}/. {target}; sync -f {target}"]).seconds()
    return run


def commit(bench):
    """256 MB in one file, and 10,000 small files."""
    scripts = {
        "256 MB in one file": "dd if=/dev/urandom of=/big bs=1M count=256 2>/dev/null",
        "10,000 small files":
            "mkdir /many; i=0; while [ $i -lt 10000 ]; do echo file $i > /many/$i; i=$((i + 1)); done",
    }
    if bench.count < 30:
        scripts = {"16 MB in one file": "dd if=/dev/urandom of=/big bs=1M count=16 2>/dev/null"}
    result = []
    for what, script in scripts.items():
        ready = set()

        def contender(name, script=script, ready=ready):
            def run():
                engine = bench.fleet.get(name)
                if name not in ready:
                    engine.run("run", "--name", "changed", "--network", "none", "busybox", "sh", "-c", script)
                    ready.add(name)
                settle()
                took = engine.job("commit", "changed", "committed:latest").seconds()
                engine.run("rmi", "committed:latest")
                return took
            return run
        contenders = [(name, contender(name)) for name in ENGINES] + [("cp -a, on the disk", copier(script))]
        found = in_turns(contenders, bench.few, warm_up=0, budget=35, peers=PEERS)
        result += rows(f"commit of {what}", "s", found, {"box": 0.5})
        for name in ready:
            bench.fleet.get(name).remove("changed")
    bench.results.add("commit", result)


def log(bench):
    """Lines through standard output into the log, and back; every byte is counted."""
    megabytes = 200 if bench.count >= 30 else 10
    line = "x" * 99
    script = f"yes {line} | head -c {megabytes * 1000000}"
    backs = {}

    def contender(name, attached):
        def run():
            engine = bench.fleet.get(name)
            settle()
            # By default it keeps the newest 30 MB; the others keep everything.
            everything = ["--log-opt", "max-size=1g"] if name == "box" else []
            talker = ["--name", "talker", "--network", "none", *everything, "busybox", "sh", "-c", script]
            try:
                if attached:
                    return engine.job("run", *talker).seconds()
                took = engine.job("run", "-d", *talker).seconds() + engine.job("wait", "talker").seconds()
                read_back(name, engine)
                return took
            finally:
                engine.remove("talker")
        return run

    def read_back(name, engine):
        out = os.path.join(PLACE, "said")
        seconds = engine.job("logs", "talker", output=out).seconds()
        said = os.path.getsize(out)
        if said != megabytes * 1000000:
            backs[name] = f"{said} of {megabytes * 1000000} bytes came back"
        elif not isinstance(backs.get(name), str):
            backs.setdefault(name, []).append(seconds)

    def shell(rest):
        # The same program as in the container: other ones are several times as fast.
        def run():
            settle()
            made = f"busybox yes {line} | busybox head -c {megabytes * 1000000}"
            return Job(["busybox", "sh", "-c", f"{made} {rest}"]).seconds()
        return run
    contenders = [(name, contender(name, False)) for name in ENGINES]
    contenders += [
        ("a pipe to cat > file", shell(f"| busybox cat >{PLACE}/piped")), ("to /dev/null", shell(">/dev/null"))]
    found = in_turns(contenders, bench.few, warm_up=0, budget=70, peers=PEERS)
    result = rows(f"log of {megabytes} MB", "s", found, {"box": 1.4})
    found = in_turns([(name, contender(name, True)) for name in ENGINES], bench.few, warm_up=0, budget=15, fewest=1)
    result += rows(f"log of {megabytes} MB, and a client that reads along", "s", found)
    result += rows(f"reading {megabytes} MB back", "s", listed(backs), {"box": 2})
    bench.results.add("log", result)


PARTS = {"load": load, "commit": commit, "log": log}
