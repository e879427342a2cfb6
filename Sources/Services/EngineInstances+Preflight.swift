import APIModel
import Basics
package import Deployment
import Engine
import Kernel
import Networking
import Reactor
import Routing
import Storage

/// Whether the host has what a plan needs, its way back included.
extension EngineInstances {
    package func preflight(_ order: PreflightOrder) async -> [PreflightRefusal] {
        var found: [PreflightRefusal] = []
        for spec in [order.to, order.from].compactMap({ $0 }) {
            if (try? await engine.inspectImage(PinnedImage.identifier(spec.image))) == nil {
                found.append(.init(subject: .image, text: "image \(spec.image) is not here"))
            }
        }
        found += await pool { self.checkDisk(order) + self.checkMemory(order) + self.checkPorts(order) }
        found += await checkVolumes(order.to)
        found += await checkCommands(order.to)
        for metric in order.to.deploy.analysis.metrics where metric.name != .crashes {
            let text = "deploy.analysis: '\(metric.name.rawValue)' needs a router that knows of requests; use crashes"
            found.append(.init(subject: .feature, text: text))
        }
        return found
    }

    private func pool(_ body: @escaping @Sendable () -> [PreflightRefusal]) async -> [PreflightRefusal] {
        await engine.pool.run { () throws(Never) in body() }
    }

    // MARK: Disk and memory

    /// For the journal, and for what each instance writes before anybody looks.
    private static let diskReserve: Int64 = 64 << 20
    private static let diskPerInstance: Int64 = 8 << 20

    private func checkDisk(_ order: PreflightOrder) -> [PreflightRefusal] {
        // The way back to instances that are kept must work on a full disk; the journal has a reserve of its own.
        if order.warm > 0, order.warm >= order.plan.desired { return [] }
        let new = max(1, order.plan.peakInstances - order.alive)
        let needed = Self.diskReserve + Int64(new) * Self.diskPerInstance
        do {
            let root = try Sys.open(engine.options.dataRoot, Sys.openDirectory)
            let status = try root.fileSystemStatus()
            let free = Int64(
                clamping: status.blocksAvailable.multipliedReportingOverflow(by: status.blockSize).partialValue)
            if free >= needed { return [] }
            let text =
                "\(engine.options.dataRoot) has \(ByteCount.binary(free)) free, \(ByteCount.binary(needed)) are needed "
                + "for \(Self.more(new)) and the journal"
            return [.init(subject: .disk, text: text)]
        } catch {
            return [.init(subject: .disk, text: "\(error)")]
        }
    }

    private func checkMemory(_ order: PreflightOrder) -> [PreflightRefusal] {
        guard let limit = order.to.resources.memory else { return [] }
        let new = max(0, order.plan.peakInstances - order.alive)
        let needed = limit.multipliedReportingOverflow(by: Int64(new))
        guard let available = Self.availableMemory() else { return [] }
        if !needed.overflow, needed.partialValue <= available { return [] }
        let text =
            "\(Self.more(new)) of \(ByteCount.binary(limit)) each may be up at the same time, and "
            + "\(ByteCount.binary(available)) are available"
        return [.init(subject: .memory, text: text)]
    }

    private static func more(_ count: Int) -> String { count == 1 ? "1 more instance" : "\(count) more instances" }

    /// Bytes, as `/proc/meminfo` has them.
    static func availableMemory() -> Int64? {
        guard let text = try? Sys.readText("/proc/meminfo") else { return nil }
        for line in text.split(separator: "\n") where line.hasPrefix("MemAvailable:") {
            return line.split(separator: " ").dropFirst().first.flatMap { Int64($0) }.map { $0 << 10 }
        }
        return nil
    }

    // MARK: Ports

    private func checkPorts(_ order: PreflightOrder) -> [PreflightRefusal] {
        let service = order.plan.service
        return order.ports.compactMap { port in
            if let other = directory.owner(of: port.port, port.transport, except: service) {
                return .init(
                    subject: .port, text: "port \(port.port)/\(port.transport.rawValue) belongs to service \"\(other)\""
                )
            }
            if let container = publisher(of: port) {
                let text =
                    "port \(port.port)/\(port.transport.rawValue) is already published by container \"\(container)\""
                return .init(subject: .port, text: text)
            }
            return nil
        }
    }

    /// The container that has it published.
    private func publisher(of port: RoutedPort) -> String? {
        let transport: Transport = port.transport == .tcp ? .tcp : .udp
        let all = (try? engine.networking.publishedPorts()) ?? []
        return all.first { $0.hostPort == port.port && $0.transport == transport }?.containerName
    }

    // MARK: Volumes, commands

    private func checkVolumes(_ spec: ServiceSpec) async -> [PreflightRefusal] {
        var found: [PreflightRefusal] = []
        for volume in spec.volumes {
            let users = await holders(of: volume.name).filter { $0.service != spec.service }
            if volume.access == .exclusive, let user = users.first {
                let text = "volume \(volume.name) shall be exclusive, and container \"\(user.name)\" has it"
                found.append(.init(subject: .volume, text: text))
            }
        }
        return found
    }

    /// Containers that run and mount the volume.
    func holders(of volume: String) async -> [(name: String, service: String?)] {
        let all = try? await engine.list(
            all: false, limit: 0, sizes: false, filters: Filters(["volume": [volume]]))
        return (all ?? []).map { one in
            (String(one.names.first?.dropFirst() ?? ""), one.labels[Label.service])
        }
    }

    private func checkCommands(_ spec: ServiceSpec) async -> [PreflightRefusal] {
        var found: [PreflightRefusal] = []
        for place in Hooks.Place.allCases {
            guard let program = spec.hooks[place]?.run.first else { continue }
            do {
                let exists = try await engine.hasProgram(program, inImage: PinnedImage.identifier(spec.image))
                if !exists {
                    let text =
                        "hooks.\(place.rawValue): image \(PinnedImage.name(spec.image)) has no program '\(program)'"
                    found.append(.init(subject: .hook, text: text))
                }
            } catch {
                found.append(.init(subject: .hook, text: "hooks.\(place.rawValue): \(error)"))
            }
        }
        return found
    }
}
