import Basics
import Glibc
import Kernel

func fail(_ message: String) -> Never {
    _ = "boxd: \(message)\n".withCString { write(2, $0, strlen($0)) }
    exit(1)
}

do {
    let program = (try? Sys.readlink("/proc/self/exe")) ?? CommandLine.arguments[0]
    let options = try DaemonOptions(Array(CommandLine.arguments.dropFirst()), program: program)
    if options.showHelp {
        print(DaemonOptions.help)
        exit(0)
    }
    if options.showVersion {
        print("boxd version \(BoxVersion.current)")
        exit(0)
    }
    guard getuid() == 0 else {
        throw DaemonOptions.Problem(description: "must run as root: namespaces, mounts and cgroups need it")
    }
    // Clients and monitors take a descriptor each. Containers get a limit of their own.
    let files = Int32(RLIMIT_NOFILE.rawValue)
    let hard = try Processes.limit(files).hard
    try Processes.setLimit(files, soft: hard, hard: hard)
    // Before there is a second thread: all of them inherit what is blocked here.
    let signals = try SignalDescriptor([SIGTERM, SIGINT, SIGHUP])
    let daemon = try Daemon(options, signals: signals)
    // Not `try await` here: the main thread of an async program waits in libdispatch with every signal unblocked, and
    // SIGTERM would end us there before the descriptor tells of it.
    let ended = Condition<Result<Void, any Error>?>(nil)
    Task.detached {
        let result: Result<Void, any Error>
        do { result = .success(try await daemon.run()) } catch { result = .failure(error) }
        ended.withLock { $0 = result }
        ended.signal()
    }
    try ended.wait { $0 }?.get()
} catch {
    fail("\(error)")
}
