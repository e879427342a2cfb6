import APIModel
import Engine
import HTTP
import HTTPServer

extension API {
    /// Making, finding and removing.
    func addContainers(to router: inout Router) {
        let engine = engine
        router.add(.post, "/containers/create") { request, response in
            if let platform = request.query["platform"], !platform.isEmpty, platform != "linux",
                !platform.hasPrefix("linux/")
            {
                throw RequestError("platform \(platform): only linux images can be run")
            }
            let wanted = try await request.document(ContainerCreateRequest.self)
            let made: ContainerCreateResponse
            do { made = try await engine.create(name: request.query["name"], wanted) } catch {
                // 404 makes Docker's clients pull the image: it is said of images alone.
                let (status, message) = ErrorMapping.map(error)
                guard status == .notFound, !message.hasPrefix("No such image") else { throw error }
                throw RequestError(message)
            }
            try await response.respond(.created, writing: made)
        }
        router.add(.get, "/containers/json") { request, response in
            let found = try await engine.list(
                all: request.flag("all"), limit: try request.number("limit") ?? 0, sizes: request.flag("size"),
                filters: try request.filters())
            try await response.respond(writing: found)
        }
        router.add(.get, "/containers/{id}/json") { request, response in
            try await response.respond(
                json: try await engine.inspect(request.capture("id"), size: request.flag("size")))
        }
        router.add(.delete, "/containers/{id}") { request, response in
            if request.flag("link") { throw RequestError("links between containers are not supported") }
            try await engine.remove(
                try engine.container(request.capture("id")), force: request.flag("force"), volumes: request.flag("v"))
            try await response.respond(.noContent)
        }
        router.add(.post, "/containers/prune") { request, response in
            try await response.respond(json: try await engine.pruneContainers(try request.filters()))
        }
        router.add(.post, "/containers/{id}/rename") { request, response in
            guard let name = request.query["name"], !name.isEmpty else { throw RequestError("name: no new name given") }
            try await engine.rename(request.capture("id"), to: name)
            try await response.respond(.noContent)
        }
        router.add(.get, "/containers/{id}/top") { request, response in
            let container = try engine.container(request.capture("id"))
            let arguments = request.query["ps_args"].flatMap { $0.isEmpty ? nil : $0 } ?? "-ef"
            try await response.respond(json: try await container.processes(arguments: arguments))
        }
    }

    /// Changing what they do.
    func addContainerStates(to router: inout Router) {
        let engine = engine
        func add(_ verb: String, _ body: @escaping @Sendable (Container, HTTPRequest) async throws -> Void) {
            router.add(.post, "/containers/{id}/\(verb)") { request, response in
                try await body(try engine.container(request.capture("id")), request)
                try await response.respond(.noContent)
            }
        }
        add("start") { container, request in
            if let checkpoint = request.query["checkpoint"], !checkpoint.isEmpty {
                throw EngineError(.unsupported, "checkpoints are not supported")
            }
            try await container.start()
        }
        add("stop") { container, request in
            try await container.stop(timeout: try request.number("t"), signal: Self.signal(request))
        }
        add("restart") { container, request in
            try await container.restart(timeout: try request.number("t"), signal: Self.signal(request))
        }
        add("kill") { container, request in try await container.kill(Self.signal(request) ?? "SIGKILL") }
        add("pause") { container, _ in try await container.pause() }
        add("unpause") { container, _ in try await container.unpause() }
        router.add(.post, "/containers/{id}/update") { request, response in
            let wanted = try await request.document(UpdateConfig.self)
            try await response.respond(json: try await engine.update(request.capture("id"), wanted))
        }
        router.add(.post, "/containers/{id}/resize") { request, response in
            let size = try request.terminalSize()
            try await engine.container(request.capture("id")).resize(rows: size.rows, columns: size.columns)
            try await response.respond(.ok)
        }
        router.add(.post, "/containers/{id}/wait") { request, response in
            let container = try engine.container(request.capture("id"))
            let name = request.query["condition"].flatMap { $0.isEmpty ? nil : $0 } ?? "not-running"
            guard let condition = Container.WaitCondition(rawValue: name) else {
                throw RequestError("invalid condition: \"\(name)\"")
            }
            // Clients wait for the head before they start the container: its end must not be missed from then on.
            let ending = await container.ending(condition)
            try await response.start(type: "application/json")
            let result = try await request.whileConnected {
                for await result in ending { return result }
                throw CancellationError()
            }
            // Not the reason of a failed start: who starts it gets that as the answer, and clients would say it twice.
            try await response.write(writing: ContainerWaitResponse(statusCode: Int64(result.exitCode)))
        }
    }

    private static func signal(_ request: HTTPRequest) -> String? {
        request.query["signal"].flatMap { $0.isEmpty ? nil : $0 }
    }
}
