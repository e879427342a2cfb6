import Glibc
import Kernel

// Clients of an engine, each on a connection of its own: what scripts/bench asks with, as one that took long itself
// would be measured along with the engine.

let usage = """
    usage: life-load SOCKET BODY CLIENTS SECONDS

    Has containers live, one after the other for each of CLIENTS, until SECONDS are over; one at least. BODY is what
    is created, in JSON. Prints the lives of all, the seconds they took, and of the last one the milliseconds until it
    ran and until it was gone.

    """

/// What the threads have found.
struct Found {
    var running: Int
    var lives = 0
    var last: Life.Times?
    var error: String?
}

func say(_ text: String) { _ = text.withCString { Glibc.write(2, $0, strlen($0)) } }

func run(socket: String, body: String, clients: Int, seconds: Double) -> Int32 {
    Signals.ignorePipe()
    let found = Condition(Found(running: clients))
    let ready = Condition(0)
    let work: @Sendable () -> Void = {
        do {
            let life = try Life(socket: socket, body: body)
            ready.withLock { $0 += 1 }
            ready.broadcast()
            _ = ready.wait { $0 >= clients ? true : nil }
            let end = Clock.boottime() + Int64(seconds * 1e9)
            repeat {
                let times = try life.once()
                found.withLock {
                    $0.lives += 1
                    $0.last = times
                }
            } while Clock.boottime() < end
        } catch {
            found.withLock { $0.error = $0.error ?? "\(error)" }
            // Nobody shall wait for one that does not come.
            ready.withLock { $0 += clients }
            ready.broadcast()
        }
        found.withLock { $0.running -= 1 }
        found.broadcast()
    }
    for number in 0..<clients {
        do { try Thread.start(name: "client \(number)", work) } catch {
            say("life-load: \(error)\n")
            return 1
        }
    }
    _ = ready.wait { $0 >= clients ? true : nil }
    let began = Clock.boottime()
    _ = found.wait { $0.running == 0 ? true : nil }
    let took = Double(Clock.boottime() - began) / 1e9
    let result = found.withLock { $0 }
    if let error = result.error {
        say("life-load: \(error)\n")
        return 1
    }
    let milliseconds = result.last.map { "\(Double($0.running) / 1e6) \(Double($0.gone) / 1e6)" } ?? ""
    print("\(result.lives) \(took) \(milliseconds)")
    return 0
}

let words = CommandLine.arguments.dropFirst()
guard words.count == 4, let clients = Int(words[3]), 1...1024 ~= clients, let seconds = Double(words[4]),
    0...3600 ~= seconds
else {
    say(usage)
    exit(2)
}
exit(run(socket: words[1], body: words[2], clients: clients, seconds: seconds))
