import Basics
import Glibc
import HTTP
import Kernel
import Synchronization

/// Follows a rollout to its end, over restarts of boxd as well, and says how it went.
struct RolloutWait {
    enum Format: String {
        case text, json, ndjson

        init(_ arguments: ParsedArguments) throws {
            let text = arguments.optionalText("output") ?? Self.text.rawValue
            guard let format = Format(rawValue: text) else {
                throw CommandError("--output: \"\(text)\" is none of text, json, ndjson", status: 2)
            }
            self = format
        }
    }
    let client: EngineClient
    let rollout: String
    var format = Format.text
    /// Also write what GitHub's runner understands.
    var github = false
    /// A pause that somebody has to end is an end of waiting.
    var endsWithPause = false

    private static let patience: Int64 = 120_000_000_000

    /// The exit status.
    func run() throws -> Int32 {
        if github { Output.complain("::group::\(rollout)") }
        var last: Int64 = 0
        var lostSince: Int64?
        let live = format == .text && Terminal.isTerminal(2) ? LiveView(client: client, rollout: rollout) : nil
        defer { live?.end() }
        while true {
            do {
                if let status = try follow(&last, live) { return status }
                lostSince = nil
            } catch let problem as BoxProblem {
                throw problem
            } catch let error as ExitStatus {
                throw error
            } catch {
                // The rollout goes on without us; and without boxd its instances do.
                let now = Clock.boottime()
                if lostSince == nil { Output.complain("boxctl: \(error); trying again") }
                lostSince = lostSince ?? now
                if now - (lostSince ?? now) > Self.patience { throw CommandError("\(error)", status: 11) }
            }
            Clock.sleep(nanoseconds: 200_000_000)
        }
    }

    /// Until the answer ends; nil when that was not the end of the rollout.
    private func follow(_ last: inout Int64, _ live: LiveView?) throws -> Int32? {
        if let live { return try look(&last, live) }
        let response = try client.box(
            .get, BoxPath.deploy(rollout, "events"), headers: [("Last-Event-ID", "\(last)")])
        var seen = last
        var status: Int32?
        try client.events(of: response) { event in
            seen = event["seq"].integer ?? seen
            try tell(event)
            if event["kind"].text == "result" {
                status = try finish(event["result"])
                return false
            }
            if endsWithPause, try isWaiting() {
                status = 5
                return false
            }
            return true
        }
        last = seen
        return status
    }

    private func isWaiting() throws -> Bool {
        let now = try client.boxValue(.get, BoxPath.deploy(rollout))
        return ["promote", "resume"].contains(now["waits_for"].text)
    }

    /// On a terminal: the whole picture some times a second.
    private func look(_ last: inout Int64, _ live: LiveView) throws -> Int32? {
        while true {
            let now = try client.boxValue(.get, BoxPath.deploy(rollout))
            if now["done"].bool == true {
                live.end()
                return try finish(now["result"])
            }
            if endsWithPause, ["promote", "resume"].contains(now["waits_for"].text) {
                live.end()
                return 5
            }
            try live.draw(now)
            Clock.sleep(nanoseconds: 250_000_000)
        }
    }

    private func tell(_ event: JSONValue) throws {
        let kind = event["kind"].text
        switch format {
        case .ndjson: try Output.line(event.compact)
        case .json, .text:
            if kind == "result" { return }
            let instance = event["instance"].string.map { "\($0): " } ?? ""
            let line = "\(kind): \(instance)\(event["text"].text)"
            if github, kind == "failed" || kind == "needs_human" {
                Output.complain("::error::" + Escaping.visible(line))
            } else {
                Output.complain(Escaping.visible(line))
            }
        }
    }

    /// Says how it ended; the exit status.
    func finish(_ result: JSONValue) throws -> Int32 {
        switch format {
        // With ndjson it is the last event's already.
        case .ndjson: break
        case .json: try Output.line(result.compact)
        case .text: try Output.line(Self.summary(result))
        }
        if github { try writeGitHub(result) }
        return Int32(clamping: result["exit"].integer ?? 1)
    }

