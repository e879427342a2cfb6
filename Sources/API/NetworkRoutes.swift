import APIModel
import Basics
import Engine
import HTTP
import HTTPServer
import Storage

extension API {
    /// The two networks that there always are: nothing makes others yet.
    private static func builtIn(_ engine: Engine) -> [Network] {
        let created = engine.started.description
        return [("none", "null"), ("host", "host")].map { name, driver in
            Network(name: name, id: Self.networkID(name), created: created, driver: driver, ipam: IPAM(config: []))
        }
    }

    /// The same on every machine: there is one of each.
    private static func networkID(_ name: String) -> String {
        let digits = name.utf8.map { String($0, radix: 16) }.joined()
        return digits + String(repeating: "0", count: 64 - digits.count)
    }

    func addNetworks(to router: inout Router) {
        let engine = engine
        router.add(.get, "/networks") { request, response in
            let filters = try request.filters().values
            let known: Set = ["name", "id", "driver", "scope", "type", "label", "dangling"]
            if let unknown = filters.keys.sorted().first(where: { !known.contains($0) }) {
                throw RequestError("invalid filter '\(unknown)'")
            }
            let found = Self.builtIn(engine).filter { network in
                filters.allSatisfy { key, wanted in
                    wanted.contains { value in
                        switch key {
                        case "name": network.name.contains(value)
                        case "id": network.id.hasPrefix(value)
                        case "driver": network.driver == value
                        case "scope": network.scope == value
                        case "type": value == "builtin"
                        case "dangling": value == "false" || value == "0"
                        default: false
                        }
                    }
                }
            }
            try await response.respond(json: found)
        }
        router.add(.get, "/networks/{id}") { request, response in
            try await response.respond(json: try Self.network(request.capture("id"), engine))
        }
        router.add(.delete, "/networks/{id}") { request, _ in
            let network = try Self.network(request.capture("id"), engine)
            throw HTTPParseError(.forbidden, "\(network.name) is a pre-defined network and cannot be removed")
        }
        router.add(.post, "/networks/prune") { _, response in
            try await response.respond(json: NetworksPruneResponse())
        }
    }

    private static func network(_ name: String, _ engine: Engine) throws -> Network {
        guard
            let network = builtIn(engine).first(where: { $0.name == name || name.count >= 4 && $0.id.hasPrefix(name) })
        else {
            throw HTTPParseError(.notFound, "network \(name) not found")
        }
        return network
    }
}
