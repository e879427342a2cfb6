import Basics
import Deployment
import FoundationEssentials
import HTTP
import HTTPServer
import Reactor
import Services

/// `/box/v1/`: services and their rollouts, as `box-v1.openapi.json` beside this file describes.
extension API {
    func addServices(to router: inout Router) {
        guard let services else { return }
        addServiceReading(to: &router, services)
        addDeploys(to: &router, services)
        addRolloutControl(to: &router, services)
        addServiceChanges(to: &router, services)
        addConfig(to: &router, services)
    }

    private func addServiceReading(to router: inout Router, _ services: ServiceManager) {
        router.add(.get, "/box/v1/services") { request, response in
            try await response.answering(request) {
                var all: [JSONValue] = []
                for one in services.all { all.append(await one.status()) }
                return BoxAnswer(.ok, .array(all))
            }
        }
        router.add(.get, "/box/v1/services/{name}") { request, response in
            try await response.answering(request) {
                let controller = try services.controller(request.capture("name"))
                let stable = await controller.service.stable.map { "r\($0)" } ?? "none"
                return BoxAnswer(.ok, await controller.status(), headers: ["ETag": "\"\(stable)\""])
            }
        }
        router.add(.get, "/box/v1/services/{name}/history") { request, response in
            try await response.answering(request) {
                let name = try services.controller(request.capture("name")).name
                let limit = try request.number("limit") ?? 20
                let tools = services.tools
                return BoxAnswer(
                    .ok, .array(try await tools.pool.run { try tools.journal.results(of: name, limit: limit) }))
            }
        }
        router.add(.get, "/box/v1/services/{name}/doctor") { request, response in
            try await response.answering(request) {
                BoxAnswer(.ok, await (try services.controller(request.capture("name"))).doctor())
            }
        }
        router.add(.get, "/box/v1/services/{name}/events") { request, response in
            do {
                let controller = try services.controller(request.capture("name"))
                try await stream(request, response, controller, rollout: nil)
            } catch { try await response.problem(error) }
        }
        router.add(.delete, "/box/v1/services/{name}") { request, response in
            try await response.answering(request) {
                try await services.remove(request.capture("name"), force: request.flag("force"))
                return BoxAnswer(.noContent, nil)
            }
        }
    }

    // MARK: Deploys

    private func addDeploys(to router: inout Router, _ services: ServiceManager) {
        router.add(.post, "/box/v1/services/{name}/deploys") { request, response in
            try await response.answering(request) {
                let call = try await request.deployCall()
                return BoxAnswer(try await services.deploy(call), service: call.service)
            }
        }
        router.add(.post, "/box/v1/services/{name}/plan") { request, response in
            try await response.answering(request) {
                BoxAnswer(.ok, try await services.plan(try await request.deployCall()))
            }
        }
        router.add(.get, "/box/v1/deploys/{id}") { request, response in
            try await response.answering(request) {
                let id = request.capture("id")
                let controller = try services.controller(ofRollout: id)
                let limit = try request.span("wait", most: .minutes(10))
                let status = try await request.whileConnected {
                    limit == .zero
                        ? try await controller.status(ofRollout: id)
                        : try await controller.status(ofRollout: id, within: limit)
                }
                return BoxAnswer(.ok, status)
            }
        }
        router.add(.get, "/box/v1/deploys/{id}/events") { request, response in
            do {
                let id = request.capture("id")
                let controller = try services.controller(ofRollout: id)
                _ = try await controller.status(ofRollout: id)
                try await stream(request, response, controller, rollout: id)
            } catch { try await response.problem(error) }
        }
    }

    private func addRolloutControl(to router: inout Router, _ services: ServiceManager) {
        func control(_ verb: String, _ command: @escaping @Sendable (String, JSONValue) throws -> ServiceCommand) {
            router.add(.post, "/box/v1/deploys/{id}/\(verb)") { request, response in
                try await response.answering(request) {
                    let id = request.capture("id")
                    let controller = try services.controller(ofRollout: id)
                    let answer = try await services.obey(
                        try command(id, try await request.tree(allowed: verb == "promote" ? ["step", "full"] : [])),
                        controller)
                    return BoxAnswer(answer, service: controller.name, rollout: id)
                }
            }
        }
        control("promote") { id, body in
            .promote(rollout: id, step: try body.integer("step"), full: try body.flag("full"))
        }
        control("pause") { id, _ in .pause(rollout: id) }
        control("resume") { id, _ in .resume(rollout: id) }
        control("abort") { id, _ in .abort(rollout: id) }
    }

