import APIModel
import OCI

/// Device nodes for a container, and what it may do with devices.
enum DeviceSpec {
    /// What every container may use: the nodes that the runtime makes, and making any node, which alone opens none.
    static let standardRules: [LinuxDeviceRule] =
        [
            LinuxDeviceRule(allow: false, access: "rwm"),
            LinuxDeviceRule(allow: true, type: "c", access: "m"),
            LinuxDeviceRule(allow: true, type: "b", access: "m"),
        ]
        // null, zero, full, random, urandom; tty, console, ptmx.
        + [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 1), (5, 2)].map {
            LinuxDeviceRule(allow: true, type: "c", major: $0.0, minor: $0.1, access: "rwm")
        }
        // Pseudo-terminals.
        + [LinuxDeviceRule(allow: true, type: "c", major: 136, access: "rwm")]

    /// The nodes besides those that every container has, and the rules, in order.
    static func specification(_ host: HostConfig, _ devices: any HostDevices) throws -> (
        devices: [LinuxDevice], rules: [LinuxDeviceRule]
    ) {
        var nodes: [String: LinuxDevice] = [:]
        var rules = standardRules
        if host.privileged {
            for device in try devices.find("/dev") { nodes[device.path] = device }
            rules = [LinuxDeviceRule(allow: true, access: "rwm")]
        }
        for mapping in host.resources.devices ?? [] {
            let access = try permissions(mapping)
            for (device, inside) in try found(mapping, devices) {
                var device = device
                device.path = inside
                nodes[inside] = device
                rules.append(
                    LinuxDeviceRule(
                        allow: true, type: device.type, major: device.major, minor: device.minor, access: access))
            }
        }
        for text in host.resources.deviceCgroupRules ?? [] { rules.append(try rule(text)) }
        for path in Self.madeByRuntime { nodes[path] = nil }
        return (nodes.values.sorted { $0.path < $1.path }, rules)
    }

    /// The same nodes everywhere, by the runtime specification.
    private static let madeByRuntime = [
        "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/ptmx",
    ]

    private static func found(_ mapping: DeviceMapping, _ devices: any HostDevices) throws -> [(LinuxDevice, String)] {
        let host = mapping.pathOnHost
        guard let outside = ContainerPath.clean(host), let inside = ContainerPath.clean(inside(mapping)), inside != "/"
        else {
            throw SpecError.invalid("--device: \(host.quoted) is not an absolute path, or its place is not")
        }
        let list: [LinuxDevice]
        do {
            list = try devices.find(outside)
        } catch {
            throw SpecError.invalid(
                "error gathering device information while adding custom device \(host.quoted): \(error)")
        }
        if list.count == 1, list[0].path == outside { return [(list[0], inside)] }
        guard !list.isEmpty else { throw SpecError.invalid("--device: there is no device below \(host.quoted)") }
        return list.map { ($0, inside + $0.path.dropFirst(outside.count)) }
    }

    private static func inside(_ mapping: DeviceMapping) -> String {
        mapping.pathInContainer.isEmpty ? mapping.pathOnHost : mapping.pathInContainer
    }

    static func permissions(_ mapping: DeviceMapping) throws(SpecError) -> String {
        let text = mapping.cgroupPermissions.isEmpty ? "rwm" : mapping.cgroupPermissions
        guard isAccess(text) else { throw .invalid("--device: invalid device mode: \(text.quoted)") }
        return text
    }

    private static func isAccess(_ text: String) -> Bool {
        !text.isEmpty && text.allSatisfy("rwm".contains) && Set(text).count == text.count
    }

    /// `c 13:* rwm`: type, major and minor number or `*` for all, access.
    static func rule(_ text: String) throws(SpecError) -> LinuxDeviceRule {
        let parts = text.split(separator: " ", omittingEmptySubsequences: false)
        let numbers = parts.count == 3 ? parts[1].split(separator: ":", omittingEmptySubsequences: false) : []
        guard parts.count == 3, ["a", "b", "c"].contains(parts[0]), numbers.count == 2,
            let major = number(numbers[0]), let minor = number(numbers[1]), isAccess(String(parts[2]))
        else {
            throw .invalid("invalid device cgroup rule format: \(text.quoted)")
        }
        return LinuxDeviceRule(
            allow: true, type: String(parts[0]), major: major, minor: minor, access: String(parts[2]))
    }

    /// nil inside for `*`, nil outside for what is no number.
    private static func number(_ text: Substring) -> Int64?? {
        if text == "*" { return .some(nil) }
        guard !text.isEmpty, text.utf8.count < 10, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return Int64(text)
    }
}
