import Basics
import Glibc
import Kernel
import OCI

extension RuntimeCommand {
    func list(_ arguments: CommandArguments) throws(RuntimeError) {
        var arguments = arguments
        var (quiet, json) = (false, false)
        while let option = arguments.nextOption() {
            switch option.name {
            case "quiet", "q": quiet = try arguments.flag(option)
            case "format", "f": json = try Self.isJSON(arguments.value(option))
            default: throw arguments.unknown(option)
            }
        }
        _ = try arguments.words()
        let records = try store.all()
        if quiet {
            for record in records { Self.print(record.id) }
        } else if json {
            Self.printJSON(records.map { FullState($0, store.status(of: $0)) })
        } else {
            let rows = records.map { record in
                let state = FullState(record, store.status(of: record))
                return [state.id, "\(state.pid)", state.status, state.bundle, state.created]
            }
            Self.printTable([["ID", "PID", "STATUS", "BUNDLE", "CREATED"]] + rows)
        }
    }

    func ps(_ arguments: CommandArguments) throws(RuntimeError) {
        var arguments = arguments
        var json = false
        while let option = arguments.nextOption() {
            switch option.name {
            case "format", "f": json = try Self.isJSON(arguments.value(option))
            default: throw arguments.unknown(option)
            }
        }
        let record = try store.read(try arguments.words("ID")[0])
        let pids = try record.cgroupPath.map { path throws(RuntimeError) in try ContainerCgroup.processes(path) } ?? []
        if json { return Self.printJSON(pids) }
        let rows = pids.compactMap { pid -> [String]? in
            guard let status = try? Sys.readText("/proc/\(pid)/status"),
                let line = try? Sys.readFile("/proc/\(pid)/cmdline")
            else { return nil }
            func field(_ name: String) -> String {
                let line = status.split(separator: "\n").first { $0.hasPrefix(name) }
                return line?.split(whereSeparator: { $0 == "\t" || $0 == " " }).dropFirst().first.map(String.init) ?? ""
            }
            let command = String(decoding: line.map { $0 < 32 ? 32 : $0 }, as: UTF8.self)
            return [field("Uid:"), "\(pid)", field("PPid:"), command.isEmpty ? "[\(field("Name:"))]" : command]
        }
        Self.printTable([["UID", "PID", "PPID", "CMD"]] + rows)
    }

    private static func isJSON(_ format: String) throws(RuntimeError) -> Bool {
        guard format == "json" || format == "table" else {
            throw RuntimeError(.request, "--format is «\(format)», and must be table or json")
        }
        return format == "json"
    }

    private static func printTable(_ rows: [[String]]) {
        guard let header = rows.first else { return }
        let widths = header.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        for row in rows {
            var line = ""
            for (column, cell) in row.enumerated() {
                line += cell
                if column < row.count - 1 { line += String(repeating: " ", count: widths[column] - cell.count + 3) }
            }
            Self.print(line)
        }
    }

    /// runtime-spec `features.md`
    func features(_ arguments: CommandArguments) throws(RuntimeError) {
        _ = try arguments.words()
        Self.printJSON(Features())
    }
}

private struct Features: JSONWritable {
    private struct Flag: JSONWritable {
        let enabled: Bool
        func write(to json: inout JSONWriter) { json.object { $0.member("enabled", enabled) } }
    }
    private struct IDMap: JSONWritable {
        func write(to json: inout JSONWriter) { json.object { $0.member("idmap", Flag(enabled: true)) } }
    }
    private struct Cgroup: JSONWritable {
        func write(to json: inout JSONWriter) {
            json.object {
                $0.member("rdma", true)
                $0.member("systemd", false)
                $0.member("systemdUser", false)
                $0.member("v1", true)
                $0.member("v2", true)
            }
        }
    }
    private struct Seccomp: JSONWritable {
        func write(to json: inout JSONWriter) {
            json.object {
                $0.member("actions", SeccompAction.allCases.filter { $0 != .notify })
                $0.member("enabled", true)
                $0.member("operators", SeccompOperator.allCases)
            }
        }
    }
    private struct Linux: JSONWritable {
        func write(to json: inout JSONWriter) {
            json.object {
                $0.member("apparmor", Flag(enabled: true))
                $0.member("capabilities", CapabilityMask.names)
                $0.member("cgroup", Cgroup())
                $0.member("intelRdt", Flag(enabled: false))
                $0.member("mountExtensions", IDMap())
                $0.member("namespaces", LinuxNamespaceType.allCases.filter { $0 != .user })
                $0.member("seccomp", Seccomp())
                $0.member("selinux", Flag(enabled: true))
            }
        }
    }

    func write(to json: inout JSONWriter) {
        json.object {
            $0.member(
                "hooks",
                ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"])
            $0.member("linux", Linux())
            $0.member("mountOptions", MountOptions.known)
            $0.member("ociVersionMax", RuntimeSpecVersion.current)
            $0.member("ociVersionMin", "1.0.0")
        }
    }
}
