import Supervision
import APIModel
import Basics
import Kernel
import Networking
import Reactor
import Storage

/// One container: its settings, its state, and, while it runs, the link to its monitor.
///
///     created --start--> running --exit--> exited --start--> running ...
///     running <--pause/unpause--> paused        exited --policy--> restarting --delay--> running
///     any that is not up --remove--> removing --> gone
///
/// Operations that change the state go through `gate`, one after the other; what the monitor reports is
/// taken at once.
package actor Container {
    package nonisolated let id: String
    nonisolated let created: Timestamp
    nonisolated let engine: Engine
    nonisolated let gate = SerialGate()

    package internal(set) var record: ContainerRecord
    package internal(set) var state: RunState

    /// While the container is up.
    var link: MonitorLink?
    /// Of its last run, which may still be busy with its layers.
    var lastLink: MonitorLink?
    var pidfd: SharedDescriptor?
    var healthTask: Task<Void, Never>?
    /// While the container waits for its next start.
    var restartTask: Task<Void, Never>?
    /// Nanoseconds waited before the present run, for the backoff.
    var lastDelay: Int64 = 0
    /// A stop is on its way: whatever ends the container now was asked for.
    var stopping = false
    package internal(set) var health: HealthRecord?
    /// How often it was paused: what a health check found over a pause says nothing.
    var pauses = 0
    var execs: [String: ExecSession] = [:]
    var waiters: [Int: (condition: WaitCondition, stream: AsyncStream<WaitResult>.Continuation)] = [:]
    var nextWaiter = 0
    /// Where it is on the networks, while it runs.
    var network = Place()
    /// The end of its run has come, and is being dealt with.
    var isEnding = false
    /// Nothing of it is left.
    var isRemoved = false
    var endings = Endings()
    /// Wakes those who follow the output when the container starts or ends.
    var outputListeners: [Int: AsyncStream<Void>.Continuation] = [:]
    var nextListener = 0
    /// Who reads its output, and what is left of it when it is removed meanwhile.
    var readers = 0
    var remains: [String] = []

    /// How often it has ended since the daemon started.
    struct Endings {
        /// For good, by not being started again.
        var final = 0
        /// Runs, and failed attempts at one.
        var runs = 0
    }

    /// A container's endpoints, `eth0` first, and its published ports.
    struct Place {
        var endpoints: [Endpoint] = []
        var ports: [PublishedPort] = []
        init(_ endpoints: [Endpoint] = [], _ ports: [PublishedPort] = []) {
            self.endpoints = endpoints
            self.ports = ports
        }
    }

    init(_ record: ContainerRecord, _ state: RunState, _ engine: Engine) {
        id = record.id
        created = record.created
        self.record = record
        self.state = state
        self.engine = engine
    }

    package var name: String { record.name }
    nonisolated var directory: String { engine.options.containerDirectory(id) }
    nonisolated var runFiles: RunFiles { RunFiles(directory: engine.options.containerRunDirectory(id)) }
    nonisolated var logDirectory: String { directory + "/log" }
    nonisolated var cgroupPath: String { engine.options.cgroupPath(id) }
    nonisolated var logger: Logger { engine.logger.with("container \(id.prefix(12))") }

    /// Writes the state to the database. A failure is logged, not thrown: what happened has happened, and the
    /// next start of the daemon finds out the same from the monitor.
    func persist() {
        do {
            try engine.table.update(id: id, state: state.encoded())
        } catch {
            logger.error("cannot record the state: \(error)")
        }
    }

    /// Publishes an event with what Docker tells about a container.
    func publish(_ action: String, _ more: [String: String] = [:]) {
        var attributes = record.config.labels ?? [:]
        attributes["name"] = record.name
        attributes["image"] = record.imageName
        attributes.merge(more) { $1 }
        engine.events.publish(.container, action, id, attributes)
    }
}
