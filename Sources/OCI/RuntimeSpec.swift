/// The version of the runtime specification that Box writes, and the newest whose files it reads.
package enum RuntimeSpecVersion {
    package static let current = "1.2.0"
}

/// `config.json` of a bundle (runtime-spec `config.md`), for Linux. Unknown keys are ignored, as the
/// specification wants; what is optional there is optional here, and nil is not written.
package struct RuntimeSpec: Codable, Sendable, Equatable {
    package var ociVersion: String
    /// Absent: the container can be created but not started.
    package var process: ProcessSpec?
    package var root: RootSpec?
    package var hostname: String?
    package var domainname: String?
    /// In the order in which they are made.
    package var mounts: [MountSpec]?
    package var hooks: Hooks?
    package var annotations: [String: String]?
    package var linux: LinuxSpec?

    package init(
        ociVersion: String, process: ProcessSpec? = nil, root: RootSpec? = nil, hostname: String? = nil,
        domainname: String? = nil, mounts: [MountSpec]? = nil, hooks: Hooks? = nil,
        annotations: [String: String]? = nil, linux: LinuxSpec? = nil
    ) {
        self.ociVersion = ociVersion
        self.process = process
        self.root = root
        self.hostname = hostname
        self.domainname = domainname
        self.mounts = mounts
        self.hooks = hooks
        self.annotations = annotations
        self.linux = linux
    }
}

/// The root file system.
package struct RootSpec: Codable, Sendable, Equatable {
    /// Absolute, or relative to the bundle.
    package var path: String
    package var readonly: Bool?

    package init(path: String, readonly: Bool? = nil) {
        self.path = path
        self.readonly = readonly
    }
}

/// One mount (`config.md`, "Mounts").
package struct MountSpec: Codable, Sendable, Equatable {
    /// As seen in the container; relative means from `/`.
    package var destination: String
    package var type: String?
    /// A device or file system name, or for a bind mount a path, relative to the bundle if not absolute.
    package var source: String?
    /// Those of fstab(5); unknown ones are data for the file system.
    package var options: [String]?
    package var uidMappings: [IDMapping]?
    package var gidMappings: [IDMapping]?

    package init(
        destination: String, type: String? = nil, source: String? = nil, options: [String]? = nil,
        uidMappings: [IDMapping]? = nil, gidMappings: [IDMapping]? = nil
    ) {
        self.destination = destination
        self.type = type
        self.source = source
        self.options = options
        self.uidMappings = uidMappings
        self.gidMappings = gidMappings
    }
}

/// `size` ids from `containerID` on are `hostID` and following outside.
package struct IDMapping: Codable, Sendable, Equatable {
    package var containerID: UInt32
    package var hostID: UInt32
    package var size: UInt32

    package init(containerID: UInt32, hostID: UInt32, size: UInt32) {
        self.containerID = containerID
        self.hostID = hostID
        self.size = size
    }
}

/// Programs to run at points of the lifecycle (`config.md`, "POSIX-platform Hooks").
package struct Hooks: Codable, Sendable, Equatable {
    package var prestart: [Hook]?
    package var createRuntime: [Hook]?
    package var createContainer: [Hook]?
    package var startContainer: [Hook]?
    package var poststart: [Hook]?
    package var poststop: [Hook]?

    package init(
        prestart: [Hook]? = nil, createRuntime: [Hook]? = nil, createContainer: [Hook]? = nil,
        startContainer: [Hook]? = nil, poststart: [Hook]? = nil, poststop: [Hook]? = nil
    ) {
        self.prestart = prestart
        self.createRuntime = createRuntime
        self.createContainer = createContainer
        self.startContainer = startContainer
        self.poststart = poststart
        self.poststop = poststop
    }
}

/// A program that the runtime runs with the container's state on its standard input.
package struct Hook: Codable, Sendable, Equatable {
    /// Absolute.
    package var path: String
    /// With `argv[0]`.
    package var args: [String]?
    /// Exactly this environment; nothing is inherited.
    package var env: [String]?
    /// Seconds, more than 0.
    package var timeout: Int?

    package init(path: String, args: [String]? = nil, env: [String]? = nil, timeout: Int? = nil) {
        self.path = path
        self.args = args
        self.env = env
        self.timeout = timeout
    }
}

/// What a runtime tells of a container (`runtime.md`, "State").
package struct RuntimeState: Codable, Sendable, Equatable {
    package var ociVersion: String
    package var id: String
    /// `creating`, `created`, `running`, `stopped`, or a runtime's own.
    package var status: String
    /// While created or running.
    package var pid: Int32?
    /// Absolute.
    package var bundle: String
    package var annotations: [String: String]?

    package init(
        ociVersion: String, id: String, status: String, pid: Int32? = nil, bundle: String,
        annotations: [String: String]? = nil
    ) {
        self.ociVersion = ociVersion
        self.id = id
        self.status = status
        self.pid = pid
        self.bundle = bundle
        self.annotations = annotations
    }
}
