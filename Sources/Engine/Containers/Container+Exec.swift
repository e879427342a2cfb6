import Reactor
package import APIModel
import Basics
import Kernel

extension Container {
    /// Prepares an exec; it runs when started.
    package func createExec(_ request: ExecCreateRequest) throws -> ExecSession {
        try requireExecutable()
        try ExecSpec.check(request)
        let session = ExecSession(container: self, request: request)
        execs[session.id] = session
        engine.remember(session)
        publish("exec_create: \(request.command.joined(separator: " "))", ["execID": session.id])
        return session
    }

    func requireExecutable() throws {
        if state.status == .paused {
            throw EngineError(.conflict, "container \(record.name) is paused, unpause the container before exec")
        }
        guard state.status == .running else { throw EngineError.notRunning(record.id) }
    }

    func requireLink() throws -> MonitorLink {
        try requireExecutable()
        guard let link else { throw EngineError.notRunning(record.id) }
        return link
    }

    /// What to tell the monitor to run, and the file with its seccomp program.
    func execProcess(_ request: ExecCreateRequest, size: (rows: UInt16, columns: UInt16)?) async throws
        -> (process: [UInt8], seccomp: String?)
    {
        try requireExecutable()
        let (record, pid) = (record, state.pid)
        let hostname = try await engine.hostname(record)
        return try await engine.pool.run { [engine] in
            try engine.execProcess(request, in: record, hostname: hostname, pid: pid, size: size)
        }
    }

    /// The container has ended, and with it everything in it.
    func endExecs() {
        let ended = Array(execs.values)
        Task { for session in ended { await session.ended(code: 137) } }
        // Their exit codes can still be asked for; those that ended with earlier runs cannot.
        engine.forgetExecs(of: id, except: Set(execs.keys))
        execs = [:]
    }

    package var execIDs: [String] { execs.keys.sorted() }
}
