import Glibc
import Kernel

/// The caller's side of a process that runs in the foreground: signals, and the terminal.
struct ForegroundProcess: ~Copyable {
    private let process: Int32
    private let terminal: FileDescriptor?
    private let epoll: Epoll
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 32768, alignment: 16)

    private enum Token: UInt64 {
        case process, signals, input, output
    }

    private static let forwarded: [Int32] = [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH, SIGCONT]

    /// Returns its exit code, or 128 + the signal that killed it.
    static func wait(_ pidfd: borrowing FileDescriptor, terminal: consuming FileDescriptor?) throws(RuntimeError)
        -> Int32
    {
        do throws(SyscallError) {
            let signals = try SignalDescriptor(forwarded)
            let saved: termios? = terminal != nil && Terminal.isTerminal(0) ? try Terminal.makeRaw(0) : nil
            defer { if let saved { try? Terminal.restore(0, saved) } }
            let foreground = ForegroundProcess(process: pidfd.raw, terminal: terminal, epoll: try Epoll())
            try foreground.run(pidfd, signals)
            return try Processes.wait(pidfd)?.code ?? 0
        } catch {
            throw RuntimeError(.process, "waiting for the program", error)
        }
    }

    private init(process: Int32, terminal: consuming FileDescriptor?, epoll: consuming Epoll) {
        self.process = process
        self.terminal = terminal
        self.epoll = epoll
    }

    deinit { buffer.deallocate() }

    private var master: Int32? {
        switch terminal {
        case .some(let descriptor): descriptor.raw
        case .none: nil
        }
    }

    private func run(_ pidfd: borrowing FileDescriptor, _ signals: borrowing SignalDescriptor) throws(SyscallError) {
        try epoll.add(process, .read, token: Token.process.rawValue)
        try epoll.add(signals.descriptor.raw, .read, token: Token.signals.rawValue)
        if let master {
            copySize(to: master)
            try epoll.add(master, .read, token: Token.output.rawValue)
            // A file as input is not for epoll, and always readable; it is read when the terminal takes it.
            do { try epoll.add(0, .read, token: Token.input.rawValue) } catch let error where error.errno == EPERM {
                while copy(from: 0, to: master) {}
            }
        }
        while true {
            for event in try epoll.wait() {
                switch Token(rawValue: event.token) {
                case .process:
                    if let master { drain(master) }
                    return
                case .signals:
                    while let number = signals.next() { try forward(number, pidfd) }
                case .input:
                    if let master, !copy(from: 0, to: master) { try? epoll.remove(0) }
                case .output:
                    if let master, !copy(from: master, to: 1) { try? epoll.remove(master) }
                case nil: break
                }
            }
        }
    }

    private func forward(_ number: Int32, _ pidfd: borrowing FileDescriptor) throws(SyscallError) {
        if number == SIGWINCH, let master { return copySize(to: master) }
        try Processes.signal(pidfd, number)
    }

    private func copySize(to master: Int32) {
        if let size = try? Terminal.size(0) { try? Terminal.setSize(master, size) }
    }

    /// False at the end.
    private func copy(from source: Int32, to target: Int32) -> Bool {
        guard let count = try? Sys.read(source, into: buffer), count > 0 else { return false }
        var rest = UnsafeRawBufferPointer(rebasing: buffer[..<count])
        while !rest.isEmpty {
            guard let written = try? Sys.write(target, rest) else { return false }
            rest = UnsafeRawBufferPointer(rebasing: rest[written...])
        }
        return true
    }

    /// What the program wrote before it ended is in the terminal still.
    private func drain(_ master: Int32) {
        while (try? Sys.poll(master, for: .reading, timeout: 0)) == true, copy(from: master, to: 1) {}
    }
}
