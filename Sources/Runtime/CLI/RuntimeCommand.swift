import Basics
import Glibc
import Kernel
import OCI

/// The command line of box-runtime, as other OCI runtimes have it.
package struct RuntimeCommand {
    private static let version = BoxVersion.current

    var store = ContainerStore(root: ContainerStore.defaultRoot)
    var log = RuntimeLog()

    /// Returns the exit code.
    package static func main(_ arguments: [String]) -> Int32 {
        var command = RuntimeCommand()
        // Executed through a descriptor, the process would be called by the number of that.
        Processes.setName("box-runtime")
        do {
            return try command.run(Array(arguments.dropFirst()), all: arguments)
        } catch {
            command.log.write(.error, error.message)
            return error.exitCode
        }
    }

    private mutating func run(_ arguments: [String], all: [String]) throws(RuntimeError) -> Int32 {
        try Self.openStandardDescriptors()
        var options = CommandArguments("box-runtime", arguments)
        while let option = options.nextOption() {
            switch option.name {
            case "root": store = ContainerStore(root: try Self.absolute(try options.value(option)))
            case "log": log.path = try options.value(option)
            case "log-format": log.format = try RuntimeLog.Format.parse(try options.value(option))
            case "log-level": log.minimum = try RuntimeLog.parseLevel(try options.value(option))
            case "debug": if try options.flag(option) { log.minimum = .debug }
            case "systemd-cgroup":
                if try options.flag(option) {
                    throw RuntimeError(
                        .request,
                        "--systemd-cgroup is not supported: cgroups are made directly; give linux.cgroupsPath as "
                            + "a path such as /box/NAME")
                }
            case "version", "v":
                Self.print("box-runtime version \(Self.version)\nspec: \(RuntimeSpecVersion.current)")
                return 0
            case "help", "h":
                Self.print(Self.help)
                return 0
            default: throw options.unknown(option)
            }
        }
        guard let name = options.rest.first else {
            Self.print(Self.help)
            return 1
        }
        if ["create", "run", "exec", "monitor"].contains(name) {
            // What these fork lives in the container for a moment.
            try attempt(.process, "protecting the program from containers") { () throws(SyscallError) in
                try ProtectedProgram.protectSelf(all, environment: ProtectedProgram.environment)
            }
        }
        let following = Array(options.rest.dropFirst())
        if name == "monitor" { return Monitor.main(arguments: following) }
        return try dispatch(name, CommandArguments(name, following))
    }

    private func dispatch(_ name: String, _ arguments: CommandArguments) throws(RuntimeError) -> Int32 {
        switch name {
        case "create": return try CreateCommand(store: store, log: log, arguments).create()
        case "run": return try CreateCommand(store: store, log: log, arguments).run()
        case "start": try start(arguments)
        case "state": try state(arguments)
        case "kill": try kill(arguments)
        case "delete": try delete(arguments)
        case "exec": return try ExecCommand(store: store, log: log, arguments).run()
        case "list": try list(arguments)
        case "ps": try ps(arguments)
        case "pause": try freeze(arguments, true)
        case "resume": try freeze(arguments, false)
        case "features": try features(arguments)
        case "help": Self.print(Self.help)
        default: throw RuntimeError(.request, "\(name): no such command; see box-runtime help")
        }
        return 0
    }

    static let help = """
        Usage: box-runtime [OPTIONS] COMMAND [ARGUMENTS]
        An OCI runtime.

        Options:
          --root DIR             where the state of containers is kept (\(ContainerStore.defaultRoot))
          --log FILE             where to write messages (standard error)
          --log-format FORMAT    text or json
          --log-level LEVEL      debug, info, warn or error
          --version

        With --init a small init is pid 1, forwards signals and reaps. --lower (the topmost first), --upper and --work
        mount an overlay over root.path, in the container alone.

        Commands:
          create  [--bundle DIR] [--console-socket PATH] [--pid-file FILE] [--preserve-fds N] [--init]
                  [--lower DIR]... [--upper DIR --work DIR] ID
          run     [--detach] and all of create; ID
          start   ID
          state   ID
          kill    [--all] ID [SIGNAL]
          delete  [--force] ID
          exec    [--process FILE] [--tty] [--user UID[:GID]] [--env NAME=VALUE] [--cwd DIR] [--cap CAP] [--detach]
                  [--pid-file FILE] [--console-socket PATH] [--no-new-privs] [--additional-gids GID] [--preserve-fds N]
                  ID [COMMAND ARGUMENTS]
          list    [--quiet] [--format table|json]
          ps      [--format table|json] ID
          pause   ID
          resume  ID
          features
          monitor                starts a container and stays its parent; for boxd
        """

    /// Descriptors 0 to 2 are open from here on, so that no other file comes to be taken for a stream.
    private static func openStandardDescriptors() throws(RuntimeError) {
        for fd: Int32 in 0...2 where fcntl(fd, F_GETFD) == -1 {
            try attempt(.process, "opening /dev/null") { () throws(SyscallError) in
                let null = try Sys.open("/dev/null", O_RDWR)
                if null.raw == fd { _ = null.release() } else { try Processes.duplicate(null.raw, onto: fd) }
            }
        }
    }

    static func print(_ text: String) {
        let line = Array((text + "\n").utf8)
        let output = FileDescriptor(owning: 1)
        try? output.writeAll(line)
        _ = output.release()
    }

    /// For people: a line each member and element.
    static func printJSON(_ value: some JSONWritable) {
        print(String(decoding: JSONWriter.indented(JSONWriter.bytes(of: value)), as: UTF8.self))
    }

    static func absolute(_ path: String) throws(RuntimeError) -> String {
        if path.hasPrefix("/") { return path }
        let here = try attempt(.request, "looking at the working directory") { () throws(SyscallError) in
            try Sys.workingDirectory()
        }
        return path == "." ? here : "\(here)/\(path)"
    }
}

