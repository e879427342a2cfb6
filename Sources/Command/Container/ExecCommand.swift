import APIModel
import Basics
import HTTP
import Kernel

/// `exec`.
enum ExecCommand {
    static let spec = CommandSpec(
        "exec", aliases: ["container exec"], usage: "CONTAINER COMMAND [ARG...]", operands: 2...Int.max,
        interspersed: false,
        "Execute a command in a running container",
        flags: {
            [
                .bool("detach", "d", "Run the command in the background"),
                .detachKeys,
                .many("env", "e", "list", "Set an environment variable"),
                .many("env-file", nil, "list", "Read environment variables from a file"),
                .bool("interactive", "i", "Keep STDIN open"),
                .bool("privileged", nil, "Give all privileges to the command"),
                .bool("tty", "t", "Give it a terminal"),
                .one("user", "u", "string", "Whom to run as: NAME|UID[:GROUP|GID]"),
                .one("workdir", "w", "string", "Working directory in the container"),
            ]
        }, run: run)

    static func request(_ arguments: ParsedArguments, environment: ProcessEnvironment) throws(CommandError)
        -> ExecCreateRequest
    {
        let detached = arguments.bool("detach")
        let size = arguments.bool("tty") ? try? Terminal.size(environment.stdoutIsTerminal ? 1 : 0) : nil
        return ExecCreateRequest(
            attachStdin: !detached && arguments.bool("interactive"), attachStdout: !detached, attachStderr: !detached,
            consoleSize: size.map { [$0.rows, $0.columns] }, detachKeys: arguments.optionalText("detach-keys"),
            tty: arguments.bool("tty"),
            environment: try KeyValueFile.environment(
                files: arguments.list("env-file"), options: arguments.list("env"), environment: environment),
            command: Array(arguments.operands.dropFirst()), privileged: arguments.bool("privileged"),
            user: arguments.text("user"), workingDirectory: arguments.text("workdir"))
    }

    private static func run(_ call: Invocation) throws -> Int32 {
        let arguments = call.arguments
        let environment = ProcessEnvironment.current()
        let keys = try DetachKeys(arguments.optionalText("detach-keys") ?? "ctrl-p,ctrl-q")
        let request = try request(arguments, environment: environment)
        try AttachedContainer.checkTerminal(stdin: request.attachStdin, tty: request.tty, environment)
        let client = call.client
        let created = try client.value(
            .post, Path.container(arguments.operands[0], "exec"), body: try JSONValue(encoding: request))
        guard let id = created["Id"].string else { throw CommandError("boxd made an exec but did not say which") }
        let start = ExecStartRequest(
            detach: arguments.bool("detach"), tty: request.tty, consoleSize: request.consoleSize)
        let body = try JSONValue(encoding: start)
        if start.detach {
            try client.perform(.post, "/exec/\(id)/start", body: body)
            return 0
        }
        do {
            let connection = try client.hijack("/exec/\(id)/start", body: body)
            let session = try AttachSession(
                connection,
                AttachSession.Options(
                    tty: request.tty, stdin: request.attachStdin, detachKeys: keys, forwardsSignals: false),
                onSignal: { _ in },
                onResize: { size in
                    try? client.perform(.post, "/exec/\(id)/resize", ["h": "\(size.rows)", "w": "\(size.columns)"])
                })
            switch try session.run() {
            case .ended: break
            case .detached:
                Output.complain("read escape sequence")
                return 0
            case .interrupted(let signal): return 128 + signal
            }
        } catch let error as DaemonError {
            throw RunCommand.startFailure(error)
        }
        let state = try client.get("/exec/\(id)/json")
        guard let code = state["ExitCode"].integer else {
            throw CommandError("boxd did not say how the command ended", status: 125)
        }
        return Int32(truncatingIfNeeded: code)
    }
}
