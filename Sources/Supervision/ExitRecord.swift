package import Kernel
import Basics
import Glibc

/// How a container's last run ended, as its monitor left it in the container's run directory.
///
/// Text, a name and a value a line, so that other versions of Box can read it: unknown names are passed over.
package struct ExitRecord: Sendable, Hashable {
    package var pid: Int32
    /// 0 to 255; 128 + n when signal n ended it.
    package var exitCode: Int32
    /// Nanoseconds since 1970.
    package var started: Int64
    package var finished: Int64
    package var oomKilled: Bool
    /// Why it never ran, or what of its end went wrong.
    package var error: String?

    package init(
        pid: Int32, exitCode: Int32, started: Int64, finished: Int64, oomKilled: Bool = false,
        error: String? = nil
    ) {
        self.pid = pid
        self.exitCode = exitCode
        self.started = started
        self.finished = finished
        self.oomKilled = oomKilled
        self.error = error
    }

    package var encoded: String {
        var text = "pid \(pid)\ncode \(exitCode)\nstarted \(started)\nfinished \(finished)\n"
        if oomKilled { text += "oom-killed 1\n" }
        if let error {
            let line = error.split(whereSeparator: \.isNewline).joined(separator: "; ")
            text += "error \(line)\n"
        }
        return text
    }

    /// nil when there is no exit code in it.
    package init?(parsing text: String) {
        var values: [Substring: Substring] = [:]
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: " ", maxSplits: 1)
            if parts.count == 2 { values[parts[0]] = parts[1] }
        }
        guard let code = values["code"].flatMap({ Int32($0) }), (0...255).contains(code) else { return nil }
        self.init(
            pid: values["pid"].flatMap { Int32($0) } ?? 0, exitCode: code,
            started: values["started"].flatMap { Int64($0) } ?? 0,
            finished: values["finished"].flatMap { Int64($0) } ?? 0,
            oomKilled: values["oom-killed"] == "1", error: values["error"].map(String.init))
    }

    /// nil when there is none: the container has not ended, or its monitor was killed.
    package static func read(_ path: String) throws(SyscallError) -> ExitRecord? {
        do {
            return ExitRecord(parsing: String(decoding: try Sys.readFile(path, limit: 64 << 10), as: UTF8.self))
        } catch let error where error.errno == ENOENT {
            return nil
        }
    }

    /// Not synced: what would lose it, a machine without power, ends the container as well, and empties `/run`.
    package func write(_ path: String) throws(SyscallError) {
        try Sys.replaceFile(path, encoded.utf8)
    }
}
