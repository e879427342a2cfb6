import Basics
import HTTP
import Kernel

/// `stats`.
package enum StatsCommand {
    static let spec = CommandSpec(
        "stats", aliases: ["container stats"], usage: "[CONTAINER...]", operands: 0...Int.max,
        "Display a live stream of container(s) resource usage statistics",
        flags: {
            [
                .bool("all", "a", "Show all containers (default shows just running)"), .format,
                .bool("no-stream", nil, "Print one result and end"), .noTruncation,
            ]
        }, run: run)

    private static let titles: [(member: String, title: String)] = [
        ("Container", "CONTAINER"), ("ID", "CONTAINER ID"), ("Name", "NAME"), ("CPUPerc", "CPU %"),
        ("MemUsage", "MEM USAGE / LIMIT"), ("MemPerc", "MEM %"), ("NetIO", "NET I/O"), ("BlockIO", "BLOCK I/O"),
        ("PIDs", "PIDS"),
    ]
    private static let second: Int64 = 1_000_000_000

    /// One sample of each container a second. The share of the processor comes from two of them.
    private static func run(_ call: Invocation) throws -> Int32 {
        let format = call.arguments.text("format")
        let long = call.arguments.bool("no-trunc")
        let streams = !call.arguments.bool("no-stream")
        let isTerminal = Terminal.isTerminal(1)
        var before: [String: JSONValue] = [:]
        var isFirst = true
        while true {
            var samples: [(String, JSONValue)] = []
            for name in try names(call) {
                if let sample = try sample(call, name) { samples.append((name, sample)) }
            }
            if !isFirst || samples.isEmpty {
                var listing = Listing(
                    titles: titles,
                    columns: ["ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs"],
                    quietMember: "ID")
                listing.rows = samples.map { row($0.1, before: before[$0.0], asked: $0.0, long: long) }
                let text = try listing.text(format: format, quiet: false)
                // From the upper left corner, each line's old rest erased, and what is below.
                try Output.write(
                    streams && isTerminal
                        ? "\u{1b}[H" + text.split(on: "\n").joined(separator: "\u{1b}[K\n") + "\u{1b}[J" : text)
                if !streams { return 0 }
            } else if streams, isTerminal {
                try Output.write("\u{1b}[H\u{1b}[2J")
            }
            isFirst = false
            before = Dictionary(samples) { $1 }
            Clock.sleep(nanoseconds: second)
        }
    }

    private static func names(_ call: Invocation) throws -> [String] {
        if !call.arguments.operands.isEmpty { return call.arguments.operands }
        let query: Query = call.arguments.bool("all") ? ["all": "1"] : [:]
        return try call.client.get("/containers/json", query).array.map { $0["Id"].text }
    }

    /// nil of a container that is gone, unless it was named.
    private static func sample(_ call: Invocation, _ name: String) throws -> JSONValue? {
        do { return try call.client.get(Path.container(name, "stats"), ["stream": "0", "one-shot": "1"]) } catch let
            error as DaemonError
        {
            if error.isNotFound, call.arguments.operands.isEmpty { return nil }
            throw error
        }
    }

    package static func row(_ sample: JSONValue, before: JSONValue?, asked: String, long: Bool) -> JSONValue {
        let id = sample["id"].text
        let name = sample["name"].text
        let memory = sample["memory_stats"]
        let limit = memory["limit"].number ?? 0
        let used = usedMemory(memory)
        let isRunning = !memory["usage"].isNull
        let network = sample["networks"].members.reduce((Int64(0), Int64(0))) {
            ($0.0 + ($1.value["rx_bytes"].integer ?? 0), $0.1 + ($1.value["tx_bytes"].integer ?? 0))
        }
        let blocks = sample["blkio_stats"]["io_service_bytes_recursive"].array.reduce((Int64(0), Int64(0))) {
            sum, entry in
            let value = entry["value"].integer ?? 0
            switch entry["op"].text.lowercased() {
            case "read": return (sum.0 + value, sum.1)
            case "write": return (sum.0, sum.1 + value)
            default: return sum
            }
        }
        let members: [(String, String)] = [
            ("BlockIO", isRunning ? "\(ByteCount.decimal(blocks.0)) / \(ByteCount.decimal(blocks.1))" : "--"),
            ("CPUPerc", isRunning ? percent(cpu(sample, before: before)) : "--"),
            ("Container", asked),
            ("ID", PsCommand.shortID(id, long: long)),
            ("MemPerc", isRunning ? percent(limit > 0 ? used / limit * 100 : 0) : "--"),
            (
                "MemUsage",
                isRunning ? "\(ByteCount.binary(Int64(used))) / \(ByteCount.binary(Int64(limit)))" : "-- / --"
            ),
            ("Name", name.hasPrefix("/") ? String(name.dropFirst()) : name),
            ("NetIO", isRunning ? "\(ByteCount.decimal(network.0)) / \(ByteCount.decimal(network.1))" : "--"),
            ("PIDs", isRunning ? "\(sample["pids_stats"]["current"].integer ?? 0)" : "--"),
        ]
        return .object(JSONObject(members.map { JSONObject.Member($0.0, .string($0.1)) }))
    }

    private static func percent(_ value: Double) -> String { HumanNumber.fixed(value, digits: 2) + "%" }

    /// Without what the kernel can drop at once: files in the cache that are not in use.
    private static func usedMemory(_ memory: JSONValue) -> Double {
        let usage = memory["usage"].number ?? 0
        let inactive = memory["stats"]["total_inactive_file"].number ?? memory["stats"]["inactive_file"].number ?? 0
        return min(max(0, inactive < usage ? usage - inactive : usage), 9e18)
    }

    /// Percent of one processor, between two samples.
    private static func cpu(_ sample: JSONValue, before: JSONValue?) -> Double {
        let now = sample["cpu_stats"]
        let then = before?["cpu_stats"] ?? sample["precpu_stats"]
        let used = (now["cpu_usage"]["total_usage"].number ?? 0) - (then["cpu_usage"]["total_usage"].number ?? 0)
        let system = (now["system_cpu_usage"].number ?? 0) - (then["system_cpu_usage"].number ?? 0)
        let perCPU = now["cpu_usage"]["percpu_usage"].array.count
        let count = now["online_cpus"].number ?? Double(max(1, perCPU))
        return used > 0 && system > 0 ? used / system * count * 100 : 0
    }
}
