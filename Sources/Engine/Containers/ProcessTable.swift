import Glibc
import Kernel

/// What `docker top` shows of a container's processes, read from `/proc`: the columns of `ps -ef`, or those
/// named with `-o`.
enum ProcessTable {
    struct Table {
        var titles: [String]
        var rows: [[String]]
    }

    private static let fullFormat = ["uid", "pid", "ppid", "c", "stime", "tty", "time", "cmd"]
    private static let userFormat = [
        "user", "pid", "%cpu", "%mem", "vsz", "rss", "tty", "stat", "start", "time", "command",
    ]

    /// - Parameter arguments: of ps(1): `-ef`, `aux`, or `-o` with a list of columns.
    static func read(_ pids: [Int32], arguments: String) throws -> Table {
        let columns = try columns(arguments)
        let clock = HostClock()
        var rows: [[String]] = []
        for pid in pids.sorted() {
            // It may have ended since: then it is not there.
            guard let process = ProcessStatus(pid) else { continue }
            rows.append(columns.map { process.show($0, clock) })
        }
        return Table(titles: columns.map(title), rows: rows)
    }

    private static func columns(_ arguments: String) throws -> [String] {
        let words = arguments.split(separator: " ").map(String.init)
        var chosen: [String] = []
        var index = 0
        while index < words.count {
            let word = words[index]
            switch word {
            case "-ef", "-e", "-f", "ef": chosen = chosen.isEmpty ? fullFormat : chosen
            case "aux", "-aux", "u", "-u": chosen = userFormat
            case "-o", "o", "-eo":
                index += 1
                guard index < words.count else { throw EngineError(.invalid, "ps -o wants a list of columns") }
                chosen = words[index].split(separator: ",").map { $0.lowercased() }
            case _ where word.hasPrefix("-o") && word.count > 2:
                chosen = word.dropFirst(2).split(separator: ",").map { $0.lowercased() }
            default:
                throw EngineError(
                    .unsupported, "ps option \"\(word)\" is not supported: use -ef, aux, or -o with columns")
            }
            index += 1
        }
        let columns = chosen.isEmpty ? fullFormat : chosen
        for column in columns where title(column).isEmpty {
            throw EngineError(.unsupported, "ps column \"\(column)\" is not supported")
        }
        return columns
    }

    private static func title(_ column: String) -> String {
        switch column {
        case "uid", "pid", "ppid", "c", "stime", "tty", "time", "cmd", "user", "%cpu", "%mem", "vsz", "rss", "stat",
            "start", "command", "comm", "args", "ni", "nlwp", "pgid", "sid":
            column.uppercased()
        case "etime": "ELAPSED"
        case "euid": "EUID"
        case "gid": "GID"
        default: ""
        }
    }
}

/// What is the same for all processes.
private struct HostClock {
    let ticks = Double(max(1, sysconf(Int32(_SC_CLK_TCK))))
    let pageSize = Int(sysconf(Int32(_SC_PAGESIZE)))
    let uptime: Double
    let memory: Double
    init() {
        uptime = Double(Clock.boottime()) / 1e9
        memory = Double(sysconf(Int32(_SC_PHYS_PAGES)) * pageSize)
    }
}

/// `/proc/PID/stat`, `status` and `cmdline`, proc(5).
private struct ProcessStatus {
    let pid: Int32
    let name: String
    /// From the state (field 3) on.
    let fields: [Substring]
    let uid: String
    let gid: String
    let arguments: String

    init?(_ pid: Int32) {
        guard let stat = try? Sys.readText("/proc/\(pid)/stat"), let open = stat.firstIndex(of: "("),
            // The name may hold parentheses itself.
            let close = stat.lastIndex(of: ")")
        else { return nil }
        self.pid = pid
        name = String(stat[stat.index(after: open)..<close])
        fields = stat[stat.index(after: close)...].split(separator: " ")
        guard fields.count > 22 else { return nil }
        let status = (try? Sys.readText("/proc/\(pid)/status")) ?? ""
        func id(_ key: String) -> String {
            let line = status.split(separator: "\n").first { $0.hasPrefix(key) }
            return line?.split(separator: "\t").dropFirst().first.map(String.init) ?? "?"
        }
        uid = id("Uid:")
        gid = id("Gid:")
        let words = ((try? Sys.readFile("/proc/\(pid)/cmdline")) ?? []).split(separator: 0).map {
            String(decoding: $0, as: UTF8.self)
        }
        arguments = words.isEmpty ? "[\(name)]" : words.joined(separator: " ")
    }

    private func number(_ field: Int) -> Double { Double(fields[field - 3]) ?? 0 }

    func show(_ column: String, _ clock: HostClock) -> String {
        let cpu = (number(14) + number(15)) / clock.ticks
        let age = max(0, clock.uptime - number(22) / clock.ticks)
        switch column {
        case "uid", "user", "euid": return uid == "0" ? "root" : uid
        case "gid": return gid
        case "pid": return "\(pid)"
        case "ppid": return String(fields[1])
        case "pgid": return String(fields[2])
        case "sid": return String(fields[3])
        case "ni": return String(fields[16])
        case "nlwp": return String(fields[17])
        case "c": return "\(age > 0 ? Int(cpu / age * 100) : 0)"
        case "%cpu": return oneDecimal(age > 0 ? cpu / age * 100 : 0)
        case "%mem": return oneDecimal(number(24) * Double(clock.pageSize) / clock.memory * 100)
        case "vsz": return "\(Int(number(23)) / 1024)"
        case "rss": return "\(Int(number(24)) * clock.pageSize / 1024)"
        case "stat": return String(fields[0])
        case "tty": return terminal
        case "time": return clockText(Int(cpu), full: true)
        case "etime": return clockText(Int(age), full: false)
        case "stime", "start": return startText(age)
        case "comm": return name
        default: return arguments
        }
    }

    private var terminal: String {
        let device = Int(number(7))
        let major = device >> 8 & 0xfff
        if device == 0 { return "?" }
        return major == 136 ? "pts/\(device & 0xff | device >> 12 & 0xfff00)" : "tty\(device & 0xff)"
    }

    private func oneDecimal(_ value: Double) -> String { "\((value * 10).rounded() / 10)" }

    private func clockText(_ seconds: Int, full: Bool) -> String {
        func two(_ n: Int) -> String { n < 10 ? "0\(n)" : "\(n)" }
        let tail = "\(two(seconds / 60 % 60)):\(two(seconds % 60))"
        return full || seconds >= 3600 ? "\(two(seconds / 3600)):\(tail)" : tail
    }

    private func startText(_ age: Double) -> String {
        var start = time_t(Clock.realtime() / 1_000_000_000) - time_t(age)
        var parts = tm()
        localtime_r(&start, &parts)
        func two(_ n: Int32) -> String { n < 10 ? "0\(n)" : "\(n)" }
        return "\(two(parts.tm_hour)):\(two(parts.tm_min))"
    }
}
