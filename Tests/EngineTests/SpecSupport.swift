import APIModel
import OCI

@testable import Engine

/// Devices that are nowhere but here.
struct FakeDevices: HostDevices {
    var nodes = [
        "/dev/null": LinuxDevice(type: "c", path: "/dev/null", major: 1, minor: 3, fileMode: 0o666, uid: 0, gid: 0),
        "/dev/snd/a": LinuxDevice(
            type: "c", path: "/dev/snd/a", major: 116, minor: 1, fileMode: 0o660, uid: 0, gid: 29),
        "/dev/snd/b": LinuxDevice(
            type: "c", path: "/dev/snd/b", major: 116, minor: 2, fileMode: 0o660, uid: 0, gid: 29),
        "/dev/vda": LinuxDevice(type: "b", path: "/dev/vda", major: 254, minor: 0, fileMode: 0o660, uid: 0, gid: 6),
    ]
    func find(_ path: String) throws -> [LinuxDevice] {
        if let node = nodes[path] { return [node] }
        return nodes.values.filter { $0.path.hasPrefix(path + "/") }.sorted { $0.path < $1.path }
    }
    func number(_ path: String) throws -> (major: Int64, minor: Int64) {
        guard let node = nodes[path] else { throw SpecError.invalid("no \(path)") }
        return (node.major ?? 0, node.minor ?? 0)
    }
}

extension HostFacts {
    /// Two CPUs, cgroup v1, and a bounding set without SYS_RESOURCE.
    static let fake = HostFacts(
        hostname: "metal", cpus: [0, 1], bounding: CapabilitySet(bits: (1 << 41) - 1 - (1 << 24)),
        unifiedCgroups: false, devices: FakeDevices(),
        thermalPaths: ["/sys/devices/system/cpu/cpu0/thermal_throttle"])
}

/// The message of what `body` throws; nil when it does not.
func refusal(_ body: () throws -> Void) -> String? {
    do { try body() } catch { return "\(error)" }
    return nil
}

extension HostConfig {
    init(_ change: (inout HostConfig) -> Void) {
        self.init()
        change(&self)
    }
}
extension ContainerConfig {
    init(_ change: (inout ContainerConfig) -> Void) {
        self.init()
        change(&self)
    }
}
