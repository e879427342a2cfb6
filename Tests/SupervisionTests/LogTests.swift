import Basics
import Glibc
import Kernel
import Supervision
import Testing

/// A directory of a test's own, removed with it.
final class ScratchDirectory: Sendable {
    let path: String
    init() throws {
        path = "/tmp/box-supervision-\(getpid())-\(Identifier().short)"
        try Sys.makeDirectories(path, mode: 0o700)
    }
    deinit { try? Sys.removeTree(path) }
}

private func time(_ n: Int) -> Timestamp { Timestamp(nanosecondsSince1970: 1_700_000_000_000_000_000 + Int64(n)) }

private func readAll(_ cursor: LogCursor) throws -> [LogStream: [UInt8]] {
    var out: [LogStream: [UInt8]] = [:]
    while let chunk = try cursor.next() { out[chunk.stream, default: []] += chunk.bytes }
    return out
}

private func text(_ cursor: LogCursor) throws -> String {
    var out: [UInt8] = []
    while let chunk = try cursor.next() { out += chunk.bytes }
    return String(decoding: out, as: UTF8.self)
}

@Suite struct LogTests {
    let scratch: ScratchDirectory
    var directory: String { scratch.path }
    init() throws { scratch = try ScratchDirectory() }

    func writer(_ size: Int? = nil, _ files: Int = 3) -> LogWriter {
        LogWriter(directory: directory, maximumSize: size, maximumFiles: files)
    }

    @Test func anyBytesComeBackAsTheyWere() throws {
        var generator = SystemRandomNumberGenerator()
        let log = writer()
        var expected: [LogStream: [UInt8]] = [:]
        for n in 0..<500 {
            let stream: LogStream = Bool.random() ? .stdout : .stderr
            let length = Int.random(in: 1...(n % 50 == 0 ? 300_000 : 500))
            let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
            log.append(stream, bytes, time: time(n))
            expected[stream, default: []] += bytes
        }
        #expect(try readAll(LogCursor(directory: directory)) == expected)
        #expect(try readAll(LogCursor(directory: directory, streams: .stderr)) == [.stderr: expected[.stderr] ?? []])
        #expect(log.lostBytes == 0)
    }

    @Test func hugeLineIsSplitIntoRecords() throws {
        let line = [UInt8](repeating: 0x78, count: 5_000_001)
        writer().append(.stdout, line, time: time(0))
        var chunks: [LogChunk] = []
        let cursor = try LogCursor(directory: directory)
        while let chunk = try cursor.next() { chunks.append(chunk) }
        #expect(chunks.count == 5)
        #expect(chunks.map(\.continuesLine) == [false, true, true, true, true])
        #expect(chunks.reduce(0) { $0 + $1.bytes.count } == line.count)
        #expect(try text(LogCursor(directory: directory, from: .tail(lines: 1))).utf8.count == line.count)
    }

    @Test func rotationKeepsTheNewestAndTheirNumber() throws {
        let log = writer(1000, 3)
        for n in 0..<1000 { log.append(.stdout, Array("line \(n)\n".utf8), time: time(n)) }
        let names = try Sys.list(at: Sys.currentDirectory, directory).map(\.name)
        #expect(names.count == 3)
        let sizes = try names.map { try Sys.status("\(directory)/\($0)").size }
        #expect(sizes.allSatisfy { $0 <= 1000 })
        let lines = try text(LogCursor(directory: directory)).split(separator: "\n")
        #expect(lines.last == "line 999")
        #expect(lines.count > 60)
        #expect(zip(lines, lines.dropFirst()).allSatisfy { (Int($0.dropFirst(5)) ?? 0) + 1 == Int($1.dropFirst(5)) })
    }

    @Test func limitSmallerThanOneReadSplitsIt() throws {
        let log = writer(1024, 2)
        log.append(.stdout, [UInt8](repeating: 0x61, count: 100_000), time: time(0))
        let sizes = try Sys.list(at: Sys.currentDirectory, directory).map {
            try Sys.status("\(directory)/\($0.name)").size
        }
        #expect(sizes.reduce(0, +) <= 2048)
    }

