/// `POST /containers/{id}/exec`.
package struct ExecCreateRequest: Codable, Hashable, Sendable {
    package var attachStdin: Bool
    package var attachStdout: Bool
    package var attachStderr: Bool
    /// Rows and columns.
    package var consoleSize: [UInt16]?
    package var detachKeys: String?
    package var tty: Bool
    package var environment: [String]
    package var command: [String]
    package var privileged: Bool
    package var user: String
    package var workingDirectory: String

    package init(
        attachStdin: Bool = false, attachStdout: Bool = false, attachStderr: Bool = false,
        consoleSize: [UInt16]? = nil, detachKeys: String? = nil, tty: Bool = false, environment: [String] = [],
        command: [String] = [], privileged: Bool = false, user: String = "", workingDirectory: String = ""
    ) {
        self.attachStdin = attachStdin
        self.attachStdout = attachStdout
        self.attachStderr = attachStderr
        self.consoleSize = consoleSize
        self.detachKeys = detachKeys
        self.tty = tty
        self.environment = environment
        self.command = command
        self.privileged = privileged
        self.user = user
        self.workingDirectory = workingDirectory
    }

    /// A field that a client leaves out, or gives as null, has its default.
    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        attachStdin = try values.decodeIfPresent(Bool.self, forKey: .attachStdin) ?? false
        attachStdout = try values.decodeIfPresent(Bool.self, forKey: .attachStdout) ?? false
        attachStderr = try values.decodeIfPresent(Bool.self, forKey: .attachStderr) ?? false
        consoleSize = try values.decodeIfPresent([UInt16].self, forKey: .consoleSize)
        detachKeys = try values.decodeIfPresent(String.self, forKey: .detachKeys)
        tty = try values.decodeIfPresent(Bool.self, forKey: .tty) ?? false
        environment = try values.decodeIfPresent([String].self, forKey: .environment) ?? []
        command = try values.decodeIfPresent([String].self, forKey: .command) ?? []
        privileged = try values.decodeIfPresent(Bool.self, forKey: .privileged) ?? false
        user = try values.decodeIfPresent(String.self, forKey: .user) ?? ""
        workingDirectory = try values.decodeIfPresent(String.self, forKey: .workingDirectory) ?? ""
    }

    private enum CodingKeys: String, CodingKey {
        case attachStdin = "AttachStdin"
        case attachStdout = "AttachStdout"
        case attachStderr = "AttachStderr"
        case consoleSize = "ConsoleSize"
        case detachKeys = "DetachKeys"
        case tty = "Tty"
        case environment = "Env"
        case command = "Cmd"
        case privileged = "Privileged"
        case user = "User"
        case workingDirectory = "WorkingDir"
    }
}

/// `POST /exec/{id}/start`.
package struct ExecStartRequest: Codable, Hashable, Sendable {
    package var detach: Bool
    package var tty: Bool
    /// Rows and columns.
    package var consoleSize: [UInt16]?

    package init(detach: Bool = false, tty: Bool = false, consoleSize: [UInt16]? = nil) {
        self.detach = detach
        self.tty = tty
        self.consoleSize = consoleSize
    }

    /// A field that a client leaves out, or gives as null, has its default.
    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        detach = try values.decodeIfPresent(Bool.self, forKey: .detach) ?? false
        tty = try values.decodeIfPresent(Bool.self, forKey: .tty) ?? false
        consoleSize = try values.decodeIfPresent([UInt16].self, forKey: .consoleSize)
    }

    private enum CodingKeys: String, CodingKey {
        case detach = "Detach"
        case tty = "Tty"
        case consoleSize = "ConsoleSize"
    }
}

/// `GET /exec/{id}/json`.
package struct ExecInspect: Codable, Hashable, Sendable {
    package var id: String
    package var running: Bool
    /// null while it runs.
    package var exitCode: Int?
    package var processConfig: ExecProcess
    package var openStdin: Bool
    package var openStderr: Bool
    package var openStdout: Bool
    package var canRemove: Bool
    package var containerID: String
    package var detachKeys: String
    /// In the host's pid namespace.
    package var pid: Int

    package init(
        id: String, running: Bool, exitCode: Int? = nil, processConfig: ExecProcess, openStdin: Bool,
        openStderr: Bool, openStdout: Bool, canRemove: Bool = false, containerID: String, detachKeys: String = "",
        pid: Int
    ) {
        self.id = id
        self.running = running
        self.exitCode = exitCode
        self.processConfig = processConfig
        self.openStdin = openStdin
        self.openStderr = openStderr
        self.openStdout = openStdout
        self.canRemove = canRemove
        self.containerID = containerID
        self.detachKeys = detachKeys
        self.pid = pid
    }

    private enum CodingKeys: String, CodingKey {
        case id = "ID"
        case running = "Running"
        case exitCode = "ExitCode"
        case processConfig = "ProcessConfig"
        case openStdin = "OpenStdin"
        case openStderr = "OpenStderr"
        case openStdout = "OpenStdout"
        case canRemove = "CanRemove"
        case containerID = "ContainerID"
        case detachKeys = "DetachKeys"
        case pid = "Pid"
    }
}

/// What an exec runs.
package struct ExecProcess: Codable, Hashable, Sendable {
    package var tty: Bool
    package var entrypoint: String
    package var arguments: [String]
    package var privileged: Bool
    package var user: String?

    package init(tty: Bool, entrypoint: String, arguments: [String], privileged: Bool, user: String? = nil) {
        self.tty = tty
        self.entrypoint = entrypoint
        self.arguments = arguments
        self.privileged = privileged
        self.user = user
    }

    private enum CodingKeys: String, CodingKey {
        case tty, entrypoint, arguments, privileged, user
    }
}
