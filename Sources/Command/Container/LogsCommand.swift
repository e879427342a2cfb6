import Basics
import HTTP
import Kernel

/// `logs`.
enum LogsCommand {
    static let spec = CommandSpec(
        "logs", aliases: ["container logs"], usage: "CONTAINER | ROLLOUT --failed", operands: 1...1,
        "Fetch the logs of a container, or the last words of the instance for which a rollout failed",
        flags: {
            [
                .bool("follow", "f", "Follow log output"),
                .one("since", nil, "string", "Show logs since a time (2026-01-02T13:23:37Z) or a duration ago (42m)"),
                .one("until", nil, "string", "Show logs before a time or a duration ago"),
                .one("tail", "n", "string", default: "all", "Number of lines to show from the end of the logs"),
                .bool("timestamps", "t", "Show timestamps"),
                .bool("failed", nil, "Of the rollout that is named: what its failed instance wrote last"),
                .refused("details", takesValue: false),
            ]
        }, run: run)

    private static func run(_ call: Invocation) throws -> Int32 {
        let arguments = call.arguments
        if arguments.bool("failed") {
            for other in ["follow", "since", "until", "tail", "timestamps"] where arguments.isSet(other) {
                throw CommandError.usage("--failed does not go with --\(other)")
            }
            return try ServiceEvents.failed(call)
        }
        let now = Clock.realtime()
        var query: Query = ["stdout": "1", "stderr": "1"]
        if arguments.bool("follow") { query.add("follow", "1") }
        if arguments.bool("timestamps") { query.add("timestamps", "1") }
        for name in ["since", "until"] {
            if let text = arguments.optionalText(name) {
                query.add(name, try TimeArgument.unix(text, flag: name, now: now))
            }
        }
        let tail = arguments.optionalText("tail") ?? "all"
        guard tail == "all" || Int(tail) != nil else {
            throw arguments.invalid(tail, "tail", "it must be a number, or all")
        }
        query.add("tail", tail)
        let name = arguments.operands[0]
        let tty = try call.client.get(Path.container(name, "json"))["Config"]["Tty"].bool ?? false
        let answer = try call.client.send(.get, Path.container(name, "logs"), query)
        var decoder = StreamFrameDecoder()
        try call.client.copy(answer) { bytes in
            if tty { return try Output.write(bytes) }
            try decoder.decode(bytes) { kind, data in
                if kind == .systemError {
                    throw CommandError("Error grabbing logs: " + String(decoding: data, as: UTF8.self))
                }
                try Output.write(data, to: kind == .standardError ? 2 : 1)
            }
        }
        return 0
    }
}

/// A moment as `--since` and `--until` take it.
enum TimeArgument {
    /// Seconds since 1970 with nine decimals, as the API takes it; of a time, or of a duration before `now`.
    static func unix(_ text: String, flag: String, now: Int64) throws(CommandError) -> String {
        let nanoseconds: Int64
        if let duration = GoDuration.parse(text), text.contains(where: \.isLetter) {
            nanoseconds = now - duration
        } else if let time = Timestamp(text) {
            nanoseconds = time.nanosecondsSince1970
        } else {
            throw .usage(
                "invalid argument \"\(text)\" for \"--\(flag)\" flag: it must be a time such as 2026-01-02T13:23:37Z, or a duration such as 10m"
            )
        }
        let time = Timestamp(nanosecondsSince1970: nanoseconds)
        let fraction = String(time.nanoseconds)
        return "\(time.seconds)." + String(repeating: "0", count: 9 - fraction.utf8.count) + fraction
    }
}
