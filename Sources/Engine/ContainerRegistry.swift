import Synchronization

/// All containers, by id and name, and all execs: for finding them without asking each.
final class ContainerRegistry: Sendable {
    private struct State {
        var containers: [String: Container] = [:]
        var names: [String: String] = [:]
        var execs: [String: ExecSession] = [:]
    }
    private let state = Mutex(State())

    /// In no order.
    var all: [Container] { state.withLock { Array($0.containers.values) } }
    var count: Int { state.withLock { $0.containers.count } }

    func add(_ container: Container, name: String) {
        state.withLock {
            $0.containers[container.id] = container
            $0.names[name] = container.id
        }
    }

    func remove(_ id: String, name: String) {
        state.withLock {
            $0.containers[id] = nil
            if $0.names[name] == id { $0.names[name] = nil }
            $0.execs = $0.execs.filter { $0.value.container.id != id }
        }
    }

    func rename(_ id: String, from old: String, to new: String) {
        state.withLock {
            if $0.names[old] == id { $0.names[old] = nil }
            $0.names[new] = id
        }
    }

    func isNameTaken(_ name: String) -> Bool { state.withLock { $0.names[name] != nil } }

    /// By id, name (with or without a leading slash), or the beginning of an id that fits one container only.
    func find(_ text: String) throws(EngineError) -> Container {
        let name = text.hasPrefix("/") ? String(text.dropFirst()) : text
        let found: Result<Container, EngineError> = state.withLock { state in
            if let exact = state.containers[text] ?? state.names[name].flatMap({ state.containers[$0] }) {
                return .success(exact)
            }
            guard !text.isEmpty else { return .failure(.noSuchContainer(text)) }
            let fitting = state.containers.keys.filter { $0.hasPrefix(text) }
            if fitting.count > 1 {
                return .failure(EngineError(.invalid, "Multiple IDs found with provided prefix: \(text)"))
            }
            guard let id = fitting.first, let container = state.containers[id] else {
                return .failure(.noSuchContainer(text))
            }
            return .success(container)
        }
        return try found.get()
    }

    func add(_ exec: ExecSession) { state.withLock { $0.execs[exec.id] = exec } }

    func exec(_ id: String) throws(EngineError) -> ExecSession {
        guard let exec = state.withLock({ $0.execs[id] }) else {
            throw EngineError(.notFound, "No such exec instance: \(id)")
        }
        return exec
    }

    func removeExecs(of container: String, except known: Set<String>) {
        state.withLock { $0.execs = $0.execs.filter { $0.value.container.id != container || known.contains($0.key) } }
    }
}