    /// `web-d4: succeeded in 3.2s, r3 -> r4, serving r4: 4`
    static func summary(_ result: JSONValue) -> String {
        let serving = result["serving"].sorted.map { "\($0.key): \($0.value.integer ?? 0)" }.joined(separator: ", ")
        var text = (result["deploy"].string ?? result["service"].text) + ": "
        if result["changed"].bool == false, result["outcome"].text == "succeeded" {
            text += "nothing to do"
        } else {
            let outcome = result["outcome"].text.split(separator: "_").joined(separator: " ")
            let seconds = result["timings"]["total"].number ?? 0
            text += "\(outcome) in \(HumanNumber.fixed(seconds, digits: 1)) s"
            text += ", \(result["from"].string ?? "nothing") -> \(result["to"].string ?? "nothing")"
        }
        text += ", serving " + (serving.isEmpty ? "nobody" : serving)
        let reason = result["reason"]
        if !reason.isNull {
            text += "\n  because \(reason["instance"].string.map { "\($0): " } ?? "")\(reason["detail"].text)"
            for line in reason["log_tail"].strings.suffix(10) { text += "\n  | \(line)" }
        }
        return Escaping.lines(text)
    }

    private func writeGitHub(_ result: JSONValue) throws {
        if !rollout.isEmpty { Output.complain("::endgroup::") }
        if result["exit"].integer != 0 {
            // In one line, with what the runner would take for the end of it written as it wants it.
            let text = Self.summary(result).split(on: "%").joined(separator: "%25")
            Output.complain("::error::" + text.split(on: "\n").joined(separator: "%0A"))
        }
        guard let path = ProcessEnvironment.variable("GITHUB_OUTPUT"), !path.isEmpty else { return }
        let lines =
            "deploy_id=\(result["deploy"].text)\nrevision=\(result["to"].text)\noutcome=\(result["outcome"].text)\n"
            + "url=\(url(of: result["service"].text))\n"
        let file = try Sys.open(path, O_WRONLY | O_APPEND | O_CREAT, mode: 0o644)
        try Output.write(lines, to: file.raw)
    }

    /// Of the first port that is published; empty when there is none.
    private func url(of service: String) -> String {
        guard let found = try? client.boxValue(.get, BoxPath.service(service)),
            let port = found["ports"].array.first(where: { $0["protocol"].text == "tcp" && !$0["publish"].isNull })
        else { return "" }
        return "http://localhost:\(port["publish"].integer ?? 0)"
    }
}

extension EngineClient {
    /// Calls `body` with the data of every server-sent event, until the answer ends or it returns false.
    func events(of response: HTTPClientResponse, _ body: (JSONValue) throws -> Bool) throws {
        var pending: [UInt8] = []
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 32768, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            let count = try response.read(into: buffer)
            if count == 0 { return }
            pending += buffer[..<count]
            while let end = pending.firstIndex(of: 0x0a) {
                let line = pending[..<end]
                if line.starts(with: Array("data: ".utf8)) {
                    if try !body(try JSONValue(parsing: Array(line.dropFirst(6)))) { return }
                }
                pending.removeSubrange(...end)
            }
        }
    }
}

/// Signals while a command waits: it leaves, and the rollout goes on; or is given up, when that was asked for.
enum Detaching {
    /// Before the command has other threads. `rollout` is known only after the request.
    static func begin(_ host: String, abort: Bool, deadline: Int64?) throws -> Waiting {
        let waiting = Waiting()
        let numbers = [SIGINT, SIGTERM, SIGHUP]
        // All threads inherit it: only the one below takes them.
        try Signals.block(numbers)
        try Thread.start(name: "signals") {
            guard let signals = try? SignalDescriptor(numbers) else { return }
            while true {
                let left = deadline.map { max(0, ($0 - Clock.boottime()) / 1_000_000) } ?? -1
                let isReady =
                    (try? Sys.poll(signals.descriptor.raw, for: .reading, timeout: Int32(clamping: left))) ?? false
                if isReady, signals.next() != nil { leave(waiting, host, abort: abort) }
                if !isReady, left == 0 { timeOut(waiting) }
            }
        }
        return waiting
    }

    private static func timeOut(_ waiting: Waiting) -> Never {
        if let id = waiting.rollout { Output.complain("boxctl: \(id) is still under way: boxctl wait \(id)") }
        exit(9)
    }

    final class Waiting: Sendable {
        private let state = Mutex<String?>(nil)
        var rollout: String? {
            get { state.withLock { $0 } }
            set { state.withLock { $0 = newValue } }
        }
    }

    private static func leave(_ waiting: Waiting, _ host: String, abort: Bool) -> Never {
        if let id = waiting.rollout {
            if abort, let client = try? EngineClient(host: host) {
                _ = try? client.boxValue(.post, BoxPath.deploy(id, "abort"))
                Output.complain("\nboxctl: \(id) is being rolled back: boxctl wait \(id)")
            } else {
                Output.complain("\nboxctl: \(id) goes on without you: boxctl wait \(id), boxctl abort \(id)")
            }
        }
        exit(130)
    }
}