    @Test func readerHoldsWhatRotationDeletes() throws {
        let log = writer(1000, 2)
        log.append(.stdout, Array("first\n".utf8), time: time(0))
        log.append(.stdout, Array("second\n".utf8), time: time(0))
        let cursor = try LogCursor(directory: directory)
        let chunk = try cursor.next()
        #expect(chunk.map { Array($0.bytes) } == Array("first\n".utf8))
        for n in 0..<400 { log.append(.stdout, Array("line \(n)\n".utf8), time: time(n)) }
        let rest = try text(cursor).split(separator: "\n")
        #expect(rest.first == "second")
        #expect(rest.last == "line 399")
        let tail = rest.suffix(20).map(String.init)
        #expect(tail == (380..<400).map { "line \($0)" })
    }

    @Test func followingGoesOnAcrossSegments() throws {
        let cursor = try LogCursor(directory: directory)
        #expect(try cursor.next() == nil)
        let log = writer(300, 1000)
        var seen = ""
        for n in 0..<300 {
            log.append(.stdout, Array("line \(n)\n".utf8), time: time(n))
            if n % 7 == 0 { seen += try text(cursor) }
        }
        seen += try text(cursor)
        #expect(seen == (0..<300).map { "line \($0)\n" }.joined())
    }

    @Test(arguments: [1, 15, 16, 17, 20, 25]) func tornTailIsIgnoredThenMended(_ cut: Int) throws {
        do {
            let log = writer()
            log.append(.stdout, Array("whole\n".utf8), time: time(0))
            log.append(.stdout, Array("cut off\n".utf8), time: time(1))
        }
        let path = "\(directory)/00000001"
        let size = Int(try Sys.status(path).size)
        try Sys.open(path, O_RDWR).truncate(to: size - 28 + cut)
        let cursor = try LogCursor(directory: directory)
        #expect(try text(cursor) == "whole\n")
        #expect(try text(LogCursor(directory: directory, from: .tail(lines: 5))) == "whole\n")
        let end = try LogCursor.endPosition(directory: directory)
        #expect(end == LogPosition(segment: 1, offset: 26))
        writer().append(.stdout, Array("next\n".utf8), time: time(2))
        #expect(try text(cursor) == "next\n")
        #expect(try text(LogCursor(directory: directory, from: .at(end))) == "next\n")
    }

    @Test func damageHidesOnlyTheRestOfItsSegment() throws {
        let log = writer(300, 100)
        for n in 0..<40 { log.append(.stdout, Array("line \(n)\n".utf8), time: time(n)) }
        try Sys.open("\(directory)/00000001", O_RDWR).writeAll([0, 0, 0, 0])
        let lines = try text(LogCursor(directory: directory)).split(separator: "\n")
        #expect(lines.last == "line 39")
        #expect(lines.first != "line 0")
    }

    @Test func tailCountsLinesNotRecords() throws {
        let log = writer(200, 1000)
        var all = ""
        for n in 0..<100 {
            let line = "line number \(n)\n"
            all += line
            // Cut at a random place, so that lines and records do not agree.
            let cut = Int.random(in: 1..<line.utf8.count)
            log.append(.stdout, Array(line.utf8.prefix(cut)), time: time(n))
            log.append(.stdout, Array(line.utf8.dropFirst(cut)), time: time(n))
        }
        for n in [0, 1, 2, 3, 50, 99, 100, 101, 5000] {
            let expected = all.split(separator: "\n").suffix(n).map { $0 + "\n" }.joined()
            #expect(try text(LogCursor(directory: directory, from: .tail(lines: n))) == expected)
        }
        log.append(.stdout, Array("no end".utf8), time: time(100))
        #expect(try text(LogCursor(directory: directory, from: .tail(lines: 2))) == "line number 99\nno end")
    }

    @Test func tailOfManyLinesInOneRecord() throws {
        writer().append(.stdout, Array((0..<10).map { "\($0)\n" }.joined().utf8), time: time(0))
        #expect(try text(LogCursor(directory: directory, from: .tail(lines: 3))) == "7\n8\n9\n")
    }

