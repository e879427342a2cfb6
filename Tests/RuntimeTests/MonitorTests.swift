import Basics
import FoundationEssentials
import Glibc
import Kernel
import OCI
import Supervision
import Testing

@testable import Cgroups

/// A container under a monitor, with the test as its daemon; ended and removed with the value.
private final class Monitored {
    let directory = "/tmp/box-monitor-test-\(Identifier().short)"
    let cgroup: String
    let monitorPid: Int32
    let monitor: SharedDescriptor
    let files: RunFiles
    private(set) var pid: Int32 = 0
    private var channel: Channel

    final class Channel {
        let channel: MonitorChannel
        init(_ channel: consuming MonitorChannel) { self.channel = channel }
        func next() throws -> MonitorChannel.Received<MonitorMessage>? {
            switch try channel.receiveMessage() {
            case .message(let received): return received
            case .end: return nil
            case .none: throw SyscallError("receive", "", errno: EAGAIN)
            }
        }
        func send(_ request: MonitorRequest, _ descriptors: [Int32] = []) throws {
            _ = try channel.send(request, descriptors: descriptors)
        }
    }

    init(
        _ script: String, terminal: Bool = false, network: SharedDescriptor? = nil,
        _ change: (inout MonitorOptions, inout RuntimeSpec) -> Void = { _, _ in }
    ) throws {
        cgroup = "/box-test-monitor-\(Identifier().short)"
        for name in ["rootfs", "run", "lower/bin", "lower/proc", "lower/dev", "lower/tmp", "upper", "work"] {
            try Sys.makeDirectories("\(directory)/\(name)")
        }
        let busybox = try Sys.readFile("/bin/busybox")
        try Sys.replaceFile("\(directory)/lower/bin/busybox", busybox, mode: 0o755)
        for name in ["sh", "cat", "sleep", "echo", "stty", "yes", "head", "seq", "true", "id", "readlink", "nslookup"] {
            try Sys.symlink("busybox", "\(directory)/lower/bin/\(name)")
        }
        var spec = RuntimeSpec(
            ociVersion: "1.2.0",
            process: ProcessSpec(
                terminal: terminal, args: ["/bin/sh", "-c", script], env: ["PATH=/bin"], cwd: "/"),
            root: RootSpec(path: "\(directory)/rootfs"),
            mounts: [
                MountSpec(destination: "/proc", type: "proc", source: "proc"),
                MountSpec(destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["mode=755"]),
                MountSpec(
                    destination: "/dev/pts", type: "devpts", source: "devpts",
                    options: ["newinstance", "ptmxmode=0666", "mode=0620"]),
            ],
            linux: LinuxSpec(
                namespaces: [
                    .init(type: .pid), .init(type: .mount), .init(type: .uts), .init(type: .ipc), .init(type: .network),
                    .init(type: .cgroup),
                ],
                cgroupsPath: cgroup))
        files = RunFiles(directory: "\(directory)/run")
        var options = MonitorOptions(
            id: "test", bundle: directory, runDirectory: files.directory, logDirectory: "\(directory)/log",
            logMaximumSize: nil, terminal: terminal, lower: ["\(directory)/lower"], upper: "\(directory)/upper",
            work: "\(directory)/work")
        options.networkNamespace = network != nil
        change(&options, &spec)
        try Sys.replaceFile("\(directory)/config.json", Array(try JSONEncoder().encode(spec)))
        var pair = try Sys.socketPair(.packet)
        channel = Channel(MonitorChannel(pair.takeFirst()))
        let theirs = pair.takeSecond()
        let child = try Spawn(
            Machine.runtime, options.arguments, directory: "/",
            descriptors: [nil, nil, 2, theirs.raw] + (network.map { [$0.raw] } ?? []),
            newSession: true
        ).start()
        monitorPid = child.pid
        monitor = SharedDescriptor(child.takePidfd())
    }

    var logDirectory: String { "\(directory)/log" }

