import Glibc
import Kernel
import Testing

/// What a daemon may not leave behind.
enum Residue {
    static func cleanUp(_ daemon: Daemon) throws {
        if daemon.pid == nil { try daemon.start() }
        let containers = try daemon.box("ps", "-aq").lines
        if !containers.isEmpty { try daemon.box(["rm", "-f", "-v"] + containers) }
        let status = try daemon.terminate()
        #expect(status == 0, "boxd ends well after SIGTERM: \(daemon.log.suffix(2000))")

        // What has been killed takes a moment to go.
        try? eventually("nothing is left") { left(by: daemon).isEmpty }
        let found = left(by: daemon)
        #expect(found.isEmpty, "left behind: \(found.joined(separator: "\n"))")
        if !found.isEmpty { destroy(daemon) }
        removeCgroups(daemon)
    }

    private static func left(by daemon: Daemon) -> [String] {
        let mounts = ((try? Sys.readText("/proc/self/mountinfo")) ?? "").lines.filter { $0.contains(daemon.name) }
        let folders = ["data/containers", "data/tmp", "run/containers"].flatMap { folder in
            ((try? Sys.list("\(daemon.place)/\(folder)")) ?? []).map { "file \(folder)/\($0.name)" }
        }
        let links = ((try? Sys.list("/sys/class/net")) ?? []).map(\.name).filter {
            $0 == daemon.networks.bridge || $0.hasPrefix(daemon.networks.linkPrefix)
        }
        let tables = Programs.find("nft").flatMap { try? Running.run($0, ["list", "tables"]).output.lines } ?? []
        let network =
            links.map { "link \($0)" } + tables.filter { $0.hasSuffix("box-\(daemon.networks.bridge)") }
        return mounts.map { "mount \($0)" } + folders + network + processes(of: daemon).map { "process \($0.1)" }
            + cgroups(daemon).dropFirst(0).filter { !$0.hasSuffix("/" + daemon.name) }.map { "cgroup \($0)" }
    }

    /// Those whose command line or cgroup names the daemon.
    private static func processes(of daemon: Daemon) -> [(Int32, String)] {
        ((try? Sys.list("/proc")) ?? []).compactMap { entry in
            guard let pid = Int32(entry.name), pid != getpid() else { return nil }
            let command = ((try? Sys.readText("/proc/\(pid)/cmdline")) ?? "").split(separator: "\0").joined(
                separator: " ")
            let groups = (try? Sys.readText("/proc/\(pid)/cgroup")) ?? ""
            // Zombies of other tests' children have neither.
            return command.contains(daemon.name) || groups.contains(daemon.name) ? (pid, "\(pid) \(command)") : nil
        }
    }

    /// In all hierarchies, deepest first.
    private static func cgroups(_ daemon: Daemon) -> [String] {
        func below(_ path: String) -> [String] {
            let children = ((try? Sys.list(path)) ?? []).filter(\.isDirectory)
            return children.flatMap { below("\(path)/\($0.name)") } + [path]
        }
        let top = "/sys/fs/cgroup"
        let hierarchies = [top] + ((try? Sys.list(top)) ?? []).filter(\.isDirectory).map { "\(top)/\($0.name)" }
        return hierarchies.map { $0 + daemon.cgroup }.filter { Sys.exists($0) }.flatMap(below)
    }

    private static func removeCgroups(_ daemon: Daemon) {
        for path in cgroups(daemon) { try? Sys.unlink(path, directory: true) }
    }

    /// By force, so that one failure does not disturb other tests.
    static func destroy(_ daemon: Daemon) {
        try? daemon.kill()
        for (pid, _) in processes(of: daemon) { _ = try? Processes.kill(pid, SIGKILL) }
        pause(0.3)
        removeCgroups(daemon)
    }
}
