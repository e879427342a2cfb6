import Glibc
import Kernel

/// The small pid 1 of `--init`: starts the program as its child, passes signals on, reaps what is orphaned, and ends
/// with the program's exit code. It is this process after all that the program's own set-up does to it: the same
/// user, capabilities and filter.
enum InitReaper {
    /// - Parameter program: executes in the child; returns only when that failed, with an exit code.
    static func run(terminal: Bool, dieWithParent: Bool, program: () -> Int32) -> Never {
        // Before the fork, or the end of a short program would be missed.
        guard let signals = try? SignalDescriptor(forwarded + [SIGCHLD]), let child = try? Processes.fork() else {
            _exit(125)
        }
        if child == 0 {
            Signals.resetAll()
            // A foreground process group of its own: the terminal's signals reach the program directly.
            _ = try? Processes.newSession()
            if terminal { try? Terminal.makeControlling(0) }
            if dieWithParent { try? Processes.setParentDeathSignal(SIGKILL) }
            _exit(program())
        }
        // The streams and the launcher's connection are the program's alone: their end must be seen when it ends.
        try? Processes.duplicate(signals.descriptor.raw, onto: 0)
        try? Processes.closeDescriptors(from: 1)
        Processes.setName("box-init")
        CommandLineTitle.replace(with: "box-init")
        while true {
            _ = try? Sys.poll(0, for: .reading)
            while let number = SignalDescriptor.next(from: 0) {
                if number != SIGCHLD { _ = try? Processes.kill(child, number) }
            }
            while let exit = Processes.reapAny() {
                if exit.pid == child { _exit(exit.code) }
            }
        }
    }

    /// Everything that can be caught and that does not tell of a mistake of our own.
    private static let forwarded: [Int32] =
        (1...31).filter {
            ![SIGKILL, SIGSTOP, SIGCHLD, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGTTIN, SIGTTOU]
                .contains($0)
        } + Array(34...64)
}

/// The words of `ps`.
enum CommandLineTitle {
    /// Overwrites the process's arguments: a process of ours that stays in a container must not tell the host's paths.
    static func replace(with title: String) {
        guard let first = CommandLine.unsafeArgv[0] else { return }
        var end = first
        for index in 0..<Int(CommandLine.argc) {
            // Only what lies in one piece is the kernel's view of the arguments.
            guard let argument = CommandLine.unsafeArgv[index], argument == end else { break }
            end = argument + strlen(argument) + 1
        }
        let length = end - first
        memset(first, 0, length)
        for (index, byte) in title.utf8.prefix(max(0, length - 1)).enumerated() {
            first[index] = CChar(bitPattern: byte)
        }
    }
}
