import Glibc
import Kernel
import Supervision

/// `box-runtime monitor --nursery`: forks monitors for boxd, ahead of their containers.
///
/// Executing a program and warming it up takes longer than a container's start takes otherwise. The nursery has done
/// both once, and each monitor begins as a copy of it, whose memory both share until one writes to it.
enum MonitorNursery {
    static let option = "--nursery"
    private static let title = ["box-runtime", "monitor"]

    /// `control`: the connection to boxd, whose end is the nursery's. Returns an exit code, in every process forked here.
    static func run(control: consuming FileDescriptor) throws -> Int32 {
        // The kernel reaps the monitors that end: nobody here wants to know how.
        Signals.ignoreChildren()
        WarmUp.run()
        guard let request = try forkMonitors(control) else { return 0 }
        Signals.resetAll()
        let code = try superviseWhenTold(request.kind, request.takeConnection())
        // Nothing is left to be written, and the C library's own way out would write to memory that is still shared.
        _exit(code)
    }

    /// See `WarmUp`: shows the arguments that the nursery has.
    static func warmUp() {
        Processes.showArguments(title + CommandLine.arguments.dropFirst(title.count))
    }

    /// Returns in each monitor, with what it was forked for; in the nursery itself at the end of its connection, with
    /// nothing.
    private static func forkMonitors(
        _ control: consuming FileDescriptor
    ) throws(SyscallError) -> SpareMonitor.Request? {
        let control = control
        while let request = try SpareMonitor.receiveRequest(control.raw) {
            if try Processes.fork() == 0 { return request }
        }
        return nil
    }

    /// A monitor's life: it waits for its container's options, and from there on is as any other. The connection's end
    /// is its own.
    private static func superviseWhenTold(
        _ kind: SpareMonitor.Kind, _ connection: consuming FileDescriptor
    ) throws -> Int32 {
        let surroundings = try Monitor.Surroundings()
        // Without it the container is started as by any other monitor.
        let prepared = try? PreparedContainer(kind)
        guard var order = try SpareMonitor.receiveOrder(connection.raw) else { return 0 }
        let options = try MonitorOptions(parsing: order.arguments)
        if options.pidNamespace == .new { prepared?.set(order, options) }
        // What asks the monitor for names must not start before it answers.
        if options.resolver == nil { prepared?.begin() }
        Processes.showArguments(title + order.arguments)
        if let log = order.standardError.take() { try Processes.duplicate(log.raw, onto: 2) }
        try connection.setNonBlocking()
        return try Monitor.run(options, surroundings, connection, network: order.network.take(), prepared)
    }
}
