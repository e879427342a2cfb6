import Glibc
import Kernel

/// How a program ended and what it said.
struct Outcome: CustomStringConvertible {
    let command: String
    let status: Int32
    let bytes: [UInt8]
    let errors: String
    var output: String { bytes.text }
    var description: String { "`\(command)` ended with \(status); said: \(output.suffix(2000)) \(errors.suffix(2000))" }
}

/// A program that runs. Its output goes to files in memory, so that it never waits for us.
final class Running {
    let command: String
    let pid: Int32
    private let pidfd: FileDescriptor
    private var input: SharedDescriptor?
    private let out: SharedDescriptor
    private let err: SharedDescriptor
    private var status: Int32?

    /// `terminal`: becomes descriptors 0, 1 and 2, and the controlling terminal.
    init(
        _ program: String, _ arguments: [String], environment: [String: String] = [:], input given: [UInt8]? = nil,
        keepsInputOpen: Bool = false, terminal: Int32? = nil
    ) throws {
        guard let path = Programs.find(program) else { throw Trouble("there is no program \(program)") }
        command = ([program] + arguments).joined(separator: " ")
        let out = SharedDescriptor(try Sys.memoryFile("out"))
        let err = SharedDescriptor(try Sys.memoryFile("err"))
        self.out = out
        self.err = err
        var all = [
            "PATH": Programs.variable("PATH") ?? "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "TERM": "xterm",
        ]
        all.merge(environment) { $1 }
        let variables = all.map { "\($0)=\($1)" }
        var spawn = Spawn(path, arguments, environment: variables)
        var stdin: SharedDescriptor?
        if let terminal {
            let setsid = Programs.find("setsid") ?? "/usr/bin/setsid"
            spawn = Spawn(setsid, ["--ctty", path] + arguments, environment: variables)
            spawn.descriptors = [terminal, terminal, terminal]
        } else {
            if let given { stdin = try Self.source(of: given) }
            if keepsInputOpen {
                var pair = try Sys.pipe()
                stdin = SharedDescriptor(pair.takeFirst())
                input = SharedDescriptor(pair.takeSecond())
            }
            spawn.descriptors = [stdin?.raw, out.raw, err.raw]
        }
        let started = try spawn.start()
        pid = started.pid
        pidfd = started.takePidfd()
    }

    /// A pipe with the bytes, as clients have it most often; a file when they are more than a pipe holds.
    private static func source(of bytes: [UInt8]) throws -> SharedDescriptor {
        if bytes.count > 60_000 {
            let file = try Sys.memoryFile("in")
            try file.writeAll(bytes)
            try file.seek(to: 0)
            return SharedDescriptor(file)
        }
        var pair = try Sys.pipe()
        let writer = pair.takeSecond()
        try writer.writeAll(bytes)
        return SharedDescriptor(pair.takeFirst())
    }

    deinit { if status == nil { _ = try? Processes.signal(pidfd, SIGKILL); _ = try? Processes.wait(pidfd) } }

    var output: String { Self.content(of: out).text }
    var errors: String { Self.content(of: err).text }

    private static func content(of file: SharedDescriptor) -> [UInt8] {
        let size = (try? file.descriptor.status())?.size ?? 0
        guard size > 0 else { return [] }
        return [UInt8](unsafeUninitializedCapacity: Int(size)) { buffer, count in
            count = (try? file.descriptor.read(into: UnsafeMutableRawBufferPointer(buffer), at: 0)) ?? 0
        }
    }

    func send(_ text: String) throws {
        guard let input else { throw Trouble("the input of `\(command)` is closed") }
        try input.descriptor.writeAll(text.utf8)
    }

    func closeInput() { input = nil }

    func signal(_ number: Int32) throws { try Processes.signal(pidfd, number) }

    var isRunning: Bool { poll(0) == nil }

    /// The exit status, when it ends within so many milliseconds.
    private func poll(_ milliseconds: Int32) -> Int32? {
        if let status { return status }
        var request = pollfd(fd: pidfd.raw, events: Int16(POLLIN), revents: 0)
        guard Glibc.poll(&request, 1, milliseconds) == 1 else { return nil }
        status = (try? Processes.wait(pidfd))?.code
        return status
    }

    func wait(within seconds: Double = 60) throws -> Outcome {
        guard let status = poll(Int32(seconds * 1000)) else {
            let said = "\(output.suffix(2000)) \(errors.suffix(2000))"
            throw Trouble("`\(command)` did not end within \(seconds) s; said: \(said)")
        }
        return Outcome(command: command, status: status, bytes: Self.content(of: out), errors: errors)
    }

    static func run(
        _ program: String, _ arguments: [String], environment: [String: String] = [:], input: [UInt8]? = nil,
        within seconds: Double = 60
    ) throws -> Outcome {
        try Running(program, arguments, environment: environment, input: input).wait(within: seconds)
    }
}
