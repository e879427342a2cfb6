import Glibc
import Kernel

// A load of clients for the demo server `web`, for seeing whether a swap of versions loses one of their requests.

func say(_ text: String) {
    var line = "swap-load: \(text)\n"
    line.withUTF8 { _ = Glibc.write(2, $0.baseAddress, $0.count) }
}

func run(_ options: Options) throws -> Int32 {
    let signals = try SignalDescriptor([SIGTERM, SIGINT])
    Signals.ignorePipe()
    // One descriptor a client, and some.
    try? Processes.setLimit(7, soft: UInt64(options.keepAlive + options.single + 100), hard: Processes.limit(7).hard)
    var live: FileDescriptor?
    if options.live == "-" {
        live = FileDescriptor(owning: 2)
    } else if let path = options.live {
        live = try Sys.open(path, O_WRONLY | O_CREAT | O_APPEND, mode: 0o644)
    }
    let report = Report()
    let board = Board(threads: options.threads)
    for number in 0..<options.threads {
        try Thread.start(name: "clients \(number)") {
            do {
                try Worker(options, board: board, number: number).run()
            } catch {
                say("\(error)")
                board.publish(Counters(), from: number, isLast: true)
            }
        }
    }
    var before = Counters()
    var nextLine = report.begun + 1_000_000_000
    while true {
        let isSignalled = try Sys.poll(signals.descriptor.raw, for: .reading, timeout: 20)
        while isSignalled, signals.next() != nil { board.stop() }
        let (counters, isDone) = board.read()
        if live != nil, isDone || Clock.boottime() >= nextLine {
            nextLine += 1_000_000_000
            try live?.writeAll((report.line(counters, before: before) + "\n").utf8)
            before = counters
        }
        guard isDone else { continue }
        let output = FileDescriptor(owning: 1)
        try output.writeAll((report.summary(counters, options) + "\n").utf8)
        return counters.failed == 0 ? 0 : 1
    }
}

do {
    let arguments = Array(CommandLine.arguments.dropFirst())
    if arguments == ["--help"] {
        print(Options.usage, terminator: "")
        exit(0)
    }
    exit(try run(Options(arguments)))
} catch let failure as Options.Failure {
    say("\(failure.message)\n\(Options.usage)")
    exit(2)
} catch {
    say("\(error)")
    exit(2)
}
