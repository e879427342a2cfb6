import APIModel
import Basics
import Storage

/// What `ps` and `container prune` can filter by.
struct ContainerFilters {
    private static let known: Set<String> = [
        "ancestor", "before", "exited", "expose", "health", "id", "is-task", "label", "label!", "name", "network",
        "publish", "since", "status", "until", "volume",
    ]
    private let filters: Filters
    /// Of `publish` and `expose`: each port of their ranges.
    private var ports: [String: Set<String>] = [:]
    /// Only containers created in between, exclusively.
    var createdAfter: Timestamp?
    var createdBefore: Timestamp?
    /// Images of `ancestor`, with all that are built on them.
    var images: Set<Digest>?

    init(_ filters: Filters) throws {
        try filters.check(allowed: Self.known)
        for key in ["publish", "expose"] {
            ports[key] = try Set(filters[key].flatMap { try ExposedPort.range($0) }.map(\.description))
        }
        for status in filters["status"] where RunState.Status(rawValue: status) == nil {
            throw EngineError(.invalid, "invalid filter 'status=\(status)'")
        }
        self.filters = filters
    }

    subscript(key: String) -> [String] { filters[key] }

    /// Everything matches.
    var isEmpty: Bool { filters.values.isEmpty && createdAfter == nil && createdBefore == nil && images == nil }

    /// Naming a state asks for containers in it, whether they run or not.
    var wantsAllStates: Bool { ["status", "exited", "health"].contains { !filters[$0].isEmpty } }

    func matches(_ container: ContainerFacts) -> Bool {
        if let createdAfter, container.created <= createdAfter { return false }
        if let createdBefore, container.created >= createdBefore { return false }
        if let images, !images.contains(container.image) { return false }
        return filters.matchesLabels(container.labels)
            && filters.values.allSatisfy { key, wanted in wanted.contains { matches(key, $0, container) } }
    }

    private func matches(_ key: String, _ wanted: String, _ container: ContainerFacts) -> Bool {
        switch key {
        case "id": container.id.hasPrefix(wanted)
        case "name": Self.matchesName(wanted, container.name)
        case "status": container.status.rawValue == wanted
        case "exited": container.status == .exited && "\(container.exitCode)" == wanted
        case "health": (container.health ?? "none") == wanted
        case "volume": container.volumes.contains(wanted)
        case "network": container.networks.contains(wanted)
        case "publish":
            container.ports.contains { ports[key]?.contains("\($0.publicPort ?? 0)/\($0.type)") ?? false }
        case "expose": container.ports.contains { ports[key]?.contains("\($0.privatePort)/\($0.type)") ?? false }
        case "is-task": wanted == "false" || wanted == "0"
        default: true
        }
    }

    /// Docker takes a regular expression; what people write is a part of the name, perhaps anchored.
    private static func matchesName(_ wanted: String, _ name: String) -> Bool {
        var part = Substring(wanted)
        let atStart = part.hasPrefix("^")
        if atStart { part = part.dropFirst() }
        let atEnd = part.hasSuffix("$")
        if atEnd { part = part.dropLast() }
        if part.hasPrefix("/") { part = part.dropFirst() }
        switch (atStart, atEnd) {
        case (true, true): return name == part
        case (true, false): return name.hasPrefix(part)
        case (false, true): return name.hasSuffix(part)
        case (false, false): return part.isEmpty || name.contains(part)
        }
    }
}

/// What filters look at.
struct ContainerFacts: Sendable {
    let id: String
    let name: String
    let created: Timestamp
    let image: Digest
    let status: RunState.Status
    let exitCode: Int32
    let health: String?
    let labels: [String: String]
    /// Names of volumes, and places of mounts.
    let volumes: Set<String>
    /// Names and identifiers of its networks.
    let networks: Set<String>
    let ports: [PortSummary]
}