    @Test func tailCountsBothStreamsTogether() throws {
        let log = writer()
        for (stream, part) in [
            (LogStream.stdout, "a\nb"), (.stderr, "x\n"), (.stdout, "c\n"), (.stderr, "y"), (.stderr, "z\n"),
        ] { log.append(stream, Array(part.utf8), time: time(0)) }
        func tail(_ n: Int, _ streams: LogStreams = .both) throws -> [LogStream: String] {
            try readAll(LogCursor(directory: directory, from: .tail(lines: n), streams: streams))
                .mapValues { String(decoding: $0, as: UTF8.self) }
        }
        #expect(try tail(1) == [.stderr: "yz\n"])
        #expect(try tail(2) == [.stderr: "yz\n", .stdout: "bc\n"])
        #expect(try tail(3) == [.stderr: "x\nyz\n", .stdout: "bc\n"])
        #expect(try tail(4) == [.stderr: "x\nyz\n", .stdout: "a\nbc\n"])
        #expect(try tail(1, .stdout) == [.stdout: "bc\n"])
    }

    @Test func sinceAndEnd() throws {
        let log = writer(300, 1000)
        for n in 0..<100 { log.append(.stdout, Array("\(n)\n".utf8), time: time(n)) }
        #expect(try text(LogCursor(directory: directory, from: .since(time(97)))) == "97\n98\n99\n")
        #expect(try text(LogCursor(directory: directory, from: .since(time(0)))).hasPrefix("0\n1\n"))
        #expect(try text(LogCursor(directory: directory, from: .since(time(100)))) == "")
        let cursor = try LogCursor(directory: directory, from: .end)
        log.append(.stdout, Array("new\n".utf8), time: time(100))
        #expect(try text(cursor) == "new\n")
    }

    @Test func linesGetTheirTimes() throws {
        let log = writer()
        for (n, (stream, part)) in [
            (LogStream.stdout, "a\nb"), (.stderr, "x\n"), (.stdout, "c\nd"), (.stderr, "y"),
        ].enumerated() { log.append(stream, Array(part.utf8), time: time(n)) }
        let cursor = try LogCursor(directory: directory)
        var assembler = LogLineAssembler(timestamps: true)
        var out = ""
        while let chunk = try cursor.next() {
            if let part = assembler.add(chunk) { out += String(decoding: part.bytes, as: UTF8.self) }
        }
        for part in assembler.finish() { out += String(decoding: part.bytes, as: UTF8.self) }
        let stamps = (0..<4).map { time($0).fixedWidth }
        #expect(out == "\(stamps[0]) a\n\(stamps[1]) x\n\(stamps[0]) bc\n\(stamps[2]) d\(stamps[3]) y")
    }

    @Test func untilCuts() throws {
        let log = writer()
        for n in 0..<10 { log.append(.stdout, Array("\(n)\n".utf8), time: time(n)) }
        let cursor = try LogCursor(directory: directory)
        var assembler = LogLineAssembler(timestamps: false, until: time(2))
        var out: [UInt8] = []
        while !assembler.isDone, let chunk = try cursor.next() { out += assembler.add(chunk)?.bytes ?? [] }
        #expect(String(decoding: out, as: UTF8.self) == "0\n1\n2\n")
    }

    @Test func lossIsCountedAndTold() throws {
        // The directory of the log is made when it is needed; that of the container is not.
        let log = LogWriter(directory: "\(directory)/container/log", maximumSize: nil, maximumFiles: 1)
        log.append(.stdout, Array("nowhere to go\n".utf8), time: time(0))
        #expect(log.lostBytes == 14)
        try Sys.mkdir("\(directory)/container")
        log.append(.stdout, Array("here\n".utf8), time: time(1))
        #expect(log.lostBytes == 0)
        let cursor = try LogCursor(directory: "\(directory)/container/log")
        let marker = try cursor.next()
        #expect(marker?.isLossMarker == true)
        #expect(marker.map { String(decoding: $0.bytes, as: UTF8.self) }?.contains("14 bytes") == true)
        #expect(try text(cursor) == "here\n")
    }
}
