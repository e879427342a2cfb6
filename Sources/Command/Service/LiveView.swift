import Basics
import HTTP
import Kernel

/// A rollout on a terminal: drawn anew in its place, some times a second.
final class LiveView {
    private let client: EngineClient
    private let rollout: String
    private var lines = 0

    init(client: EngineClient, rollout: String) {
        self.client = client
        self.rollout = rollout
    }

    func draw(_ now: JSONValue) throws {
        let service = now["service"].text
        let state = service.isEmpty ? .null : (try? client.boxValue(.get, BoxPath.service(service))) ?? .null
        let columns = (try? Terminal.size(2)).map { Int($0.columns) } ?? 80
        let text = Self.picture(now, state, width: max(40, columns))
        // Up to where it began, and over it; what is left below is erased.
        let up = lines > 0 ? "\u{1b}[\(lines)A" : ""
        try Output.write(up + text.map { $0 + "\u{1b}[K\n" }.joined() + "\u{1b}[J", to: 2)
        lines = text.count
    }

    func end() { lines = 0 }

    /// Without control characters of the terminal.
    static func picture(_ now: JSONValue, _ service: JSONValue, width: Int) -> [String] {
        var lines: [String] = []
        let phase = now["phase"].text.split(separator: "_").joined(separator: " ")
        var head = "\(now["deploy"].text)  \(now["strategy"].text)  "
        head += "\(now["from"].string ?? "-") -> \(now["to"].string ?? "-")  \(phase)"
        head += "  \(HumanNumber.fixed(now["seconds"].number ?? 0, digits: 0)) s"
        if let left = now["seconds_left"].number { head += ", about \(HumanNumber.fixed(left, digits: 0)) s left" }
        lines.append(head)
        let steps = now["steps"].array.count
        if steps > 0 {
            let step = (now["step"].integer ?? 0) + 1
            lines.append("  step \(min(step, Int64(steps))) of \(steps): \(now["step_text"].text)")
        }
        if let wait = now["waits_for"].string {
            lines.append("  waits for \(wait)" + (now["pause"]["detail"].string.map { " (\($0))" } ?? ""))
        }
        for revision in [now["from"].text, now["to"].text] where !revision.isEmpty {
            lines.append(bar(revision, service))
        }
        if let reason = now["reason"]["detail"].string { lines.append("  because \(reason)") }
        return lines.map { Escaping.ellipsis(Escaping.visible($0), width - 1) }
    }

    /// `  r3  ####==--  4 in the pool, 40%, 12 requests/s`
    private static func bar(_ revision: String, _ service: JSONValue) -> String {
        var marks = ""
        var pooled = 0
        for one in service["instances"].array where one["revision"].text == revision {
            switch one["state"].text {
            case "pooled":
                marks += "#"
                pooled += 1
            case "ready", "warming": marks += "+"
            case "created", "starting": marks += "."
            case "draining", "drained": marks += "="
            case "frozen": marks += "*"
            case "failed", "unhealthy": marks += "!"
            default: marks += "-"
            }
        }
        var text =
            "  \(revision)\(String(repeating: " ", count: max(1, 6 - revision.count)))[\(marks)] \(pooled) in the pool"
        if let weight = service["weights"][revision].number { text += ", \(HumanNumber.fixed(weight, digits: 0))%" }
        if let rate = service["requests_per_second"][revision].number {
            text += ", \(HumanNumber.fixed(rate, digits: 0)) connections/s"
        }
        return text
    }
}
