import Basics
package import Engine
import HTTP
package import HTTPServer
package import Reactor
package import Services

/// Docker's Engine API over an engine: what goes over the wire, and nothing of how it is done.
struct API: Sendable {
    let engine: Engine
    /// nil: an engine without services.
    let services: ServiceManager?
    /// Where archives come in and go out. Apart from the engine's threads: a client that stops reading keeps one, and
    /// must not keep the engine from its own work.
    let transfers = BlockingPool(name: "transfer", limit: 128)

    init(_ engine: Engine, _ services: ServiceManager? = nil) {
        self.engine = engine
        self.services = services
    }

    /// All routes that there are.
    var router: Router {
        var router = Router()
        addSystem(to: &router)
        addEvents(to: &router)
        addContainers(to: &router)
        addContainerStates(to: &router)
        addContainerStreams(to: &router)
        addContainerFiles(to: &router)
        addExecs(to: &router)
        addImages(to: &router)
        addImageTransfers(to: &router)
        addVolumes(to: &router)
        addNetworks(to: &router)
        addServices(to: &router)
        addUnsupported(to: &router)
        return router
    }
}

/// The server that boxd runs.
package enum APIServer {
    /// Nothing is served before `serve` is called with a listener.
    package static func make(_ engine: Engine, _ services: ServiceManager? = nil, loop: EventLoop) -> HTTPServer {
        let log = engine.logger.with("api")
        var options = HTTPServer.Options()
        options.headers = [
            "Api-Version": "\(APIVersion.newest)", "Docker-Experimental": "false", "Ostype": "linux",
            "Server": "Box/\(BoxVersion.current) (linux)",
        ]
        options.describe = { error in
            let (status, message) = ErrorMapping.map(error)
            if status == .internalServerError { log.error(message) }
            return (status, message)
        }
        let router = API(engine, services).router
        return HTTPServer(options: options, loop: loop, log: log) { try await router.handle($0, $1) }
    }
}
