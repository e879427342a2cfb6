import APIModel
import Engine
import HTTP
import HTTPServer

extension API {
    func addVolumes(to router: inout Router) {
        let engine = engine
        router.add(.get, "/volumes") { request, response in
            try await response.respond(json: try await engine.listVolumes(try request.filters()))
        }
        router.add(.post, "/volumes/create") { request, response in
            let wanted = try await request.optionalDocument(VolumeCreateRequest.self) ?? VolumeCreateRequest()
            try await response.respond(.created, json: try await engine.createVolume(wanted))
        }
        router.add(.get, "/volumes/{name}") { request, response in
            try await response.respond(json: try await engine.volume(request.capture("name")))
        }
        router.add(.delete, "/volumes/{name}") { request, response in
            try await engine.removeVolume(request.capture("name"), force: request.flag("force"))
            try await response.respond(.noContent)
        }
        router.add(.post, "/volumes/prune") { request, response in
            try await response.respond(json: try await engine.pruneVolumes(try request.filters()))
        }
    }
}
