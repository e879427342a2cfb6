import Kernel
import Testing

@Suite(.enabled(if: Programs.areReady, Programs.need))
struct ImageTests {
    @Test("load, tag, history, inspect, rmi; from a file and from a pipe")
    func catalogue() throws {
        try withDaemon(images: []) { box in
            let loaded = try box.box("load", "-i", Programs.image("busybox"))
            #expect(loaded.contains("busybox:latest"))
            let archive = try Sys.readFile(Programs.image("busybox"))
            try box.box(["load"], input: archive)
            #expect(try box.box("images", "--format", "{{.Repository}}:{{.Tag}}").lines == ["busybox:latest"])
            try box.box("tag", "busybox", "localhost:5000/me/mine:1.0")
            let ids = try box.box("images", "-q", "--no-trunc").lines
            #expect(Set(ids).count == 1)
            #expect(try box.box("history", "-q", "busybox").lines.count == 1)
            #expect(try box.box("inspect", "-f", "{{.Os}}", "localhost:5000/me/mine:1.0") == "linux")
            #expect(try box.box("rmi", "busybox").contains("Untagged"))
            #expect(try box.box("run", "--rm", "localhost:5000/me/mine:1.0", "echo", "well") == "well")
            #expect(try box.box("rmi", "localhost:5000/me/mine:1.0").contains("Deleted"))
            #expect(try box.box("images", "-q").isEmpty)
        }
    }

    @Test("A damaged archive is refused, and nothing of it stays")
    func damaged() throws {
        try withDaemon(images: []) { box in
            var archive = try Sys.readFile(Programs.image("busybox"))
            archive[archive.count / 2] ^= 0xff
            let outcome = try box.run(["load"], input: archive)
            #expect(outcome.status == 1)
            let cut = try box.run(["load"], input: Array(archive.prefix(archive.count / 3)))
            #expect(cut.status == 1)
            #expect(try box.run(["load"], input: Array("no archive at all".utf8)).status == 1)
            #expect(try box.box("images", "-aq").isEmpty)
            #expect(try Sys.list("\(box.place)/data/tmp").isEmpty)
        }
    }

    @Test("Image, container, image, container: commit keeps and shares")
    func commits() throws {
        try withDaemon { box in
            try box.box(
                "run", "--name", "source", "busybox", "sh", "-c",
                "echo one > /one; rm -r /var/spool; mkdir /var/spool; touch /var/spool/new")
            try box.box(
                "commit", "-m", "first", "-a", "me", "-c", "ENV X=y", "-c", "CMD [\"cat\", \"/one\"]", "source",
                "chain:1")
            #expect(try box.box("run", "--rm", "chain:1") == "one")
            #expect(try box.box("run", "--rm", "chain:1", "sh", "-c", "echo $X; ls -A /var/spool") == "y\nnew")
            // From a running one, while it writes.
            let id = try box.box(
                "run", "-d", "chain:1", "sh", "-c", "echo two > /two; while true; do date > /now; done")
            try eventually("it writes") { try box.run("exec", id, "test", "-e", "/two").status == 0 }
            try box.box("commit", id, "chain:2")
            #expect(try box.inspect(id, ".State.Status") == "running")
            #expect(try box.box("run", "--rm", "chain:2", "cat", "/one", "/two").lines == ["one", "two"])
            let layers = try ["busybox", "chain:1", "chain:2"].map {
                try box.box("inspect", "-f", "{{range .RootFS.Layers}}{{.}} {{end}}", $0)
            }
            #expect(layers[1].hasPrefix(layers[0].trimmed) && layers[2].hasPrefix(layers[1].trimmed))
            #expect(layers[2].split(separator: " ").count == 3)
            #expect(try box.box("history", "chain:1").contains("first"))
        }
    }

    @Test(
        "What we save, others take",
        .enabled(if: Programs.find("skopeo") != nil && Programs.find("podman") != nil, "needs skopeo and podman"))
    func savedForOthers() throws {
        try withDaemon { box in
            try box.box("run", "--name", "source", "busybox", "sh", "-c", "echo from box > /said; rm /etc/shadow")
            try box.box("commit", "-c", "CMD [\"cat\", \"/said\"]", "source", "fromus:7")
            let archive = "\(box.place)/saved.tar"
            try box.box("save", "-o", archive, "fromus:7")
            let seen = try Running.run("skopeo", ["inspect", "docker-archive:\(archive)"])
            #expect(seen.status == 0, "\(seen)")
            let oci = try Running.run("skopeo", ["inspect", "oci-archive:\(archive)"])
            #expect(oci.status == 0, "\(oci)")
            let podman = try Podman()
            defer { podman.remove() }
            try podman.expect(["load", "-i", archive])
            #expect(try podman.expect(["run", "--rm", "--network", "none", "fromus:7"]) == "from box")
            // And back.
            try box.box("rm", "source")
            try box.box("rmi", "fromus:7")
            try box.box("load", "-i", archive)
            #expect(try box.box("run", "--rm", "fromus:7") == "from box")
        }
    }

    @Test("prune and df")
    func prune() throws {
        try withDaemon { box in
            try box.box("run", "busybox", "true")
            try box.box("volume", "create", "unused")
            #expect(try box.box("system", "df").contains("Images"))
            #expect(try box.box("container", "prune", "-f").contains("Total reclaimed space"))
            #expect(try box.box("ps", "-aq").isEmpty)
            try box.box("image", "prune", "-af")
            #expect(try box.box("images", "-q").isEmpty)
            #expect(try Sys.list("\(box.place)/data/layers").isEmpty)
        }
    }
}
