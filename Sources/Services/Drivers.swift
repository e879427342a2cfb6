package import Deployment
package import Routing

/// One instance and what it is made of.
package struct InstanceOrder: Sendable, Hashable {
    package var service: String
    /// Of the container as well.
    package var instance: String
    package var revision: Int
    package var spec: ServiceSpec
    /// nil before its start.
    package var address: String?

    package init(service: String, instance: String, revision: Int, spec: ServiceSpec, address: String? = nil) {
        self.service = service
        self.instance = instance
        self.revision = revision
        self.spec = spec
        self.address = address
    }
}

package struct InstanceExit: Sendable, Hashable {
    package var code: Int
    package var outOfMemory: Bool
    package init(code: Int, outOfMemory: Bool) {
        self.code = code
        self.outOfMemory = outOfMemory
    }
}

package struct HookOrder: Sendable, Hashable {
    package var place: Hooks.Place
    package var hook: Hooks.Hook
    package var order: InstanceOrder
    /// Run inside `order.instance`; else in a container of its own.
    package var isInside: Bool
    package var key: String
}

/// What a plan shall be checked against.
package struct PreflightOrder: Sendable {
    package var plan: RolloutPlan
    package var to: ServiceSpec
    package var from: ServiceSpec?
    /// Instances that have memory now.
    package var alive: Int
    /// Those of the revision that shall serve: frozen ones need nothing but to be thawed.
    package var warm: Int
    /// On the host.
    package var ports: [RoutedPort]
}

/// The containers behind instances. Calls may come again after a crash: each is idempotent. What they throw is shown
/// to users.
package protocol InstanceDriver: Sendable {
    /// Every container with the service's label.
    func observe(service: String) async throws -> [Observation.Seen]
    func preflight(_ order: PreflightOrder) async -> [PreflightRefusal]
    /// The image is there, or is fetched.
    func pull(image: String) async throws
    /// Returns its address. One in `avoid` must not be given to it.
    func start(_ order: InstanceOrder, avoid: [String]) async throws -> String
    /// Waits for its end. Throws `CancellationError`.
    func exit(of instance: String) async throws -> InstanceExit
    /// All its ports have a listener.
    func isListening(_ order: InstanceOrder) async throws -> Bool
    func probe(_ order: InstanceOrder) async -> ProbeResult
    func warmUp(_ order: InstanceOrder, paths: [String]) async throws
    /// What is open on its ports, seen from inside its network namespace.
    func connections(_ order: InstanceOrder) async throws -> (short: Int, long: Int)
    func giveNotice(_ order: InstanceOrder, _ notice: DrainPolicy.LameDuck) async throws
    /// Ends what is open on its ports, so that clients see a reset instead of silence. Returns how many that were.
    func cutConnections(_ order: InstanceOrder) async throws -> Int
    func freeze(_ instance: String) async throws
    func thaw(_ instance: String) async throws
    /// Its end is reported by `exit`. Of a frozen one the signal comes first, then the thaw.
    func signal(_ instance: String, _ signal: String, isFrozen: Bool) async throws
    func kill(_ instance: String) async throws
    func log(of instance: String, lines: Int) async throws -> [String]
    func remove(_ instance: String) async throws
    /// All connections to the address are forgotten by the kernel, and it has been made sure.
    func forget(address: String) async throws
    /// Throws unless it ends with 0.
    func run(_ hook: HookOrder) async throws
    func verifyVolumes(_ order: InstanceOrder) async throws
    func snapshotVolumes(_ order: InstanceOrder, key: String) async throws
    func restoreVolumes(_ order: InstanceOrder, key: String) async throws
}
