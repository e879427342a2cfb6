import APIModel
import Engine
import HTTP
import HTTPServer

extension API {
    func addNetworks(to router: inout Router) {
        let engine = engine
        router.add(.get, "/networks") { request, response in
            try await response.respond(json: try engine.listNetworks(try request.filters()))
        }
        // Its `verbose` and `scope` are of swarms: the one network that there is, is the answer.
        router.add(.get, "/networks/{id}") { request, response in
            try await response.respond(json: try engine.network(request.capture("id")))
        }
        router.add(.post, "/networks/create") { request, response in
            let wanted = try await request.document(NetworkCreateRequest.self)
            try await response.respond(.created, json: try await engine.createNetwork(wanted))
        }
        router.add(.delete, "/networks/{id}") { request, response in
            try await engine.removeNetwork(request.capture("id"))
            try await response.respond(.noContent)
        }
        router.add(.post, "/networks/prune") { request, response in
            try await response.respond(json: try await engine.pruneNetworks(try request.filters()))
        }
        router.add(.post, "/networks/{id}/connect") { request, response in
            let wanted = try await request.document(NetworkConnectRequest.self)
            try await engine.connect(request.capture("id"), wanted)
            try await response.respond(.ok)
        }
        router.add(.post, "/networks/{id}/disconnect") { request, response in
            let wanted = try await request.document(NetworkDisconnectRequest.self)
            try await engine.disconnect(request.capture("id"), wanted)
            try await response.respond(.ok)
        }
    }
}
