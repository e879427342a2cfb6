/// All commands.
package enum CommandTable {
    package static let groups: [CommandGroup] = [
        CommandGroup(name: "container", summary: "Manage containers"),
        CommandGroup(name: "image", summary: "Manage images"),
        CommandGroup(name: "network", summary: "Manage networks"),
        CommandGroup(name: "config", summary: "Spec files of services"),
        CommandGroup(name: "service", summary: "Manage services"),
        CommandGroup(name: "system", summary: "Manage boxd"),
        CommandGroup(name: "volume", summary: "Manage volumes"),
    ]

    package static let all: [CommandSpec] = parts.flatMap { $0() }.sorted { $0.name < $1.name }

    /// Each made when it is looked into: most calls are of a command of the first, or of the few of the second.
    private static let parts: [@Sendable () -> [CommandSpec]] = [
        { ContainerCommands.all }, { SystemCommands.all }, { ImageCommands.all }, { ServiceCommands.all },
        { VolumeCommands.all }, { NetworkCommands.all }, { refused },
    ]

    /// `name` as typed: `run`, `container run`, `volume create`.
    package static func find(_ name: String) -> CommandSpec? {
        if let spec = frequent(name) { return spec }
        for part in parts {
            if let found = part().first(where: { $0.name == name || $0.aliases.contains(name) }) { return found }
        }
        return nil
    }

    /// What scripts call again and again, without making all the others.
    package static func frequent(_ name: String) -> CommandSpec? {
        switch name {
        case "run": RunCommand.specs.first
        case "exec": ExecCommand.spec
        case "ps": PsCommand.spec
        default: nil
        }
    }

    private static let load = "load an image with 'boxctl load', or a root file system with 'boxctl import'"
    private static let refused: [CommandSpec] = [
        .refused("pull", aliases: ["image pull"], load),
        .refused("push", aliases: ["image push"], "write the image to a file with 'boxctl save'"),
        .refused(
            "build", aliases: ["image build", "builder", "buildx"],
            "build elsewhere and 'boxctl load', or 'boxctl commit' a container"),
        .refused("login", "registries cannot be reached yet"),
        .refused("logout", "registries cannot be reached yet"),
        .refused("search", "registries cannot be reached yet"),
        .refused("volume update", "it is for clusters"),
        .refused("checkpoint", "containers cannot be checkpointed"),
        .refused("compose", "docker's own compose works against boxd's socket"),
        .refused("context", "give the host with -H or BOX_HOST"),
        .refused("manifest", "registries cannot be reached yet"),
        .refused("plugin", "boxd has no plugins"),
        .refused("trust", "registries cannot be reached yet"),
        .refused("swarm", "Box is for one host"),
        .refused("node", "Box is for one host"),
        .refused("stack", "Box is for one host"),
        .refused("secret", "Box is for one host"),
    ]
}
