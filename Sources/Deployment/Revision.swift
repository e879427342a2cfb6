/// What a service is made of at one time: never changed, only followed by another. Its image is pinned by digest.
package struct Revision: Hashable, Sendable, Codable {
    /// Counted per service: `r8`.
    package var number: Int
    /// Digest over `ServiceSpec.content` and the versions of the secrets. Equal digests need no new containers.
    package var hash: String
    package var spec: ServiceSpec
    /// The user's own name for it, a commit for example.
    package var label: String?

    package init(number: Int, hash: String, spec: ServiceSpec, label: String? = nil) {
        self.number = number
        self.hash = hash
        self.spec = spec
        self.label = label
    }
}

extension ServiceSpec {
    /// The part that a running container cannot change: a deploy that leaves it alone starts nothing.
    package struct Content: Hashable, Sendable, Codable {
        package var image: String
        package var command: [String]
        package var environment: [String: String]
        package var secrets: [String]
        package var user: String?
        package var volumes: [Volume]
        package var targets: [String: Int]
        package var resources: Resources
    }
    package var content: Content {
        Content(
            image: image, command: command, environment: environment, secrets: secrets, user: user, volumes: volumes,
            targets: Dictionary(ports.map { ($0.name, $0.target) }, uniquingKeysWith: { first, _ in first }),
            resources: resources)
    }
}
