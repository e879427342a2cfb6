import Glibc

/// Lines on standard error: `2026-11-21T08:00:00.123456789Z WARN container web: ...`.
package struct Logger: Sendable {
    package enum Level: Int, Sendable, Comparable, CaseIterable {
        case debug, info, warn, error
        package init?(_ name: String) {
            guard let level = Level.allCases.first(where: { "\($0)" == name.lowercased() }) else { return nil }
            self = level
        }
        package static func < (a: Level, b: Level) -> Bool { a.rawValue < b.rawValue }
    }

    package let subject: String
    package let minimum: Level

    package init(_ subject: String, minimum: Level = .info) {
        self.subject = subject
        self.minimum = minimum
    }

    package func with(_ subject: String) -> Logger { Logger(subject, minimum: minimum) }

    package func log(_ level: Level, _ message: @autoclosure () -> String) {
        guard level >= minimum else { return }
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let time = Timestamp(nanosecondsSince1970: Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec))
        // One write a line, so that lines of several threads do not mix.
        let line = "\(time.fixedWidth) \("\(level)".uppercased()) \(subject): \(message())\n"
        line.utf8.withContiguousStorageIfAvailable { _ = write(2, $0.baseAddress, $0.count) }
    }
    package func debug(_ message: @autoclosure () -> String) { log(.debug, message()) }
    package func info(_ message: @autoclosure () -> String) { log(.info, message()) }
    package func warn(_ message: @autoclosure () -> String) { log(.warn, message()) }
    package func error(_ message: @autoclosure () -> String) { log(.error, message()) }
}
