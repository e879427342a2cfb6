import APIModel
import Engine
import HTTP
import HTTPServer

extension API {
    func addImages(to router: inout Router) {
        let engine = engine
        let onePlatform = "images of several platforms are not supported: there is one manifest an image"
        router.add(.get, "/images/json") { request, response in
            try request.refuse("manifests", because: onePlatform)
            let found = try await engine.listImages(
                all: request.flag("all"), filters: try request.filters(), sharedSize: request.flag("shared-size"))
            try await response.respond(json: found)
        }
        router.add(.get, "/images/{name:.*}/json") { request, response in
            try request.refuse("manifests", "platform", because: onePlatform)
            try await response.respond(json: try await engine.inspectImage(request.capture("name")))
        }
        router.add(.get, "/images/{name:.*}/history") { request, response in
            try request.refuse("platform", because: onePlatform)
            try await response.respond(json: try await engine.imageHistory(request.capture("name")))
        }
        router.add(.post, "/images/{name:.*}/tag") { request, response in
            guard let repository = request.query["repo"], !repository.isEmpty else {
                throw RequestError("repo: no name given")
            }
            try await engine.tagImage(request.capture("name"), repository: repository, tag: request.query["tag"] ?? "")
            try await response.respond(.created)
        }
        router.add(.delete, "/images/{name:.*}") { request, response in
            let removed = try await engine.removeImage(
                request.capture("name"), force: request.flag("force"), noPrune: request.flag("noprune"))
            try await response.respond(json: removed)
        }
        router.add(.post, "/images/prune") { request, response in
            try await response.respond(json: try await engine.pruneImages(try request.filters()))
        }
        router.add(.post, "/commit") { request, response in
            guard let container = request.query["container"], !container.isEmpty else {
                throw RequestError("container: no container given")
            }
            let made = try await engine.commit(
                container, repository: request.query["repo"] ?? "", tag: request.query["tag"] ?? "",
                message: request.query["comment"] ?? "", author: request.query["author"] ?? "",
                changes: request.changes, pause: request.flag("pause", default: true),
                override: try await request.optionalDocument(ContainerConfig.self))
            try await response.respond(.created, json: made)
        }
    }
}

extension HTTPRequest {
    /// Dockerfile instructions: one a parameter, or several in lines.
    var changes: [String] {
        query.all("changes").flatMap { $0.split(separator: "\n").map(String.init) }.filter { !$0.isEmpty }
    }
}
