package import Basics

/// Makes what `logs` prints out of chunks: as they are, or with each line's time before it.
///
/// With times, parts of a line are joined before they are given out, so that lines of the two streams do not
/// mix; a line longer than 64 KiB is given out in parts.
package struct LogLineAssembler: Sendable {
    package struct Output: Sendable {
        package let stream: LogStream
        package let bytes: ArraySlice<UInt8>
    }

    private static let longestHeld = 64 << 10

    private struct Line: Sendable {
        var bytes: [UInt8] = []
        /// The beginning of the line is given out already.
        var begun = false
    }

    private let timestamps: Bool
    private let until: Timestamp?
    private var lines: [LogStream: Line] = [:]
    /// A chunk after `until` came: nothing more will be given out.
    package private(set) var isDone = false

    package init(timestamps: Bool, until: Timestamp? = nil) {
        self.timestamps = timestamps
        self.until = until
    }

    /// What can be given out with this chunk; nil when nothing.
    package mutating func add(_ chunk: LogChunk) -> Output? {
        if isDone { return nil }
        if let until, chunk.time > until {
            isDone = true
            return nil
        }
        if !timestamps { return chunk.bytes.isEmpty ? nil : Output(stream: chunk.stream, bytes: chunk.bytes) }
        var line = lines[chunk.stream] ?? Line()
        lines[chunk.stream] = nil  // `line` is the only owner now: appending does not copy
        var out: [UInt8] = []
        out.reserveCapacity(chunk.bytes.count + 256)
        var rest = chunk.bytes
        // A new run of the container began within a line of the last one.
        if !chunk.continuesLine, line.begun || !line.bytes.isEmpty { end(&line, &out) }
        while !rest.isEmpty {
            if line.bytes.isEmpty, !line.begun {
                line.bytes.append(contentsOf: chunk.time.fixedWidth.utf8)
                line.bytes.append(UInt8(ascii: " "))
            }
            if let newline = rest.firstIndex(of: UInt8(ascii: "\n")) {
                out.append(contentsOf: line.bytes)
                out.append(contentsOf: rest[...newline])
                line = Line()
                rest = rest[(newline + 1)...]
            } else {
                line.bytes.append(contentsOf: rest)
                rest = []
            }
        }
        if line.bytes.count > Self.longestHeld {
            out.append(contentsOf: line.bytes)
            line = Line(bytes: [], begun: true)
        }
        lines[chunk.stream] = line
        return out.isEmpty ? nil : Output(stream: chunk.stream, bytes: out[...])
    }

    /// What is held back of lines that did not end; to be called when no more chunks come.
    package mutating func finish() -> [Output] {
        let held = LogStream.allCases.compactMap { stream -> Output? in
            guard let line = lines[stream], !line.bytes.isEmpty else { return nil }
            return Output(stream: stream, bytes: line.bytes[...])
        }
        lines = [:]
        return held
    }

    private func end(_ line: inout Line, _ out: inout [UInt8]) {
        out.append(contentsOf: line.bytes)
        out.append(UInt8(ascii: "\n"))
        line = Line()
    }
}
