import APIModel
import Engine
import HTTP
import HTTPServer

extension API {
    func addSystem(to router: inout Router) {
        let engine = engine
        // The CLI asks this before nearly every command, to learn the API's version from the header.
        let noCache: HeaderFields = [
            "Cache-Control": "no-cache, no-store, must-revalidate", "Pragma": "no-cache", "Swarm": "inactive",
            "Builder-Version": "1",
        ]
        router.add(.get, "/_ping") { _, response in
            try await response.respond(.ok, Array("OK".utf8), type: "text/plain; charset=utf-8", headers: noCache)
        }
        router.add(.head, "/_ping") { _, response in
            try await response.respond(.ok, [], type: "text/plain; charset=utf-8", headers: noCache)
        }
        router.add(.get, "/version") { _, response in try await response.respond(json: engine.version()) }
        router.add(.get, "/info") { _, response in try await response.respond(json: try await engine.info()) }
        router.add(.get, "/system/df") { request, response in
            try await response.respond(json: try await engine.diskUsage())
        }
    }

    /// Refused by name, rather than as unknown paths: clients show the message.
    func addUnsupported(to router: inout Router) {
        func refuse(_ method: HTTPMethod, _ patterns: [String], _ message: String, status: HTTPStatus = .notImplemented)
        {
            for pattern in patterns {
                router.add(method, pattern) { _, response in
                    try await response.respond(status, ResponseWriter.message(message))
                }
            }
        }
        let swarm = "This node is not a swarm manager. Box has no swarm: it manages one host."
        for word in ["swarm", "services", "nodes", "tasks", "secrets", "configs"] {
            for method in [HTTPMethod.get, .post, .delete] {
                refuse(method, ["/\(word)", "/\(word)/{path:.*}"], swarm, status: .serviceUnavailable)
            }
        }
        refuse(.post, ["/auth"], "logging in to a registry is not supported yet")
        refuse(.post, ["/build", "/session", "/grpc"], "building images is not supported yet: load or commit them")
        refuse(.post, ["/images/{name:.*}/push"], "pushing to a registry is not supported yet: save the image instead")
        refuse(.get, ["/images/search", "/distribution/{name:.*}/json"], "registries are not supported yet")
        refuse(.get, ["/containers/{id}/attach/ws"], "attaching by websocket is not supported: use POST attach")
        refuse(.post, ["/containers/{id}/checkpoints"], "checkpoints are not supported")
        refuse(.get, ["/containers/{id}/checkpoints"], "checkpoints are not supported")
        refuse(.post, ["/plugins/pull", "/plugins/create", "/plugins/{name:.*}"], "plugins are not supported")
        refuse(.put, ["/volumes/{name}"], "cluster volumes are not supported")
        // `docker inspect` asks for a plugin last, after all other kinds.
        router.add(.get, "/plugins/{name:.*}/json") { request, _ in
            throw HTTPParseError(.notFound, "plugin \"\(request.capture("name"))\" not found")
        }
        router.add(.get, "/plugins") { _, response in try await response.respond(json: [String]()) }
        // `system prune` goes through all kinds.
        router.add(.post, "/build/prune") { _, response in
            try await response.respond(json: BuildPruneResponse(spaceReclaimed: 0))
        }
    }
}

private struct BuildPruneResponse: Encodable {
    let spaceReclaimed: Int64
    private enum CodingKeys: String, CodingKey { case spaceReclaimed = "SpaceReclaimed" }
}
