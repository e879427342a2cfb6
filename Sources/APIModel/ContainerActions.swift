package import Basics

/// `POST /containers/create`.
package struct ContainerCreateResponse: Codable, Hashable, Sendable {
    package var id: String
    package var warnings: [String]

    package init(id: String, warnings: [String]) {
        self.id = id
        self.warnings = warnings
    }

    private enum CodingKeys: String, CodingKey {
        case id = "Id"
        case warnings = "Warnings"
    }
}

extension ContainerCreateResponse: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("Id", id)
            $0.member("Warnings", warnings)
        }
    }
}

/// `POST /containers/{id}/update`.
package struct ContainerUpdateResponse: Codable, Hashable, Sendable {
    package var warnings: [String]

    package init(warnings: [String]) {
        self.warnings = warnings
    }

    private enum CodingKeys: String, CodingKey {
        case warnings = "Warnings"
    }
}

/// `POST /containers/{id}/wait`.
package struct ContainerWaitResponse: Codable, Hashable, Sendable {
    package var statusCode: Int64
    package var error: ContainerWaitError?

    package init(statusCode: Int64, error: ContainerWaitError? = nil) {
        self.statusCode = statusCode
        self.error = error
    }

    private enum CodingKeys: String, CodingKey {
        case statusCode = "StatusCode"
        case error = "Error"
    }
}

extension ContainerWaitResponse: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("Error", error)
            $0.member("StatusCode", statusCode)
        }
    }
}

/// Why waiting for a container failed.
package struct ContainerWaitError: Codable, Hashable, Sendable {
    package var message: String

    package init(message: String) {
        self.message = message
    }

    private enum CodingKeys: String, CodingKey {
        case message = "Message"
    }
}

extension ContainerWaitError: JSONWritable {
    package func write(to json: inout JSONWriter) { json.object { $0.member("Message", message) } }
}

/// `GET /containers/{id}/top`: a table of the processes, as ps(1) prints it.
package struct ContainerTopResponse: Codable, Hashable, Sendable {
    package var titles: [String]
    package var processes: [[String]]

    package init(titles: [String], processes: [[String]]) {
        self.titles = titles
        self.processes = processes
    }

    private enum CodingKeys: String, CodingKey {
        case titles = "Titles"
        case processes = "Processes"
    }
}

/// One entry of `GET /containers/{id}/changes`.
package struct FilesystemChange: Codable, Hashable, Sendable {
    package var path: String
    package var kind: FilesystemChangeKind

    package init(path: String, kind: FilesystemChangeKind) {
        self.path = path
        self.kind = kind
    }

    private enum CodingKeys: String, CodingKey {
        case path = "Path"
        case kind = "Kind"
    }
}

/// `POST /containers/prune`.
package struct ContainersPruneResponse: Codable, Hashable, Sendable {
    package var containersDeleted: [String]?
    package var spaceReclaimed: Int64

    package init(containersDeleted: [String]? = nil, spaceReclaimed: Int64) {
        self.containersDeleted = containersDeleted
        self.spaceReclaimed = spaceReclaimed
    }

    private enum CodingKeys: String, CodingKey {
        case containersDeleted = "ContainersDeleted"
        case spaceReclaimed = "SpaceReclaimed"
    }
}
