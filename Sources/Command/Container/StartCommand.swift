import Basics
import HTTP
import Kernel

/// `start` and `attach`: containers that exist.
enum StartCommand {
    static let start = CommandSpec(
        "start", aliases: ["container start"], usage: "CONTAINER [CONTAINER...]", operands: 1...Int.max,
        "Start one or more stopped containers",
        flags: {
            [
                .bool("attach", "a", "Attach STDOUT/STDERR and forward signals"),
                .bool("interactive", "i", "Attach the container's STDIN"),
                .detachKeys,
                .refused("checkpoint"), .refused("checkpoint-dir"),
            ]
        },
        run: { call in
            let attaches = call.arguments.bool("attach") || call.arguments.bool("interactive")
            guard attaches else {
                return try call.forEach { try call.client.perform(.post, Path.container($0, "start")) }
            }
            guard call.arguments.operands.count == 1 else {
                throw CommandError("you cannot start and attach multiple containers at once")
            }
            let state = try call.client.get(Path.container(call.arguments.operands[0], "json"))
            if state["State"]["Running"].bool == true { return 0 }
            let container = try attached(call, state, stdin: call.arguments.bool("interactive"), forwards: true)
            return try container.start(removes: state["HostConfig"]["AutoRemove"].bool ?? false)
        })

    static let attach = CommandSpec(
        "attach", aliases: ["container attach"], usage: "CONTAINER", operands: 1...1,
        "Attach local standard input, output, and error streams to a running container",
        flags: {
            [
                .bool("no-stdin", nil, "Do not attach STDIN"),
                .bool("sig-proxy", nil, default: true, "Pass received signals on to the process"),
                .detachKeys,
            ]
        },
        run: { call in
            let state = try call.client.get(Path.container(call.arguments.operands[0], "json"))
            guard state["State"]["Running"].bool == true else {
                throw CommandError("cannot attach to a stopped container, start it first")
            }
            if state["State"]["Paused"].bool == true {
                throw CommandError("cannot attach to a paused container, unpause it first")
            }
            if state["State"]["Restarting"].bool == true {
                throw CommandError("cannot attach to a restarting container, wait until it is running")
            }
            return try attached(
                call, state, stdin: !call.arguments.bool("no-stdin"),
                forwards: call.arguments.bool("sig-proxy", default: true)
            ).join()
        })

    private static func attached(_ call: Invocation, _ state: JSONValue, stdin: Bool, forwards: Bool) throws
        -> AttachedContainer
    {
        let tty = state["Config"]["Tty"].bool ?? false
        let takesInput = stdin && (state["Config"]["OpenStdin"].bool ?? false)
        try AttachedContainer.checkTerminal(stdin: takesInput, tty: tty, ProcessEnvironment.current())
        return AttachedContainer(
            client: call.client, id: state["Id"].text,
            options: AttachSession.Options(
                tty: tty, stdin: takesInput,
                detachKeys: try DetachKeys(call.arguments.optionalText("detach-keys") ?? "ctrl-p,ctrl-q"),
                forwardsSignals: forwards && !tty))
    }
}
