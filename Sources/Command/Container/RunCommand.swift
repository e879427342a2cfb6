import APIModel
import Basics
import Glibc
import HTTP
import Kernel

/// `run` and `create`.
enum RunCommand {
    static let specs: [CommandSpec] = [
        CommandSpec(
            "run", aliases: ["container run"], usage: "IMAGE [COMMAND] [ARG...]", operands: 1...Int.max,
            interspersed: false,
            "Create and run a new container from an image", flags: { ContainerFlags.all + ContainerFlags.runOnly },
            run: run),
        CommandSpec(
            "create", aliases: ["container create"], usage: "IMAGE [COMMAND] [ARG...]", operands: 1...Int.max,
            interspersed: false, "Create a new container", flags: { ContainerFlags.all },
            run: { call in
                let environment = ProcessEnvironment.current()
                let request = try CreateRequestBuilder.build(call.arguments, environment: environment, detached: false)
                try Output.line(try create(request, call, environment))
                return 0
            }),
    ]

    private static func run(_ call: Invocation) throws -> Int32 {
        let arguments = call.arguments
        let environment = ProcessEnvironment.current()
        let detached = arguments.bool("detach")
        var request = try CreateRequestBuilder.build(arguments, environment: environment, detached: detached)
        let keys = try DetachKeys(arguments.optionalText("detach-keys") ?? "ctrl-p,ctrl-q")
        let config = request.config
        if !detached {
            try AttachedContainer.checkTerminal(stdin: config.attachStdin, tty: config.tty, environment)
        }
        // A program that asks for the size at once, before the first resize arrives, gets the right one.
        if config.tty, let size = try? Terminal.size(environment.stdoutIsTerminal ? 1 : 0) {
            request.hostConfig.consoleSize = [Int(size.rows), Int(size.columns)]
        }
        // The connection of this request is the third, for the start.
        let id = try create(request, call, environment, connections: detached ? 0 : 2)
        if detached {
            do { try call.client.perform(.post, Path.container(id, "start")) } catch let error as DaemonError {
                throw startFailure(error)
            }
            try Output.line(id)
            return 0
        }
        guard config.attachStdin || config.attachStdout || config.attachStderr else {
            throw CommandError("nothing to attach to", status: 125)
        }
        let attached = AttachedContainer(
            client: call.client, id: id,
            options: AttachSession.Options(
                tty: config.tty, stdin: config.attachStdin, stdout: config.attachStdout, stderr: config.attachStderr,
                detachKeys: keys, forwardsSignals: arguments.bool("sig-proxy", default: true) && !config.tty))
        return try attached.start(removes: request.hostConfig.autoRemove)
    }

    // MARK: Creating

    /// The new container's id.
    /// - Parameter connections: how many will be needed next, at once.
    private static func create(
        _ request: ContainerCreateRequest, _ call: Invocation, _ environment: ProcessEnvironment, connections: Int = 0
    ) throws -> String {
        let idFile = try IDFile(path: call.arguments.text("cidfile"))
        var query = Query()
        if let name = call.arguments.optionalText("name") { query.add("name", name) }
        let answer: JSONValue
        do {
            let creating = try call.client.begin(.post, "/containers/create", query, body: request)
            if connections > 0 { try call.client.connectAhead(connections) }
            answer = try creating.value()
        } catch let error as DaemonError {
            // 404 may also be said of a container whose namespace or volumes were asked for.
            guard error.isNotFound, error.message.hasPrefix("No such image") else { throw error }
            let image = Escaping.visible(ImageName.tagged(request.config.image))
            Output.complain("Unable to find image '\(image)' locally")
            throw CommandError(
                "images cannot be pulled yet: load it with 'boxctl load', or make it with 'boxctl import'", status: 125)
        }
        for warning in answer["Warnings"].strings { Output.complain("WARNING: " + Escaping.visible(warning)) }
        guard let id = answer["Id"].string else { throw CommandError("boxd created a container but did not say which") }
        try idFile.write(id)
        return id
    }

    /// Docker's exit status of a program that cannot be started, as a shell's: 127 not found, 126 not executable.
    static func startFailure(_ error: DaemonError) -> CommandError {
        let text = error.message.lowercased()
        let status: Int32
        if text.contains("executable file not found") || text.contains("no such file or directory") {
            status = 127
        } else if text.contains("permission denied") || text.contains("is a directory")
            || text.contains("exec format error")
        {
            status = 126
        } else {
            status = 125
        }
        return CommandError(error.description, status: status)
    }
}

/// The file of `--cidfile`: made before the container, so that a failure to make it costs nothing; removed again when
/// there is no id to write.
private struct IDFile: ~Copyable {
    private let path: String
    private var file: FileDescriptor?
    private let identity: FileStatus?

    init(path: String) throws {
        self.path = path
        if path.isEmpty {
            file = nil
            identity = nil
            return
        }
        do {
            let created = try Sys.open(path, O_WRONLY | O_CREAT | O_EXCL, mode: 0o644)
            identity = try created.status()
            file = consume created
        } catch {
            throw CommandError(
                error.errno == EEXIST
                    ? "container ID file found, make sure the other container isn't running or delete \(path)"
                    : "failed to create the container ID file \(path): \(error.reason)", status: 125)
        }
    }

    /// Ends the file's life as one to be removed.
    consuming func write(_ id: String) throws {
        guard let open = file.take() else { return }
        do { try open.writeAll(id.utf8) } catch {
            throw CommandError("cannot write the container ID file \(path): \(error.reason)", status: 125)
        }
    }

    deinit {
        guard file != nil, let now = try? Sys.status(path), now.inode == identity?.inode, now.device == identity?.device
        else { return }
        try? Sys.unlink(path)
    }
}
