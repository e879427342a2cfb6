package import Deployment
import Engine
package import Networking
import Routing
import Synchronization

/// What others have to know of a service at any time, without asking its controller.
struct ServiceFacts: Sendable {
    /// By revision: what must not be removed.
    var images: [Int: String]
    var ports: [RoutedPort]
}

/// Which images and ports belong to services: for whoever wants to remove an image or publish a port.
package final class ServiceDirectory: EngineClaims {
    private let facts = Mutex<[String: ServiceFacts]>([:])

    package init() {}

    func note(_ service: Service) {
        var ports: [RoutedPort] = []
        let numbers = [service.stable, service.rollout?.to].compactMap { $0 }
        for number in numbers {
            guard let spec = service.revisions[number]?.spec else { continue }
            for port in spec.ports where port.publish != nil {
                ports.append(
                    RoutedPort(
                        name: port.name, transport: port.transport, port: UInt16(port.publish ?? 0),
                        target: UInt16(port.target)))
            }
            if let preview = spec.deploy.preview?.port {
                ports.append(RoutedPort(name: "preview", port: UInt16(preview), target: 0, pool: .preview))
            }
        }
        let images = service.revisions.mapValues(\.spec.image)
        facts.withLock { $0[service.name] = ServiceFacts(images: images, ports: ports) }
    }

    func forget(_ service: String) { facts.withLock { $0[service] = nil } }

    /// The service that has a port of the host.
    package func owner(of port: UInt16, _ transport: ServiceSpec.Port.Transport, except service: String? = nil)
        -> String?
    {
        facts.withLock { facts in
            facts.first { name, one in
                name != service && one.ports.contains { $0.port == port && $0.transport == transport }
            }?.key
        }
    }

    package func owner(ofPort port: UInt16, _ transport: Transport) -> String? {
        let kind: ServiceSpec.Port.Transport? = transport == .tcp ? .tcp : transport == .udp ? .udp : nil
        return kind.flatMap { owner(of: port, $0) }.map { "service \"\($0)\"" }
    }

    /// Of all revisions that a service can still go back to: `service web (r3)`.
    package var images: [(image: String, holder: String)] {
        facts.withLock { facts in
            facts.flatMap { name, one in
                one.images.map { (PinnedImage.identifier($0.value), "service \(name) (r\($0.key))") }
            }
        }
    }
}

/// `web:v2@sha256:…`: as the user named it, and which it was.
package enum PinnedImage {
    /// For the engine.
    package static func identifier(_ text: String) -> String {
        text.lastIndex(of: "@").map { String(text[text.index(after: $0)...]) } ?? text
    }
    /// For people.
    package static func name(_ text: String) -> String {
        text.lastIndex(of: "@").map { String(text[..<$0]) } ?? text
    }
}
