import Glibc
import Kernel
import Supervision

/// What a spare monitor has of its container before it knows it: the streams, and the first process in namespaces of its
/// own, which waits for the order as the monitor does.
///
/// That process stays in the host's mount namespace until its start, so that it sees what is mounted there at that
/// moment.
final class PreparedContainer {
    private var pipes: Pipes?
    private var process: ForkedChild?
    private let channel: LaunchChannel
    /// Wakes the process once its order is sent. The packet itself would wake it on the processor that the monitor is
    /// at work on, as the kernel expects of who sends one that it waits for the answer then (`wake_up_sync`): the start
    /// took up to a millisecond longer when it did.
    private let bell: EventCounter
    /// The pid namespace that the monitor itself is in.
    private let home: FileDescriptor
    private var order: Order?

    private struct Order {
        let packet: [UInt8]
        let network: Int32?
        let cgroup: String?
        let overlay: OverlayRootfs?
    }

    init(_ kind: SpareMonitor.Kind) throws(RuntimeError) {
        let pipes = try attempt(.process, "making the container's streams") { () throws(SyscallError) in try Pipes() }
        home = try ContainerLauncher.enterNewPidNamespace()
        let bell = try attempt(.process, "making an event counter") { () throws(SyscallError) in
            try EventCounter()
        }
        let bellNumber = bell.descriptor.raw
        let child = try ForkedChild.fork { channel in Self.waitForOrder(kind, channel, pipes, bell: bellNumber) }
        self.bell = bell
        channel = child.channel
        process = consume child
        self.pipes = pipes
    }

    deinit { abandon() }

    /// What the process shall do. `network` has to stay open until `takeProcess`.
    func set(_ order: borrowing SpareMonitor.Received, _ options: MonitorOptions) {
        self.order = Order(
            packet: order.packet, network: order.networkDescriptor, cgroup: options.cgroup,
            overlay: SupervisedContainer.overlay(options))
    }

    /// Hands the order on; early, so that the process works while the monitor does. The monitor makes the cgroup, which
    /// takes as long as the process reads its configuration, and the overlay, which takes as long as it joins the one
    /// and gets its namespaces.
    func begin() {
        guard let order, (try? channel.hand(order.packet, network: order.network)) == true else { return }
        bell.signal()
        hasBegun = true
        do throws(RuntimeError) {
            // One that is gone has said why.
            if let cgroup = order.cgroup {
                try ContainerCgroup.create(cgroup)
                made = cgroup
                try? channel.send(.proceed)
            }
            if let layers = order.overlay {
                if let overlay = try OverlayMount.makeDetached(layers) {
                    try? channel.send(.overlay, descriptor: overlay.raw)
                } else {
                    try? channel.send(.overlay)
                }
            }
        } catch {
            failure = error
        }
    }
    private var hasBegun = false
    private var made: String?
    private var failure: RuntimeError?

    func takePipes() -> Pipes? {
        defer { pipes = nil }
        return pipes
    }

    /// With its order. nil: there is none.
    func takeProcess() throws(RuntimeError) -> ForkedChild? {
        if !hasBegun { begin() }
        order = nil
        if let failure { throw failure }
        if hasBegun { return process.take() }
        abandon()
        return nil
    }

    private func abandon() {
        guard let process = process.take() else { return }
        process.destroy()
        // It may have got as far as this.
        while let said = try? channel.receive() {
            if case .cgroup(let path) = said.message { ContainerCgroup.remove(path) }
        }
        removeCgroup()
        try? Namespaces.enter(home.raw, .pid)
    }

    /// Of a process that does not fit its container, or has not got so far.
    func removeCgroup() {
        if let made { ContainerCgroup.remove(made) }
        made = nil
    }

    // MARK: The process

    private static let namespaces: Namespaces.Kinds = [.uts, .ipc]

    /// See `WarmUp`.
    static func warmUp() {
        _ = namespaces.isSuperset(of: [])
        WarmUp.use(Order?.self)
        guard var pair = try? Sys.socketPair(.packet) else { return }
        let (one, other) = (LaunchChannel(pair.takeFirst()), LaunchChannel(pair.takeSecond()))
        try? one.send(.proceed)
        try? other.waitForProceed()
        _ = try? one.hand([0], network: nil)
        if let order = try? other.receiveOrder() { _ = order.arguments.count }
        guard let bell = try? EventCounter() else { return }
        bell.signal()
        other.wait(for: bell.descriptor.raw)
    }

    private static func waitForOrder(
        _ kind: SpareMonitor.Kind, _ channel: LaunchChannel, _ pipes: Pipes, bell: Int32
    ) -> Never {
        // Without what is made here it starts as any other does.
        let ahead = try? enterNamespaces(kind)
        WarmUp.configure()
        channel.wait(for: bell)
        do throws(RuntimeError) {
            try start(channel, pipes, ahead)
        } catch {
            try? channel.send(.failed(error))
            _exit(error.exitCode)
        }
    }

    private static func enterNamespaces(_ kind: SpareMonitor.Kind) throws(SyscallError) -> ContainerInit.MadeAhead {
        var kinds = namespaces
        if kind == .emptyNetwork { kinds.insert(.network) }
        try Namespaces.unshare(kinds)
        if kind == .emptyNetwork { try Sys.interfaceUp("lo") }
        return ContainerInit.MadeAhead(namespaces: kinds, mounts: PreparedMounts())
    }

    private static func start(_ channel: LaunchChannel, _ pipes: Pipes, _ ahead: ContainerInit.MadeAhead?)
        throws(RuntimeError) -> Never
    {
        let received = try attempt(.handshake, "waiting for the container") { () throws(SyscallError) in
            try channel.receiveOrder()
        }
        // The monitor is gone.
        guard var order = received else { _exit(0) }
        let options = try parse(order.arguments)
        // Given away: what follows does not return, and so nothing of ours lives until its end. The exec closes it.
        let network = order.network.take()?.release()
        var request = SupervisedContainer.request(options, pipes, network: network)
        request.cgroup = options.cgroup
        request.awaitsOverlay = request.overlay != nil
        if let path = options.seccomp { request.seccompProgram = try SupervisedContainer.seccompProgram(path) }
        ContainerInit.run(request, channel, ahead)
    }

    private static func parse(_ arguments: [String]) throws(RuntimeError) -> MonitorOptions {
        do { return try MonitorOptions(parsing: arguments) } catch {
            throw RuntimeError(.request, error.description)
        }
    }
}
