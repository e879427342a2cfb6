import Basics
import Glibc
import Kernel
import Supervision

@testable import NameServer

let isRoot = getuid() == 0

/// A host and a container in private network namespaces, with the container's name server on a thread of the host.
final class Host: Sendable {
    private struct State {
        var isReady = false
        var problem: String?
        var isOver = false
        var running = 0
        /// Of one turn of the name server, in nanoseconds.
        var longestTurn: Int64 = 0
        var questions: [String: Int] = [:]
    }
    let scratch: ScratchDirectory
    let container: SharedDescriptor
    private let state = Condition(State())

    /// Runs `body` on the host.
    static func run(patience: NameServer.Patience = .init(), _ body: @escaping @Sendable (Host) throws -> Void) throws {
        try NamespaceThread.run {
            try Namespaces.unshare(.network)
            try Sys.interfaceUp("lo")
            let host = try Host()
            try host.start(patience)
            defer { host.end() }
            try body(host)
        }
    }

    private init() throws {
        scratch = try ScratchDirectory()
        container = try Self.namespace()
    }

    static func namespace() throws -> SharedDescriptor {
        try NamespaceThread.run {
            try Namespaces.unshare(.network)
            try Sys.interfaceUp("lo")
            return SharedDescriptor(try Sys.open("/proc/thread-self/ns/net", O_RDONLY))
        }
    }

    /// What the server answers from.
    func set(_ names: [String: [String]] = [:], upstreams: [String] = [], isInternal: Bool = false) throws {
        var table = NameTable()
        for (name, addresses) in names { table.add(name, addresses.compactMap { IPAddress($0) }) }
        try table.write(scratch.path + "/names")
        try ResolverFile(
            networks: [scratch.path + "/names"], upstreams: upstreams.compactMap { ResolverFile.Upstream($0) },
            isInternal: isInternal
        ).write(scratch.path + "/resolver")
    }

    private func spawn(_ name: String, _ body: @escaping @Sendable () throws -> Void) throws {
        state.withLock { $0.running += 1 }
        try Thread.start(name: name) { [state] in
            do { try body() } catch { state.withLock { $0.problem = "\(name): \(error)" } }
            state.withLock { $0.running -= 1 }
            state.broadcast()
        }
    }

    private func start(_ patience: NameServer.Patience) throws {
        try spawn("names") { [self] in
            let sockets = try NameServerSockets.open(in: container.raw)
            let server = try NameServer(file: scratch.path + "/resolver", sockets, patience: patience)
            let space = UnsafeMutableRawBufferPointer.allocate(byteCount: 96 << 10, alignment: 16)
            defer { space.deallocate() }
            state.withLock { $0.isReady = true }
            state.broadcast()
            while !state.withLock({ $0.isOver }) {
                guard try Sys.poll(server.descriptor, for: .reading, timeout: 20) else { continue }
                let begin = Clock.boottime()
                try server.serve(using: space)
                let time = Clock.boottime() - begin
                state.withLock { $0.longestTurn = max($0.longestTurn, time) }
            }
        }
        let problem: String?? = state.wait { $0.isReady || $0.problem != nil ? .some($0.problem) : nil }
        if let problem, let problem { throw SyscallError("start", problem, errno: 0) }
    }

    private func end() {
        state.withLock { $0.isOver = true }
        _ = state.wait { $0.running == 0 ? () : nil }
    }

    var problem: String? { state.withLock { $0.problem } }
    var longestTurn: Int64 { state.withLock { $0.longestTurn } }
    /// How many questions an upstream got.
    func questions(_ address: String) -> Int { state.withLock { $0.questions[address] ?? 0 } }

    // MARK: - Upstreams

