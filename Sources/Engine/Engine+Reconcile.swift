import APIModel
import Basics
import FoundationEssentials
import Kernel
import Networking
import OCI
import Reactor
import Storage

extension Engine {
    /// Makes what the database says and what there is agree, when the daemon starts. Doing it twice changes
    /// nothing more.
    ///
    ///     record, monitor there       -> running, whatever the record says
    ///     record, exit record there   -> it ended while nobody looked; its restart policy decides
    ///     record says up, none there  -> it and its monitor were killed, or the machine was
    ///     record says removing        -> the removal goes on
    ///     no record, directory there  -> left by a `create` or a removal that did not get to its end
    package func reconcile() async {
        let rows: [ContainerRow]
        do { rows = try table.all() } catch {
            logger.error("cannot read the containers from the database: \(error)")
            return
        }
        var containers: [Container] = []
        for row in rows {
            do {
                let record = try ContainerRecord(decoding: row.record)
                let container = Container(record, try RunState(decoding: row.state), self)
                registry.add(container, name: row.name)
                containers.append(container)
            } catch {
                // The others must be served; what cannot be read is kept for a person to look at.
                try? table.quarantine(row, reason: "\(error)")
            }
        }
        await reconcile(containers)
        removeStrayDirectories(known: Set(rows.map(\.id)))
        root.drainTrash()
        logger.info("\(containers.count) containers known")
    }

    /// All at once: first what has become of each, then, when the kernel has been told of the networks of those that
    /// run, what is to be done about it.
    ///
    /// A monitor that was stopped, or a disk that hangs, must not keep the others from being served: after a while the
    /// rest is left to itself, and known by what the database says until it is done.
    private func reconcile(_ containers: [Container]) async {
        let (known, tellKnown) = AsyncStream.makeStream(of: Void.self)
        let (done, tellDone) = AsyncStream.makeStream(of: Void.self)
        for container in containers {
            Task {
                let isRemoved = await self.findOut(container)
                tellKnown.yield()
                await networksAreReady.wait()
                if !isRemoved { await self.startWithDaemon(container) }
                tellDone.yield()
            }
        }
        await wait(for: containers.count, known)
        await startNetworks(containers)
        networksAreReady.open()
        await wait(for: containers.count, done)
    }

    private func wait(for count: Int, _ done: AsyncStream<Void>) async {
        let all: Bool? = await loop.withTimeout(nanoseconds: 5_000_000_000) {
            var left = count
            if left == 0 { return true }
            for await _ in done {
                left -= 1
                if left == 0 { return true }
            }
            return false
        }
        if all != true { logger.warn("not all containers' monitors answer: going on without waiting for them") }
    }

    /// Makes the kernel have the networks, and what runs keep its place in them. Without it, containers can still run
    /// that need none.
    private func startNetworks(_ containers: [Container]) async {
        var running: [String: Int32] = [:]
        for container in containers {
            let state = await container.state
            // One whose monitor does not answer may live all the same.
            if state.isUp, state.pid > 0, Sys.exists("/proc/\(state.pid)") { running[container.id] = state.pid }
        }
        do {
            try await pool.run { [networking, running] in try networking.start(running: running) }
        } catch {
            logger.error("cannot set up the networks: \(error)")
        }
        for container in containers where running[container.id] != nil { await container.findNetworks() }
    }

    /// True when it is on its way out, and gone.
    private func findOut(_ container: Container) async -> Bool {
        if await container.state.status == .removing {
            do { try await finishRemoval(container) } catch {
                logger.error("cannot finish removing container \(container.id): \(error)")
            }
            return true
        }
        await container.adopt()
        return false
    }

    private func startWithDaemon(_ container: Container) async {
        let (record, state) = (await container.record, await container.state)
        guard !state.isUp, state.status != .restarting else { return }
        let wanted = RestartDecision.startsWithDaemon(
            policy: record.hostConfig.restartPolicy.name, stoppedByUser: state.stoppedByUser, everRan: state.runs > 0)
        if wanted {
            do { try await container.start() } catch {
                logger.warn("container \(record.name): cannot start it with the daemon: \(error)")
            }
        } else if record.hostConfig.autoRemove, state.status == .exited {
            await container.removeIfAutomatic()
        }
    }

    private func removeStrayDirectories(known: Set<String>) {
        for place in [root.containers, options.runDirectory + "/containers"] {
            for entry in (try? Sys.list(place)) ?? [] where !known.contains(entry.name) {
                logger.info("removing \(place)/\(entry.name): it belongs to no container")
                do {
                    if place == root.containers {
                        try root.discard("\(place)/\(entry.name)")
                    } else {
                        try Sys.removeTree("\(place)/\(entry.name)")
                    }
                } catch {
                    logger.warn("cannot remove \(place)/\(entry.name): \(error)")
                }
            }
        }
    }
}

// MARK: - Records as JSON

extension ContainerRecord {
    func encoded() -> [UInt8] { JSONWriter.bytes(of: self) }
    init(decoding bytes: [UInt8]) throws { self = try JSONDecoder().decode(ContainerRecord.self, from: Data(bytes)) }
}

extension RunState {
    func encoded() -> [UInt8] { JSONWriter.bytes(of: self) }
    init(decoding bytes: [UInt8]) throws { self = try JSONDecoder().decode(RunState.self, from: Data(bytes)) }
}
