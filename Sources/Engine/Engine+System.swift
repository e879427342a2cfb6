import Cgroups
import Storage
import Reactor
package import APIModel
import Basics
import Glibc
import Kernel

extension Engine {
    package func version() -> SystemVersion {
        let kernel = HostName()
        return SystemVersion(
            platform: PlatformName(name: "Box"),
            components: [
                ComponentVersion(
                    name: "Engine", version: BoxVersion.current,
                    details: [
                        "ApiVersion": APIVersion.current, "MinAPIVersion": APIVersion.minimum, "Os": "linux",
                        "Arch": kernel.goArchitecture,
                        "KernelVersion": kernel.release,
                    ])
            ],
            version: BoxVersion.current, apiVersion: APIVersion.current, minAPIVersion: APIVersion.minimum,
            gitCommit: "", os: "linux",
            arch: kernel.goArchitecture, kernelVersion: kernel.release, buildTime: "")
    }

    package func info() async throws -> SystemInfo {
        var counts: [RunState.Status: Int] = [:]
        for container in registry.all { counts[await container.state.status, default: 0] += 1 }
        let images = try await pool.run { [images] in try images.all().count }
        let kernel = HostName()
        let release = OperatingSystem()
        return SystemInfo(
            id: hostID, containers: registry.count,
            containersRunning: (counts[.running] ?? 0) + (counts[.restarting] ?? 0),
            containersPaused: counts[.paused] ?? 0,
            containersStopped: (counts[.exited] ?? 0) + (counts[.created] ?? 0) + (counts[.dead] ?? 0), images: images,
            driverStatus: [["Backing Filesystem", "<unknown>"], ["Native Overlay Diff", "true"]],
            plugins: SystemPlugins(volume: ["local"], network: ["bridge", "host", "null"], log: ["box"]),
            memoryLimit: cgroups.has(controller: "memory"), swapLimit: cgroups.limitsSwap,
            cpuCfsPeriod: cgroups.has(controller: "cpu"), cpuCfsQuota: cgroups.has(controller: "cpu"),
            cpuShares: cgroups.has(controller: "cpu"), cpuSet: cgroups.has(controller: "cpuset"),
            pidsLimit: cgroups.has(controller: "pids"),
            ipv4Forwarding: (try? Sys.readText("/proc/sys/net/ipv4/ip_forward"))?.hasPrefix("1") ?? false,
            nfd: (try? Sys.list("/proc/self/fd").count) ?? 0,
            systemTime: Timestamp(nanosecondsSince1970: Clock.realtime()).description, loggingDriver: "box",
            cgroupVersion: "\(cgroups.version)", kernelVersion: kernel.release, operatingSystem: release.name,
            osVersion: release.version, architecture: kernel.machine, indexServerAddress: "",
            registryConfig: RegistryConfig(), cpuCount: host.processors, memoryTotal: Int64(host.memory),
            dockerRootDir: options.dataRoot, name: kernel.node, labels: [], serverVersion: BoxVersion.current,
            runtimes: ["box-runtime": RuntimeInfo(path: options.runtimePath)], defaultRuntime: "box-runtime",
            liveRestoreEnabled: true, initBinary: "box-runtime", containerdCommit: CommitInfo(id: ""),
            runcCommit: CommitInfo(id: ""), initCommit: CommitInfo(id: ""),
            securityOptions: ["name=seccomp,profile=builtin", "name=cgroupns"])
    }

    package func diskUsage() async throws -> DiskUsage {
        let containers = try await list(all: true, limit: 0, sizes: true, filters: .init())
        let used = await usedVolumes()
        let imageList = try await listImages(all: false, filters: .init(), sharedSize: true)
        return try await pool.run { [layers, volumes] in
            let list = try volumes.list().map { stored in
                var volume = Volume(stored)
                volume.usageData = VolumeUsage(
                    size: (try? volumes.size(stored.name)) ?? -1, referenceCount: Int64(used[stored.name]?.count ?? 0))
                return volume
            }
            return DiskUsage(
                layersSize: try layers.totalSize(), images: imageList, containers: containers, volumes: list)
        }
    }
}

/// What uname(2) says.
struct HostName {
    let node: String
    let release: String
    let machine: String

    init() {
        var name = utsname()
        uname(&name)
        func text<Field>(_ field: Field) -> String {
            withUnsafeBytes(of: field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        }
        node = text(name.nodename)
        release = text(name.release)
        machine = text(name.machine)
    }

    /// The architecture as OCI and Docker call it.
    var goArchitecture: String {
        switch machine {
        case "x86_64": "amd64"
        case "aarch64": "arm64"
        default: machine
        }
    }
}

/// os-release(5)
private struct OperatingSystem {
    var name = "Linux"
    var version = ""

    init() {
        for line in ((try? Sys.readText("/etc/os-release")) ?? "").split(separator: "\n") {
            let parts = line.split(separator: "=", maxSplits: 1)
            guard parts.count == 2 else { continue }
            let value = parts[1].filter { $0 != "\"" }
            if parts[0] == "PRETTY_NAME" { name = String(value) }
            if parts[0] == "VERSION_ID" { version = String(value) }
        }
    }
}
