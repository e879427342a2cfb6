import Basics
import Glibc
import Kernel

/// Podman with a store of its own, so that the machine's is left alone.
final class Podman {
    private let place = "/tmp/box-podman-\(Identifier().short)"
    private let options: [String]

    init(runtime: String? = nil) throws {
        try Sys.makeDirectories(place, mode: 0o700)
        // Its own default limits are above what a machine may grant.
        try Sys.replaceFile(
            "\(place)/containers.conf",
            "[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n".utf8)
        options = [
            "--root", "\(place)/root", "--runroot", "\(place)/run", "--tmpdir", "\(place)/tmp", "--storage-driver",
            "vfs",
            "--cgroup-manager", "cgroupfs", "--events-backend", "file",
            "--runtime", runtime ?? Programs.find("runc") ?? "runc",
        ]
    }

    func run(_ arguments: [String]) throws -> Outcome {
        try Running.run("podman", options + arguments, environment: ["CONTAINERS_CONF": "\(place)/containers.conf"])
    }

    /// It has to succeed: its output.
    @discardableResult
    func expect(_ arguments: [String]) throws -> String {
        let outcome = try run(arguments)
        guard outcome.status == 0 else { throw Trouble(outcome.description) }
        return outcome.output.trimmed
    }

    func remove() {
        _ = try? run(["rm", "-af"])
        try? Sys.removeTree(place)
        // It leaves its parent cgroup in every hierarchy; those that somebody uses cannot be removed.
        for hierarchy in (try? Sys.list("/sys/fs/cgroup")) ?? [] where hierarchy.isDirectory {
            let parent = "/sys/fs/cgroup/\(hierarchy.name)/libpod_parent"
            for child in (try? Sys.list(parent)) ?? [] where child.isDirectory {
                try? Sys.unlink("\(parent)/\(child.name)", directory: true)
            }
            try? Sys.unlink(parent, directory: true)
        }
    }
}