    // MARK: Services

    private func addServiceChanges(to router: inout Router, _ services: ServiceManager) {
        func change(
            _ verb: String, _ keys: Set<String>, _ command: @escaping @Sendable (JSONValue) throws -> ServiceCommand
        ) {
            router.add(.post, "/box/v1/services/{name}/\(verb)") { request, response in
                try await response.answering(request) {
                    let controller = try services.controller(request.capture("name"))
                    let command = try command(try await request.tree(allowed: keys))
                    return BoxAnswer(try await services.obey(command, controller), service: controller.name)
                }
            }
        }
        change("rollback", ["to", "key"]) { body in
            .rollback(to: try body.revision("to"), key: try body.text("key"))
        }
        change("scale", ["count", "min", "max"]) { body in
            let (least, most) = (try body.integer("min"), try body.integer("max"))
            switch (try body.integer("count"), least ?? most) {
            case (let count?, nil): return .scale(count)
            case (nil, _?): return .limits(min: least, max: most)
            case (nil, nil): throw ServiceError(.invalid, "count is missing, or min and max")
            case (_?, _?): throw ServiceError(.invalid, "count does not go with min and max: one after the other")
            }
        }
        change("weight", ["percent", "revision"]) { body in
            guard case .number(let percent)? = body["percent"], (0...100).contains(percent) else {
                throw ServiceError(.invalid, "percent must be a number from 0 to 100")
            }
            return .weight(.percent(percent), of: try body.revision("revision"))
        }
        for verb in ["drain", "undrain"] {
            router.add(.post, "/box/v1/instances/{name}/\(verb)") { request, response in
                try await response.answering(request) {
                    let name = request.capture("name")
                    let controller = try await services.controller(ofInstance: name)
                    let command: ServiceCommand = verb == "drain" ? .drain(instance: name) : .undrain(instance: name)
                    return BoxAnswer(try await services.obey(command, controller), service: controller.name)
                }
            }
        }
    }

    private func addConfig(to router: inout Router, _ services: ServiceManager) {
        router.add(.get, "/box/v1/config/schema") { request, response in
            try await response.answering(request) { BoxAnswer(.ok, SpecSchema.document) }
        }
        router.add(.post, "/box/v1/config/check") { request, response in
            try await response.answering(request) {
                let (spec, source) = try await services.read(
                    try SpecCall(try await request.tree(allowed: SpecCall.keys)))
                return BoxAnswer(.ok, .object(["service": .string(spec.service), "spec": source]))
            }
        }
    }

    // MARK: Events

    /// Server-sent events: those of the journal after `Last-Event-ID`, then all to come (unless `follow=0`); of one
    /// rollout until its end.
    private func stream(
        _ request: HTTPRequest, _ response: ResponseWriter, _ controller: ServiceController, rollout: String?
    ) async throws {
        let last = try request.lastEvent()
        let tools = controller.tools
        let name = controller.name
        let follows = request.query["follow"].map { $0 != "0" && $0 != "false" } ?? true
        // Before the look into the journal: what happens in between comes twice, and is told once.
        let news = tools.board.listen(service: name)
        try await response.start(type: "text/event-stream", headers: ["Cache-Control": "no-store"])
        try await request.whileConnected {
            var seq = last
            while true {
                let after = seq
                let old = try await tools.pool.run {
                    try tools.journal.news(service: name, rollout: rollout, after: after, limit: 500)
                }
                for one in old {
                    try await response.write(event: one)
                    seq = one.seq
                    if rollout != nil, one.kind == "result" { return }
                }
                if old.count < 500 { break }
            }
            guard follows else { return }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { [seq] in
                    for await one in news where one.seq > seq && (rollout == nil || one.rollout == rollout) {
                        try await response.write(event: one)
                        if rollout != nil, one.kind == "result" { return }
                    }
                }
                group.addTask {
                    // So that a client, or something in between, does not take silence for death.
                    while true {
                        try await controller.tools.clock.sleep(controller.tools.clock.now() + .seconds(15))
                        try await response.write(Array(": still here\n\n".utf8))
                    }
                }
                try await group.next()
                group.cancelAll()
            }
        }
    }
}

extension ResponseWriter {
    fileprivate func write(event: ServiceNews) async throws {
        let data = String(decoding: try JSON.encode(event.json), as: UTF8.self)
        try await write(Array("id: \(event.seq)\nevent: \(event.kind)\ndata: \(data)\n\n".utf8))
    }
}
