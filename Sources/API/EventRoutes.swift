import APIModel
import Basics
import Engine
import HTTP
import HTTPServer
import Kernel
import Reactor
import Storage

extension API {
    func addEvents(to router: inout Router) {
        let engine = engine
        router.add(.get, "/events") { request, response in
            let now = Clock.realtime()
            // 0 is a moment here, unlike with logs: all that is remembered.
            let since =
                request.query["since"] == "0"
                ? Timestamp(nanosecondsSince1970: 0) : try request.moment("since", now: now)
            let until = try request.moment("until", now: now)
            let filter = try EventFilter(try request.filters())
            // Subscribed before the head is sent: what happens once the client knows that it listens is told.
            let events = engine.events.events(since: since)
            try await response.start(type: "application/json")
            try await request.whileConnected {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        for await event in events {
                            if let until, event.time > until { return }
                            if filter.matches(event) { try await response.write(line: EventMessage(event)) }
                        }
                    }
                    if let until {
                        group.addTask {
                            // What is remembered has been yielded already; a moment for it to be written.
                            let wait = max(100_000_000, until.nanosecondsSince1970 - now)
                            try await engine.loop.sleep(nanoseconds: wait)
                        }
                    }
                    try await group.next()
                    group.cancelAll()
                }
            }
        }
    }
}

/// What `events --filter` takes.
struct EventFilter: Sendable {
    private static let known: Set<String> = [
        "type", "event", "container", "image", "volume", "network", "daemon", "label", "scope",
    ]
    private let filters: [String: [String]]

    init(_ filters: Filters) throws {
        if let unknown = filters.values.keys.sorted().first(where: { !Self.known.contains($0) }) {
            throw RequestError("invalid filter '\(unknown)'")
        }
        self.filters = filters.values
    }

    func matches(_ event: EngineEvent) -> Bool {
        filters.allSatisfy { key, wanted in wanted.isEmpty || wanted.contains { matches(event, key, $0) } }
    }

    private func matches(_ event: EngineEvent, _ key: String, _ wanted: String) -> Bool {
        switch key {
        case "type": return event.kind.rawValue == wanted
        case "scope": return wanted == "local"
        case "event":
            // `health_status` fits `health_status: healthy`, and `exec_start` its commands.
            return event.action == wanted || event.action.hasPrefix("\(wanted):")
        case "label":
            guard let equals = wanted.firstIndex(of: "=") else { return event.attributes[wanted] != nil }
            return event.attributes[String(wanted[..<equals])] == String(wanted[wanted.index(after: equals)...])
        case "image": return named(event, .image, wanted) || event.attributes["image"] == wanted
        case "container":
            return event.kind == .container && (event.actor.hasPrefix(wanted) || event.attributes["name"] == wanted)
        default: return EngineEvent.Kind(rawValue: key).map { named(event, $0, wanted) } ?? false
        }
    }

    private func named(_ event: EngineEvent, _ kind: EngineEvent.Kind, _ wanted: String) -> Bool {
        event.kind == kind && (event.actor == wanted || event.attributes["name"] == wanted)
    }
}

extension EventMessage {
    init(_ event: EngineEvent) {
        let old = event.kind == .container || event.kind == .image
        self.init(
            status: old ? event.action : nil, id: old ? event.actor : nil,
            from: event.kind == .container ? event.attributes["image"] : nil, type: event.kind.rawValue,
            action: event.action, actor: EventActor(id: event.actor, attributes: event.attributes),
            time: event.time.seconds, timeNano: event.time.nanosecondsSince1970)
    }
}
