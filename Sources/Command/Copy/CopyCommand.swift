import Basics
import Glibc
import HTTP
import Kernel

/// `cp`.
enum CopyCommand {
    static let spec = CommandSpec(
        "cp", aliases: ["container cp"], usage: "CONTAINER:SRC_PATH DEST_PATH|- | SRC_PATH|- CONTAINER:DEST_PATH",
        operands: 2...2,
        "Copy files/folders between a container and the local filesystem",
        flags: {
            [
                .bool("archive", "a", "Archive mode (copy all uid/gid information)"),
                .bool("follow-link", "L", "Always follow symbol link in SRC_PATH"),
                .bool("quiet", "q", "Do not tell what was copied"),
            ]
        },
        run: { call in
            let source = call.arguments.operands[0]
            let destination = call.arguments.operands[1]
            switch (CopyPath.split(source), CopyPath.split(destination)) {
            case (let from?, nil):
                try fromContainer(call, from.container, from.path, to: destination)
            case (nil, let to?):
                try toContainer(call, source, to: to.container, to.path)
            case (_?, _?): throw CommandError("copying between containers is not supported")
            case (nil, nil): throw CommandError("must specify at least one container source: CONTAINER:PATH")
            }
            return 0
        })

    // MARK: Out of a container

    private static func fromContainer(_ call: Invocation, _ container: String, _ path: String, to destination: String)
        throws
    {
        if path.isEmpty { throw CommandError("the path in the container is missing: CONTAINER:PATH") }
        let client = call.client
        var source = CopyPath.assertsDirectory(path) ? path : HostPath.absolute(path, in: "/")
        if !source.hasPrefix("/") { source = "/" + source }
        if call.arguments.bool("follow-link") {
            let stat = try stat(client, container, source)
            if stat.isSymlink {
                source = HostPath.absolute(stat.linkTarget, in: CopyPath.parent(HostPath.clean(source)))
            }
        }
        let answer = try client.send(.get, Path.container(container, "archive"), ["path": source])
        if destination == "-" {
            guard !Terminal.isTerminal(1) else {
                throw CommandError("cowardly refusing to write an archive to a terminal: redirect the output")
            }
            return try client.copy(answer) { try Output.write($0) }
        }
        let stat = try ContainerPathStat(answer)
        // The root has no name, and so its members no first component: all that can be copied is its content.
        let onlyContent = CopyPath.isContent(source) || HostPath.clean(source) == "/"
        let plan = try CopyPlan.make(
            CopyPlan.Source(
                isDirectory: stat.isDirectory, name: CopyPath.base(HostPath.clean(source)), onlyContent: onlyContent),
            try local(destination))
        do {
            let unpacker = try TarUnpacker(
                answer, into: plan.directory, as: plan.name, replacesFirst: !onlyContent,
                keepsOwner: call.arguments.bool("archive"))
            try unpacker.run()
            report(call, unpacker.copied, destination)
        } catch let error as SyscallError {
            throw CommandError("cannot copy to \(destination): \(Escaping.visible(error.subject)): \(error.reason)")
        } catch let error as TarError {
            throw CommandError("cannot copy to \(destination): \(error)")
        }
    }

    private static func local(_ path: String) throws(CommandError) -> CopyPlan.Destination {
        // Symlinks are followed, dangling ones are new files at where they lead.
        let status = try? Sys.status(path, follow: true)
        let absolute = path.hasPrefix("/") ? path : ProcessEnvironment.currentDirectory() + "/" + path
        if status == nil, (try? Sys.status(CopyPath.parent(HostPath.clean(absolute)), follow: true))?.kind != .directory
        {
            throw CommandError(
                "invalid output path: directory \"\(CopyPath.parent(HostPath.clean(absolute)))\" does not exist")
        }
        return CopyPlan.Destination(path: absolute, exists: status != nil, isDirectory: status?.kind == .directory)
    }

    // MARK: Into a container

    private static func toContainer(_ call: Invocation, _ source: String, to container: String, _ path: String) throws {
        if path.isEmpty { throw CommandError("the path in the container is missing: CONTAINER:PATH") }
        let destination = try remote(call.client, container, path)
        if source == "-" {
            guard destination.isDirectory else {
                throw CommandError("destination \"\(container):\(path)\" must be a directory")
            }
            return try put(call, container, HostPath.clean(destination.path), try FileSource(""))
        }
        let onlyContent = CopyPath.isContent(source)
        let follow = call.arguments.bool("follow-link") || CopyPath.assertsDirectory(source)
        let status: FileStatus
        do { status = try Sys.status(source, follow: follow) } catch {
            throw CommandError("cannot copy \(source): \(error.reason)")
        }
        if CopyPath.assertsDirectory(source), status.kind != .directory {
            throw CommandError("not a directory: \(source)")
        }
        let absolute = HostPath.absolute(source, in: ProcessEnvironment.currentDirectory())
        let plan = try CopyPlan.make(
            CopyPlan.Source(
                isDirectory: status.kind == .directory, name: CopyPath.base(absolute), onlyContent: onlyContent),
            destination)
        do {
            let packer = try TarPacker(
                path: source, as: plan.name, follow: follow, keepsOwner: call.arguments.bool("archive"),
                complain: { Output.complain("boxctl: " + $0) })
            try put(call, container, plan.directory, packer)
            report(call, packer.copied, "\(container):\(path)")
        } catch let error as SyscallError {
            throw CommandError("cannot copy \(source): \(error)")
        }
    }

    private static func put(_ call: Invocation, _ container: String, _ directory: String, _ archive: any ByteSource)
        throws
    {
        // With --archive the archive has the owners; `copyUIDGID` would put the container's user in their place.
        let query: Query = ["path": directory, "noOverwriteDirNonDir": "true"]
        _ = try call.client.send(
            .put, Path.container(container, "archive"), query, body: .stream(archive, type: "application/x-tar")
        ).bytes()
    }

    private static func stat(_ client: EngineClient, _ container: String, _ path: String) throws -> ContainerPathStat {
        try ContainerPathStat(try client.send(.head, Path.container(container, "archive"), ["path": path]))
    }

    /// Where a path of the container leads, one symlink at its end followed.
    private static func remote(_ client: EngineClient, _ container: String, _ path: String) throws
        -> CopyPlan.Destination
    {
        var absolute = path.hasPrefix("/") ? path : "/" + path
        do {
            var stat = try stat(client, container, absolute)
            if stat.isSymlink {
                let target = HostPath.absolute(stat.linkTarget, in: CopyPath.parent(HostPath.clean(absolute)))
                absolute = CopyPath.assertsDirectory(absolute) ? target + "/" : target
                stat = try self.stat(client, container, absolute)
            }
            return CopyPlan.Destination(path: absolute, exists: true, isDirectory: stat.isDirectory)
        } catch let error as DaemonError where error.isNotFound {
            // A HEAD has no message: the path may be missing, or the container, which the request for it tells.
            _ = try client.get(Path.container(container, "json"))
            return CopyPlan.Destination(path: absolute, exists: false, isDirectory: false)
        }
    }

    private static func report(_ call: Invocation, _ bytes: UInt64, _ destination: String) {
        if call.arguments.bool("quiet") || !Terminal.isTerminal(2) { return }
        Output.complain(
            "Successfully copied \(ByteCount.decimal(Int64(clamping: bytes))) to \(Escaping.visible(destination))")
    }
}
