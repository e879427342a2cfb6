package import Kernel

/// What a container that is about to start gets: a network namespace that is ready, and what is in it.
package struct NetworkAttachment: Sendable {
    /// For the container's first process to enter. The namespace ends with it and the last process in it.
    package let namespace: SharedDescriptor
    /// By interface: `eth0` first.
    package let endpoints: [Endpoint]
    package let ports: [PublishedPort]
}
