import Glibc
import Kernel
import Supervision
import Testing

@Suite struct ProtocolTests {
    @Test func messagesComeBack() throws {
        let record = ExitRecord(pid: 7, exitCode: 137, started: 1, finished: 2, oomKilled: true, error: "x: y")
        let messages: [MonitorMessage] = [
            .hello(state: .running, pid: 12), .started(pid: 3, terminal: true),
            .failed(stage: "exec", errno: 2, exitCode: 127, text: "no such file"), .exited(record),
            .reply(request: 9, error: nil), .reply(request: 9, error: "gone"), .execStarted(request: 1, pid: 5),
            .execFailed(request: 2, exitCode: 126, text: "é"), .execExited(request: 3, exitCode: 1),
        ]
        for message in messages {
            let bytes = message.encoded
            #expect(try MonitorMessage(decoding: bytes[...]) == message)
            for cut in 0..<bytes.count {
                #expect(throws: MonitorProtocolError.self) { try MonitorMessage(decoding: bytes[..<cut]) }
            }
        }
        #expect(throws: MonitorProtocolError.unknown(99)) { try MonitorMessage(decoding: [99]) }
    }

    @Test(arguments: [10, 200_000]) func requestsTravelWithDescriptors(_ size: Int) throws {
        var pair = try Sys.socketPair(.packet)
        let client = MonitorChannel(pair.takeFirst())
        let server = MonitorChannel(pair.takeSecond())
        let null = try Sys.open("/dev/null", O_RDWR)
        let request = MonitorRequest.exec(
            request: 4, .init(process: [UInt8](repeating: 0x20, count: size), terminal: false, seccomp: "/s"))
        #expect(try client.send(request, descriptors: [null.raw, null.raw, null.raw]))
        let space = UnsafeMutableRawBufferPointer.allocate(byteCount: MonitorChannel.maximumPacket, alignment: 16)
        defer { space.deallocate() }
        guard case .message(let received) = try server.receiveRequest(using: space) else {
            Issue.record("no request")
            return
        }
        #expect(received.message == request)
        #expect(received.descriptors.count == 3)
        #expect(try client.send(.startResolver(request: 2, file: "/r")))
        guard case .message(let second) = try server.receiveRequest(using: space) else {
            Issue.record("no request")
            return
        }
        #expect(second.message == .startResolver(request: 2, file: "/r"))
        #expect(try client.send(.resize(request: 1, rows: 24, columns: 80), descriptors: [null.raw]))
        #expect(throws: MonitorProtocolError.self) { _ = try server.receiveRequest(using: space) }
        _ = consume client
        guard case .end = try server.receiveRequest(using: space) else {
            Issue.record("no end")
            return
        }
    }

    @Test func exitRecordIsTolerant() throws {
        let record = ExitRecord(pid: 7, exitCode: 0, started: 5, finished: 6, error: "two\nlines")
        var expected = record
        expected.error = "two; lines"
        #expect(ExitRecord(parsing: record.encoded + "future thing\n\nrubbish") == expected)
        #expect(ExitRecord(parsing: "code 3")?.exitCode == 3)
        #expect(ExitRecord(parsing: "code 256") == nil)
        #expect(ExitRecord(parsing: "") == nil)
        let scratch = try ScratchDirectory()
        let files = RunFiles(directory: scratch.path)
        #expect(try ExitRecord.read(files.exit) == nil)
        try record.write(files.exit)
        #expect(try ExitRecord.read(files.exit) == expected)
    }

    @Test func processIdentity() throws {
        let own = ProcessIdentity(ofRunning: getpid())
        #expect(own?.isThere == true)
        #expect(own.flatMap { ProcessIdentity(parsing: $0.encoded) } == own)
        let other = ProcessIdentity(pid: getpid(), startTime: 1)
        #expect(!other.isThere)
        let gone = try other.open() == nil
        #expect(gone)
        #expect(ProcessIdentity(ofRunning: 0) == nil)
    }

    @Test func optionsRoundTrip() throws {
        var options = MonitorOptions(id: "a", bundle: "/b", runDirectory: "/r", logDirectory: "/l")
        #expect(try MonitorOptions(parsing: Array(options.arguments.dropFirst())) == options)
        options.logMaximumSize = nil
        options.lower = ["/1", "/2"]
        options.upper = "/u"
        options.work = "/w"
        options.pidNamespace = .path("/proc/3/ns/pid")
        options.terminal = true
        options.openInput = true
        options.addInit = true
        options.seccomp = "/s"
        options.networkNamespace = true
        options.resolver = "/r/resolver"
        #expect(try MonitorOptions(parsing: Array(options.arguments.dropFirst())) == options)
        for bad in [
            ["--id"], ["--nope", "x"], ["--id", "a"], options.arguments.dropFirst() + ["--log-max-size", "-1"],
            options.arguments.dropFirst().filter { $0 != "--net-fd" },
        ] {
            #expect(throws: MonitorOptions.ParseError.self) { try MonitorOptions(parsing: Array(bad)) }
        }
    }
}
