import APIModel
import Basics
import Engine
import FoundationEssentials
import HTTP
import HTTPServer

extension API {
    /// What is in a container's file system.
    func addContainerFiles(to router: inout Router) {
        let engine = engine
        router.add(.get, "/containers/{id}/changes") { request, response in
            try await response.respond(json: try await engine.changes(request.capture("id")))
        }
        router.add(.get, "/containers/{id}/export") { request, response in
            try await engine.export(request.capture("id"), to: response.lazySink(type: Self.tar))
        }
        router.add(.head, "/containers/{id}/archive") { request, response in
            let status = try await engine.pathStatus(request.capture("id"), path: try Self.path(request))
            try await response.respond(.ok, [], headers: try Self.headers(status))
        }
        router.add(.get, "/containers/{id}/archive") { request, response in
            try await engine.copyOut(request.capture("id"), path: try Self.path(request)) { status in
                response.lazySink(type: Self.tar, headers: try Self.headers(status))
            }
        }
        router.add(.put, "/containers/{id}/archive") { request, response in
            try await engine.copyIn(
                request.capture("id"), path: try Self.path(request), request.body.blockingSource(),
                keepKinds: request.flag("noOverwriteDirNonDir"), asUser: request.flag("copyUIDGID"))
            try await response.respond(.ok)
        }
    }

    private static let tar = "application/x-tar"

    private static func path(_ request: HTTPRequest) throws -> String {
        guard let path = request.query["path"], !path.isEmpty else { throw RequestError("path: no path given") }
        return path
    }

    private static func headers(_ status: PathStatus) throws -> HeaderFields {
        ["X-Docker-Container-Path-Stat": Data(try JSON.encode(status)).base64EncodedString()]
    }
}