/// Messages of the runtime, for people or as JSON for a program that reads them from `--log`.
struct RuntimeLog {
    enum Format: String {
        case text, json
        static func parse(_ name: String) throws(RuntimeError) -> Format {
            guard let format = Format(rawValue: name) else {
                throw RuntimeError(.request, "--log-format is «\(name)», and must be text or json")
            }
            return format
        }
    }

    var path: String?
    var format = Format.text
    var minimum = Logger.Level.info

    static func parseLevel(_ name: String) throws(RuntimeError) -> Logger.Level {
        if name == "warning" { return .warn }
        guard let level = Logger.Level(name) else {
            throw RuntimeError(.request, "--log-level is «\(name)», and must be debug, info, warn or error")
        }
        return level
    }

    private struct Line: JSONWritable {
        let level: String
        let msg: String
        let time: String

        func write(to json: inout JSONWriter) {
            json.object {
                $0.member("level", level)
                $0.member("msg", msg)
                $0.member("time", time)
            }
        }
    }

    func write(_ level: Logger.Level, _ message: @autoclosure () -> String) {
        guard level >= minimum else { return }
        let time = Timestamp(nanosecondsSince1970: Clock.realtime()).description
        let message = message()
        let plain = "box-runtime: \(level == .error ? "" : "\(level): ")\(message)\n"
        guard let path else { return Self.append(plain, to: 2) }
        var line = plain
        if format == .json {
            let json = JSONWriter.bytes(of: Line(level: "\(level)", msg: message, time: time))
            line = String(decoding: json, as: UTF8.self) + "\n"
        } else {
            line = "\(time) \(plain)"
        }
        if let file = try? Sys.open(path, O_WRONLY | O_CREAT | O_APPEND, mode: 0o644) {
            Self.append(line, to: file.raw)
        }
        // The log is for the caller's program; whoever sits before a terminal sees errors as well.
        if level == .error { Self.append(plain, to: 2) }
    }

    private static func append(_ text: String, to fd: Int32) {
        let bytes = Array(text.utf8)
        bytes.withUnsafeBytes { _ = try? Sys.write(fd, $0) }
    }
}
