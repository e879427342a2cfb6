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
            try Self.printJSON(records.map { FullState($0, store.status(of: $0)) })
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
        if json { return try Self.printJSON(pids) }
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
        try Self.printJSON(Features())
    }
}

private struct Features: Encodable {
    struct Flag: Encodable { let enabled: Bool }
    struct Cgroup: Encodable {
        let v1 = true
        let v2 = true
        let systemd = false
        let systemdUser = false
        let rdma = true
    }
    struct Seccomp: Encodable {
        let enabled = true
        let actions = SeccompAction.allCases.filter { $0 != .notify }.map(\.rawValue)
        let operators = SeccompOperator.allCases.map(\.rawValue)
    }
    struct IDMap: Encodable { let idmap = Flag(enabled: true) }
    struct Linux: Encodable {
        let namespaces = LinuxNamespaceType.allCases.filter { $0 != .user }.map(\.rawValue)
        let capabilities = CapabilityMask.names
        let cgroup = Cgroup()
        let seccomp = Seccomp()
        let apparmor = Flag(enabled: true)
        let selinux = Flag(enabled: true)
        let intelRdt = Flag(enabled: false)
        let mountExtensions = IDMap()
    }
    let ociVersionMin = "1.0.0"
    let ociVersionMax = RuntimeSpecVersion.current
    let hooks = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]
    let mountOptions = MountOptions.known
    let linux = Linux()
}