    /// A server on the host: `answer` gets the question, and whether it came over TCP.
    func serve(
        _ address: String, port: UInt16 = 53,
        _ answer: @escaping @Sendable (_ question: [UInt8], _ isStream: Bool) -> [[UInt8]]
    ) throws {
        let bytes = IPAddress(address)!.bytes
        let datagrams = SharedDescriptor(try Sys.bindInternet(.datagram, bytes, port: port))
        let listener = SharedDescriptor(try Sys.bindInternet(.stream, bytes, port: port))
        try spawn("upstream") { [self] in
            let space = UnsafeMutableRawBufferPointer.allocate(byteCount: 66000, alignment: 16)
            defer { space.deallocate() }
            while !state.withLock({ $0.isOver }) {
                var entries = [
                    Sys.PollEntry(datagrams.raw, reading: true), Sys.PollEntry(listener.raw, reading: true),
                ]
                guard try Sys.poll(&entries, timeout: 20) else { continue }
                while let (count, source) = try Sys.receiveDatagram(datagrams.raw, into: space) {
                    state.withLock { $0.questions[address, default: 0] += 1 }
                    for message in answer(Array(space[..<count]), false) {
                        _ = try Sys.sendDatagram(datagrams.raw, message, to: source)
                    }
                }
                guard let connection = try Sys.accept(from: listener.raw) else { continue }
                state.withLock { $0.questions[address, default: 0] += 1 }
                guard try Sys.poll(connection.raw, for: .reading, timeout: 2000),
                    let count = try connection.read(into: space), count > 2
                else { continue }
                for message in answer(Array(space[2..<count]), true) {
                    let frame = pair(UInt16(message.count)) + message
                    // In two parts, as they may come.
                    _ = try Sys.send(connection.raw, Array(frame[..<1]))
                    usleep(1000)
                    _ = try Sys.send(connection.raw, Array(frame[1...]))
                }
            }
        }
    }

    // MARK: - Programs in the container

    func inside<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) throws -> Value {
        let container = container
        return try NamespaceThread.run {
            try Namespaces.enter(container.raw, .network)
            return try body()
        }
    }

    /// nil: there was no answer within `seconds`.
    func ask(_ question: Question, seconds: Int = 10) throws -> Reply? {
        try send([question.bytes], answers: 1, seconds: seconds).first.map { try Reply($0) }
    }

    func ask(_ name: String, _ kind: UInt16 = 1) throws -> Reply? { try ask(Question(name: name, kind: kind)) }

    /// From one socket.
    func send(_ messages: [[UInt8]], answers: Int, seconds: Int = 10) throws -> [[UInt8]] {
        try inside {
            let socket = try Sys.connectInternet(.datagram, [127, 0, 0, 11], port: 53)
            let space = UnsafeMutableRawBufferPointer.allocate(byteCount: 66000, alignment: 16)
            defer { space.deallocate() }
            for message in messages { _ = try Sys.send(socket.raw, message) }
            var received: [[UInt8]] = []
            while received.count < answers,
                try Sys.poll(socket.raw, for: .reading, timeout: Int32(seconds * 1000))
            {
                guard let count = try Sys.receiveDatagram(socket.raw, into: space, wait: false) else { continue }
                received.append(Array(space[..<count]))
            }
            return received
        }
    }

    /// Over one connection, all sent at once; ends with the connection, or after `count` answers.
    func stream(_ bytes: [UInt8], answers: Int, seconds: Int = 10) throws -> [Reply] {
        try inside {
            let socket = try Sys.connectInternet(.stream, [127, 0, 0, 11], port: 53)
            _ = try Sys.poll(socket.raw, for: .writing, timeout: 1000)
            _ = try Sys.send(socket.raw, bytes)
            let space = UnsafeMutableRawBufferPointer.allocate(byteCount: 66000, alignment: 16)
            defer { space.deallocate() }
            var input: [UInt8] = []
            var replies: [Reply] = []
            while replies.count < answers, try Sys.poll(socket.raw, for: .reading, timeout: Int32(seconds * 1000)) {
                guard let count = try socket.read(into: space) else { continue }
                if count == 0 { break }
                input += space[..<count]
                while input.count >= 2, input.count >= 2 + Int(input[0]) << 8 + Int(input[1]) {
                    let end = 2 + Int(input[0]) << 8 + Int(input[1])
                    replies.append(try Reply(Array(input[2..<end])))
                    input.removeSubrange(..<end)
                }
            }
            return replies
        }
    }
}
