import Storage
import Reactor
package import APIModel
import Basics
import Cgroups
import Glibc
import Kernel

extension Container {
    /// What `top` shows. Throws when it does not run.
    package func processes(arguments: String) async throws -> ContainerTopResponse {
        guard state.isUp else { throw EngineError.notRunning(record.id) }
        let cgroup = try engine.cgroups.cgroup(cgroupPath)
        return try await engine.pool.run {
            let table = try ProcessTable.read(try cgroup.processes(), arguments: arguments)
            return ContainerTopResponse(titles: table.titles, processes: table.rows)
        }
    }

    /// One reading of what the container uses, with the one before it for rates; zeros when it does not run.
    package func statistics(after previous: ContainerStats?) async throws -> ContainerStats {
        var reading = CgroupStatistics()
        if state.isUp {
            let cgroup = try engine.cgroups.cgroup(cgroupPath)
            reading = try await engine.pool.run { try cgroup.statistics() }
        }
        let limit = reading.memory?.limit ?? engine.host.memory
        return ContainerStats(
            name: "/" + record.name, id: id, read: Timestamp(nanosecondsSince1970: Clock.realtime()).description,
            preread: previous?.read ?? Timestamp.never,
            pidsStats: PidsStats(current: reading.pids?.current, limit: reading.pids?.limit),
            blkioStats: BlockIOStats(
                serviceBytes: reading.ioBytes.map(BlockIOEntry.init),
                serviced: reading.ioOperations.map(BlockIOEntry.init)),
            cpuStats: state.isUp ? cpu(reading.cpu ?? .init()) : .none, precpuStats: previous?.cpuStats ?? .none,
            memoryStats: MemoryStats(reading.memory, limit: min(limit, engine.host.memory)))
    }

    private func cpu(_ cpu: CgroupStatistics.CPU) -> CPUStats {
        CPUStats(
            usage: CPUUsage(
                total: cpu.total, perCPU: cpu.perCPU.isEmpty ? nil : cpu.perCPU, kernelMode: cpu.system,
                userMode: cpu.user),
            systemUsage: HostStatistics.processorTime(), onlineCpus: UInt32(engine.host.processors),
            throttling: ThrottlingData(
                periods: cpu.periods, throttledPeriods: cpu.throttledPeriods, throttledTime: cpu.throttledTime))
    }
}

extension CPUStats {
    fileprivate static var none: CPUStats { CPUStats(usage: CPUUsage(total: 0, kernelMode: 0, userMode: 0)) }
}

extension BlockIOEntry {
    fileprivate init(_ entry: CgroupStatistics.BlockIO) {
        self.init(major: entry.major, minor: entry.minor, operation: entry.operation, value: entry.value)
    }
}

extension MemoryStats {
    fileprivate init(_ memory: CgroupStatistics.Memory?, limit: UInt64) {
        self.init(
            usage: memory?.usage, maxUsage: memory?.maximumUsage, stats: memory?.details,
            failures: memory?.failures, limit: memory == nil ? nil : limit)
    }
}

/// What is true of the host, read once.
struct HostStatistics: Sendable {
    let processors: Int
    /// Bytes.
    let memory: UInt64

    init() {
        processors = Processes.processors
        memory = UInt64(max(0, sysconf(Int32(_SC_PHYS_PAGES)))) * UInt64(max(0, sysconf(Int32(_SC_PAGESIZE))))
    }

    /// Nanoseconds that all processors have run or idled since boot: the first line of `/proc/stat`, proc(5).
    static func processorTime() -> UInt64 {
        guard let text = try? Sys.readText("/proc/stat"), let line = text.split(separator: "\n").first else { return 0 }
        // user nice system idle iowait irq softirq steal; guest time is in user already.
        let ticks = line.split(separator: " ").dropFirst().prefix(8).reduce(UInt64(0)) { $0 + (UInt64($1) ?? 0) }
        return ticks * (1_000_000_000 / UInt64(max(1, sysconf(Int32(_SC_CLK_TCK)))))
    }
}
