import Glibc

/// Signals by name or number, as `docker kill --signal` takes them: `KILL`, `SIGKILL`, `9`, `SIGRTMIN+3`.
package enum SignalName {
    private static let names = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM",
        "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF",
        "WINCH", "IO", "PWR", "SYS",
    ]
    /// glibc keeps the two lowest real-time signals for itself.
    private static let realtimeMinimum: Int32 = 34
    private static let realtimeMaximum: Int32 = 64

    package static func number(_ text: String) throws(EngineError) -> Int32 {
        if let number = Int32(text), (1...realtimeMaximum).contains(number) { return number }
        var name = text.uppercased()
        if name.hasPrefix("SIG") { name.removeFirst(3) }
        switch name {
        case "IOT": return SIGABRT
        case "CLD": return SIGCHLD
        case "POLL": return SIGIO
        default: break
        }
        if let index = names.firstIndex(of: name) { return Int32(index) + 1 }
        if name.hasPrefix("RTMIN"), let n = offset(name.dropFirst(5)), n >= 0 {
            return try inRange(realtimeMinimum + n, text)
        }
        if name.hasPrefix("RTMAX"), let n = offset(name.dropFirst(5)), n <= 0 {
            return try inRange(realtimeMaximum + n, text)
        }
        throw EngineError(.invalid, "invalid signal: \(text)")
    }

    private static func offset(_ text: Substring) -> Int32? { text.isEmpty ? 0 : Int32(text) }

    private static func inRange(_ number: Int32, _ text: String) throws(EngineError) -> Int32 {
        guard (realtimeMinimum...realtimeMaximum).contains(number) else {
            throw EngineError(.invalid, "invalid signal: \(text)")
        }
        return number
    }
}
