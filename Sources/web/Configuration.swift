import Glibc

/// What the server is told by its environment; `/control` changes the last part while it runs.
struct Configuration {
    enum Termination: String {
        /// No new connections, requests under way are answered, then exit 0.
        case graceful
        /// Exit 143 at once, as a program without a handler would.
        case abrupt
        case ignore
    }

    struct Failure: Error {
        let message: String
    }

    var version = "dev"
    var port: UInt16 = 8080
    /// Every datagram to it is answered with what `GET /` says; nil: there is no such port.
    var datagramPort: UInt16?
    var termination = Termination.graceful
    /// Nothing listens before that.
    var startDelay = 0
    /// Exits by itself with `exitCode` after that, counted from the start.
    var exitAfter: Int?
    var exitCode: Int32 = 0

    /// `/healthz` answers 503.
    var failsHealth = false
    /// Everything but `/healthz` and `/control` answers 500.
    var failsRequests = false
    /// Everything but `/healthz` and `/control` is answered so many milliseconds late.
    var delay = 0

    static let longestDelay = 600_000

    init() throws(Failure) {
        if let version = Self.variable("WEB_VERSION") { self.version = version }
        if let port = try Self.number("WEB_PORT", 1...65535) { self.port = UInt16(port) }
        datagramPort = try Self.number("WEB_UDP_PORT", 1...65535).map { UInt16($0) }
        if let text = Self.variable("WEB_SIGTERM") {
            guard let value = Termination(rawValue: text) else {
                throw Failure(message: "WEB_SIGTERM is \(text); it can be graceful, abrupt or ignore")
            }
            termination = value
        }
        startDelay = try Self.number("WEB_START_DELAY_MS", 0...Self.longestDelay) ?? 0
        exitAfter = try Self.number("WEB_EXIT_AFTER_MS", 0...Int(Int32.max))
        exitCode = Int32(try Self.number("WEB_EXIT_CODE", 0...255) ?? 0)
        if let text = Self.variable("WEB_HEALTH") { try set("health", text) }
        if let text = Self.variable("WEB_ERROR") { try set("error", text) }
        if let text = Self.variable("WEB_SLOW_MS") { try set("slow", text) }
    }

    /// One setting of `/control`.
    mutating func set(_ name: String, _ value: String) throws(Failure) {
        switch (name, value) {
        case ("health", "ok"): failsHealth = false
        case ("health", "fail"): failsHealth = true
        case ("error", "on"), ("error", "1"), ("error", "true"): failsRequests = true
        case ("error", "off"), ("error", "0"), ("error", "false"): failsRequests = false
        case ("slow", _):
            guard let milliseconds = Int(value), 0...Self.longestDelay ~= milliseconds else {
                throw Failure(message: "slow is \(value); it is milliseconds from 0 to \(Self.longestDelay)")
            }
            delay = milliseconds
        case ("health", _): throw Failure(message: "health is \(value); it can be ok or fail")
        case ("error", _): throw Failure(message: "error is \(value); it can be on or off")
        default: throw Failure(message: "there is no setting \(name); there are health, error and slow")
        }
    }

    var description: String {
        "health=\(failsHealth ? "fail" : "ok") error=\(failsRequests ? "on" : "off") slow=\(delay)\n"
    }

    /// An empty variable is as good as none.
    private static func variable(_ name: String) -> String? {
        guard let value = getenv(name) else { return nil }
        let text = String(cString: value)
        return text.isEmpty ? nil : text
    }

    private static func number(_ name: String, _ range: ClosedRange<Int>) throws(Failure) -> Int? {
        guard let text = variable(name) else { return nil }
        guard let value = Int(text), range ~= value else {
            throw Failure(message: "\(name) is \(text); it is a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }
}