    func started() throws {
        let received = try channel.next()
        guard case .started(let pid, _) = received?.message else {
            throw SyscallError("start", String(describing: received?.message), errno: 0)
        }
        #expect(received?.descriptors.count == 1)
        self.pid = pid
    }
    func next() throws -> MonitorMessage? { try channel.next()?.message }
    func forget() {
        channel = Channel(MonitorChannel((try? Sys.open("/dev/null", O_RDWR)) ?? FileDescriptor(owning: -1)))
    }
    func connect() throws -> Channel {
        let new = Channel(try MonitorChannel.connect(files.socket))
        let hello = try new.next()
        #expect(hello?.message == .hello(state: .running, pid: pid))
        #expect(hello?.descriptors.count == 1)
        return new
    }
    var client: Channel { channel }
    func log(_ streams: LogStreams = .both) throws -> String {
        let cursor = try LogCursor(directory: logDirectory, streams: streams)
        var bytes: [UInt8] = []
        while let chunk = try cursor.next() { bytes += chunk.bytes }
        return String(decoding: bytes, as: UTF8.self)
    }
    func waitForLog(_ text: String) throws {
        for _ in 0..<500 {
            if try log().contains(text) { return }
            usleep(10000)
        }
        Issue.record("\(text) did not come; there is \(try log())")
    }
    func exited() throws -> ExitRecord {
        while let message = try next() { if case .exited(let record) = message { return record } }
        throw SyscallError("exit", "no record", errno: 0)
    }
    /// Also once it is reaped.
    func waitForEnd() throws {
        do { _ = try Processes.wait(monitor.descriptor) } catch let error where error.errno == ECHILD {}
    }
    /// Nothing is left of it but its log and exit record.
    func expectClean() throws {
        try waitForEnd()
        #expect(try Sys.list(at: Sys.currentDirectory, files.directory).map(\.name) == ["exit"])
        #expect(try !CgroupHost.detect().cgroup(cgroup).exists)
    }
    deinit {
        _ = try? Processes.signal(monitor.descriptor, SIGKILL)
        _ = try? Processes.wait(monitor.descriptor)
        if let group = try? CgroupHost.detect().cgroup(cgroup) {
            try? group.kill()
            try? group.remove()
        }
        try? Sys.removeTree(directory)
    }
}

@Suite(.enabled(if: Machine.canRunContainers, Machine.reason))
struct MonitorTests {
    @Test func outputAndExitCode() throws {
        let box = try Monitored("echo out; echo err >&2; exit 7")
        try box.started()
        let record = try box.exited()
        #expect(record.exitCode == 7)
        #expect(record.pid == box.pid)
        #expect(!record.oomKilled)
        #expect(record.finished > record.started)
        #expect(try box.log(.stdout) == "out\n")
        #expect(try box.log(.stderr) == "err\n")
        #expect(try ExitRecord.read(box.files.exit) == record)
        #expect(try box.next() == nil)
        try box.expectClean()
    }

    @Test func failureLeavesNothing() throws {
        let box = try Monitored("") { _, spec in spec.process?.args = ["/bin/nothing"] }
        guard case .failed(_, let errno, let exitCode, let text) = try box.next() else {
            Issue.record("it did not fail")
            return
        }
        #expect(exitCode == 127)
        #expect(text.contains("/bin/nothing"))
        #expect(errno == ENOENT)
        let exit = try Processes.wait(box.monitor.descriptor)
        #expect(exit?.code == 1)
        #expect(try Sys.list(at: Sys.currentDirectory, box.files.directory).isEmpty)
        #expect(try !CgroupHost.detect().cgroup(box.cgroup).exists)
    }

    @Test func losesNothingWithoutADaemon() throws {
        let box = try Monitored("seq 1 300000; sleep 0.2; seq 300001 600000; exit 3")
        try box.started()
        box.forget()
        try box.waitForEnd()
        #expect(try ExitRecord.read(box.files.exit)?.exitCode == 3)
        let lines = try box.log().split(separator: "\n")
        #expect(lines.count == 600000)
        #expect(lines.last == "600000")
        try box.expectClean()
    }

    @Test func inputIsKeptOverClients() throws {
        let box = try Monitored("cat; echo end") { options, _ in options.openInput = true }
        try box.started()
        for word in ["one", "two"] {
            let client = try box.connect()
            try client.send(.attachInput(request: 5))
            let reply = try client.next()
            #expect(reply?.message == .reply(request: 5, error: nil))
            try reply?.descriptors.first?.descriptor.writeAll("\(word)\n".utf8)
        }
        try box.waitForLog("two")
        try box.client.send(.closeInput(request: 6))
        #expect(try box.next() == .reply(request: 6, error: nil))
        #expect(try box.exited().exitCode == 0)
        #expect(try box.log() == "one\ntwo\nend\n")
    }

    @Test func noInputIsTheEndOfFile() throws {
        let box = try Monitored("cat; echo end; sleep 100")
        try box.started()
        try box.waitForLog("end")
        try box.client.send(.attachInput(request: 1))
        guard case .reply(1, .some) = try box.next() else {
            Issue.record("there is an input")
            return
        }
    }

