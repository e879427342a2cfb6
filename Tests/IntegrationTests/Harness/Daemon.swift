import Basics
import Glibc
import Kernel
import Testing

/// A boxd with places of its own, and clients that talk to it.
final class Daemon {
    let name: String
    let place: String
    let networks: TestNetworks
    private let options: [String]
    /// The host it runs on; nil for this machine's own network.
    private let space: NetworkSpace?
    private var process: Running?
    private var logs: [String] = []

    var socket: String { "\(place)/run/box.sock" }
    var cgroup: String { "/\(name)" }
    var pid: Int32? { process?.pid }
    var log: String { (logs + [process?.errors ?? ""]).joined() }

    init(options: [String] = [], in space: NetworkSpace? = nil) throws {
        name = "box-test-\(Identifier().short)"
        place = "/tmp/\(name)"
        self.options = options
        self.space = space
        networks = TestNetworks.next()
        try Sys.makeDirectories(place, mode: 0o700)
    }

    func start() throws {
        let arguments =
            [
                "--data-root", "\(place)/data", "--run-dir", "\(place)/run", "--cgroup-parent", cgroup, "--log-level",
                "debug",
            ] + networks.options
        let program = "\(Programs.directory)/boxd"
        let started = try space?.start(program, arguments + options) ?? Running(program, arguments + options)
        process = started
        try eventually("boxd answers (\(started.errors.suffix(2000)))") {
            if !started.isRunning { throw Trouble("boxd ended: \(try started.wait().errors)") }
            return (try? RawHTTP(socket).exchange("GET /_ping HTTP/1.1\r\nHost: box\r\nConnection: close\r\n\r\n"))?
                .hasPrefix("HTTP/1.1 200") ?? false
        }
    }

    /// `kill -9`: containers do not notice.
    func kill() throws {
        guard let process else { return }
        try process.signal(SIGKILL)
        logs.append(try process.wait().errors)
        self.process = nil
    }

    func restart() throws {
        try kill()
        try start()
    }

    /// SIGTERM; the exit status.
    func terminate() throws -> Int32 {
        guard let process else { return 0 }
        try process.signal(SIGTERM)
        let outcome = try process.wait(within: 30)
        logs.append(outcome.errors)
        self.process = nil
        return outcome.status
    }

    // MARK: - Clients

    var environment: [String: String] {
        ["BOX_HOST": "unix://\(socket)", "DOCKER_HOST": "unix://\(socket)", "HOME": place]
    }

    /// `boxctl`, whatever comes of it.
    func run(_ arguments: [String], input: [UInt8]? = nil, within seconds: Double = 60) throws -> Outcome {
        try Running.run(
            "\(Programs.directory)/boxctl", arguments, environment: environment, input: input, within: seconds)
    }
    func run(_ arguments: String...) throws -> Outcome { try run(arguments) }

    /// `boxctl` that has to succeed: its output.
    @discardableResult
    func box(_ arguments: [String], input: [UInt8]? = nil, within seconds: Double = 60) throws -> String {
        let outcome = try run(arguments, input: input, within: seconds)
        guard outcome.status == 0 else { throw Trouble(outcome.description) }
        return outcome.output.trimmed
    }
    @discardableResult
    func box(_ arguments: String...) throws -> String { try box(arguments) }

    /// `docker` that has to succeed: its output.
    @discardableResult
    func docker(_ arguments: [String], input: [UInt8]? = nil) throws -> String {
        let outcome = try Running.run("docker", arguments, environment: environment, input: input)
        guard outcome.status == 0 else { throw Trouble(outcome.description) }
        return outcome.output.trimmed
    }
    @discardableResult
    func docker(_ arguments: String...) throws -> String { try docker(arguments) }

    /// `boxctl` that goes on running.
    func background(_ arguments: [String], keepsInputOpen: Bool = false, terminal: Int32? = nil) throws -> Running {
        try Running(
            "\(Programs.directory)/boxctl", arguments, environment: environment, keepsInputOpen: keepsInputOpen,
            terminal: terminal)
    }

    func inspect(_ container: String, _ format: String) throws -> String {
        try box("inspect", "-f", format.contains("{{") ? format : "{{\(format)}}", container)
    }

    func waitUntil(_ container: String, _ format: String, is wanted: String, within seconds: Double = 15) throws {
        var last = ""
        do {
            try eventually("\(format) of \(container) is \(wanted)", within: seconds) {
                // It may not be there yet.
                last = (try? inspect(container, format)) ?? "nothing"
                return last == wanted
            }
        } catch { throw Trouble("\(error); it is \(last)") }
    }
}

/// Runs `body` with a daemon that has some images; afterwards all its containers are removed, it is stopped, and nothing
/// of it may be left on the machine.
func withDaemon(
    images: [String] = ["busybox"], options: [String] = [], in space: NetworkSpace? = nil,
    _ body: (Daemon) throws -> Void
) throws {
    let daemon = try Daemon(options: options, in: space)
    defer { try? Sys.removeTree(daemon.place) }
    do {
        try daemon.start()
        for image in images { try daemon.box("load", "-q", "-i", Programs.image(image)) }
        try body(daemon)
    } catch {
        Issue.record("\(error)\nboxd says: \(daemon.log.suffix(6000))")
    }
    do {
        try Residue.cleanUp(daemon)
    } catch {
        Issue.record("cleaning up: \(error)\nboxd says: \(daemon.log.suffix(6000))")
        Residue.destroy(daemon)
    }
}