    @Test func execs() throws {
        let box = try Monitored("sleep 100")
        try box.started()
        func exec(_ script: String, padding: Int = 0) throws -> (MonitorMessage?, String) {
            var output = try Sys.pipe()
            let theirs = output.takeSecond()
            let ours = output.takeFirst()
            let null = try Sys.open("/dev/null", O_RDWR)
            let process = ProcessSpec(
                args: ["/bin/sh", "-c", script], env: ["PATH=/bin", "PAD=" + String(repeating: "x", count: padding)],
                cwd: "/")
            try box.client.send(
                .exec(request: 9, .init(process: Array(try JSONEncoder().encode(process)), terminal: false)),
                [null.raw, theirs.raw, null.raw])
            try theirs.close()
            let first = try box.next()
            return (first, String(decoding: try ours.readAll(), as: UTF8.self))
        }
        let (first, text) = try exec("echo inside; readlink /proc/1/exe; exit 4")
        guard case .execStarted(9, _) = first else {
            Issue.record("not started: \(String(describing: first))")
            return
        }
        #expect(text == "inside\n/bin/busybox\n")
        #expect(try box.next() == .execExited(request: 9, exitCode: 4))
        // Too long for a packet: travels as a file.
        #expect(try exec("echo ${#PAD}", padding: 100_000).1 == "100000\n")
        #expect(try box.next() == .execExited(request: 9, exitCode: 0))
        try box.client.send(
            .exec(request: 3, .init(process: Array(#"{"args": ["/bin/nope"], "cwd": "/"}"#.utf8), terminal: true)))
        guard case .execFailed(3, _, let reason) = try box.next() else {
            Issue.record("did not fail")
            return
        }
        #expect(!reason.isEmpty)
        // Ends with the container.
        _ = try exec("sleep 100 >/dev/null & exec sleep 100 >/dev/null")
        try Processes.kill(box.pid, SIGKILL)
        #expect(try box.next() == .execExited(request: 9, exitCode: 137))
        #expect(try box.exited().exitCode == 137)
        try box.expectClean()
    }

    @Test func terminals() throws {
        let box = try Monitored("read x; stty size; echo got $x; exit 5", terminal: true)
        try box.started()
        try box.client.send(.resize(request: 1, rows: 33, columns: 77))
        #expect(try box.next() == .reply(request: 1, error: nil))
        try box.client.send(.attachInput(request: 2))
        let reply = try box.client.next()
        #expect(reply?.message == .reply(request: 2, error: nil))
        try reply?.descriptors.first?.descriptor.writeAll("word\n".utf8)
        #expect(try box.exited().exitCode == 5)
        #expect(try box.log() == "word\r\n33 77\r\ngot word\r\n")
        try box.expectClean()
    }

    @Test func terminalExec() throws {
        let box = try Monitored("sleep 100")
        try box.started()
        let process = ProcessSpec(
            terminal: true, args: ["/bin/sh", "-c", "read x; test $x = a"], env: ["PATH=/bin"], cwd: "/")
        try box.client.send(.exec(request: 1, .init(process: Array(try JSONEncoder().encode(process)), terminal: true)))
        let started = try box.client.next()
        guard case .execStarted = started?.message, let master = started?.descriptors.last else {
            Issue.record("not started: \(String(describing: started?.message))")
            return
        }
        #expect(started?.descriptors.count == 2)
        try master.descriptor.writeAll("a\n".utf8)
        #expect(try box.next() == .execExited(request: 1, exitCode: 0))
    }

    @Test func terminalThatIsClosedForAWhile() throws {
        let box = try Monitored(
            "echo a; tty=$(readlink /proc/1/fd/0); exec <&- >&- 2>&-; sleep 0.3; echo b >/dev/pts/0; sleep 0.1; exit 0",
            terminal: true)
        try box.started()
        #expect(try box.exited().exitCode == 0)
        #expect(try box.log().contains("a\r\n"))
    }

    @Test func rudeClients() throws {
        let box = try Monitored("read x; echo done") { options, _ in options.openInput = true }
        try box.started()
        // Never reads its answers.
        let deaf = try box.connect()
        try deaf.channel.socket.setNonBlocking()
        for number in 0..<5000 { try? deaf.send(.attachInput(request: UInt32(number))) }
        // Talks nonsense.
        let mad = try Sys.connectUnix(.packet, box.files.socket)
        _ = try Sys.send(mad.raw, [77, 1, 2, 3])
        try box.client.send(.attachInput(request: 1))
        let reply = try box.client.next()
        try reply?.descriptors.first?.descriptor.writeAll("\n".utf8)
        #expect(try box.exited().exitCode == 0)
        try box.expectClean()
    }

    @Test func whatIsLeftBehindIsKilled() throws {
        let box = try Monitored("sleep 1000 & echo $!; exit 0") { options, spec in
            options.pidNamespace = .host
            spec.linux?.namespaces?.removeAll { $0.type == .pid }
            spec.mounts?.removeAll { $0.type == "proc" }
        }
        try box.started()
        #expect(try box.exited().exitCode == 0)
        let left = Int32(try box.log().split(separator: "\n").first ?? "") ?? -1
        #expect(left > 0)
        #expect(!Sys.exists("/proc/\(left)/exe"))
        try box.expectClean()
    }

    @Test func containersEndWithTheirMonitor() throws {
        let box = try Monitored("sleep 1000")
        try box.started()
        // The monitor tells of the start first, and writes this file then.
        var identity: ProcessIdentity?
        for _ in 0..<500 {
            identity = try ProcessIdentity.read(box.files.pid)
            if identity != nil { break }
            usleep(10000)
        }
        #expect(identity?.pid == box.pid)
        #expect(identity?.isThere == true)
        try Processes.signal(box.monitor.descriptor, SIGKILL)
        _ = try Processes.wait(box.monitor.descriptor)
        for _ in 0..<500 where identity?.isThere == true { usleep(10000) }
        #expect(identity?.isThere == false)
    }

    @Test func shortageOfMemoryIsTold() throws {
        let box = try Monitored("x=$(head -c 50000000 /dev/zero | busybox tr '\\0' x); echo alive") { _, spec in
            spec.linux?.resources = LinuxResources(memory: LinuxMemory(limit: 16 << 20))
        }
        try box.started()
        let record = try box.exited()
        #expect(record.oomKilled)
    }

    @Test func littleMemory() throws {
        let boxes = try (0..<5).map { _ in try Monitored("yes | head -n 200000; sleep 1000") }
        for box in boxes { try box.started() }
        sleep(3)
        for box in boxes {
            let lines = try Sys.readText("/proc/\(box.monitorPid)/smaps_rollup").split(separator: "\n")
            let kilobytes = lines.filter { $0.hasPrefix("Private_Dirty") }.compactMap {
                Int($0.split(separator: " ")[1])
            }.first
            print("monitor's private memory: \(kilobytes ?? -1) KiB")
            #expect(kilobytes ?? .max < 1000)
        }
    }

    // MARK: - Names

    /// A network namespace as it is prepared for a container.
    private func network() throws -> SharedDescriptor {
        try NamespaceThread.run {
            try Namespaces.unshare(.network)
            try Sys.interfaceUp("lo")
            return SharedDescriptor(try Sys.open("/proc/thread-self/ns/net", O_RDONLY))
        }
    }

    private func writeNames(_ directory: String, _ address: String) throws -> String {
        var table = NameTable()
        table.add("web", [try #require(IPAddress(address))])
        try table.write(directory + "/names")
        try ResolverFile(networks: [directory + "/names"]).write(directory + "/resolver")
        return directory + "/resolver"
    }

    @Test func namesFromTheFirstMoment() throws {
        let network = try network()
        let box = try Monitored("nslookup web 127.0.0.11; cat /proc/net/dev; exit 3", network: network) { options, _ in
            options.resolver = try? writeNames(options.bundle, "10.9.8.7")
        }
        try box.started()
        #expect(try box.exited().exitCode == 3)
        #expect(try box.log().contains("10.9.8.7"))
        // Interfaces that somebody made are no part of a new namespace.
        #expect(try box.log().contains("lo:"))
        try box.expectClean()
    }

    @Test func namesFromTheMiddleOn() throws {
        let network = try network()
        let script = "until nslookup web 127.0.0.11; do sleep 0.1; done; cat; exit 4"
        let box = try Monitored(script, network: network) { options, _ in options.openInput = true }
        try box.started()
        usleep(300_000)
        let file = try writeNames(box.directory, "10.9.8.7")
        // The second is one too many, which does no harm.
        for request: UInt32 in [8, 9] {
            try box.client.send(.startResolver(request: request, file: file))
            #expect(try box.next() == .reply(request: request, error: nil))
        }
        try box.waitForLog("10.9.8.7")
        try box.client.send(.closeInput(request: 10))
        #expect(try box.next() == .reply(request: 10, error: nil))
        #expect(try box.exited().exitCode == 4)
        try box.expectClean()
    }

    /// The log and the exit code come before all questions.
    @Test func questionsDoNotHoldUpTheLog() throws {
        let network = try network()
        let box = try Monitored("seq 1 200000; exit 5", network: network) { options, _ in
            options.resolver = try? writeNames(options.bundle, "10.9.8.7")
        }
        try box.started()
        let isOver = Condition(false)
        try Thread.start(name: "flood") {
            try? NamespaceThread.run {
                try Namespaces.enter(network.raw, .network)
                let socket = try Sys.connectInternet(.datagram, [127, 0, 0, 11], port: 53)
                let question: [UInt8] = [1, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, 0x77, 0x65, 0x62, 0, 0, 1, 0, 1]
                while !isOver.withLock({ $0 }) { _ = try? Sys.send(socket.raw, question) }
            }
            isOver.withLock { $0 = false }
            isOver.broadcast()
        }
        let record = try box.exited()
        isOver.withLock { $0 = true }
        _ = isOver.wait { $0 ? nil : () }
        #expect(record.exitCode == 5)
        #expect(try box.log().split(separator: "\n").count == 200_000)
        try box.expectClean()
    }
}
