package import OCI

/// A device rule, checked.
package struct DeviceRule: Sendable, Equatable {
    package enum Kind: Sendable, Equatable, Hashable { case all, character, block }
    package struct Access: OptionSet, Sendable, Hashable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }
        // The numbers of BPF_DEVCG_ACC_*.
        package static let makeNode = Access(rawValue: 1)
        package static let read = Access(rawValue: 2)
        package static let write = Access(rawValue: 4)
        package static let all: Access = [.makeNode, .read, .write]
    }

    package var allow: Bool
    package var kind: Kind
    /// nil: any.
    package var major: UInt32?
    package var minor: UInt32?
    package var access: Access

    package init(_ rule: LinuxDeviceRule) throws(CgroupError) {
        allow = rule.allow
        switch rule.type ?? "a" {
        case "a", "": kind = .all
        case "c": kind = .character
        case "b": kind = .block
        case let other: throw CgroupError("device rule of type \"\(other)\": must be a, b or c")
        }
        major = try Self.number(rule.major)
        minor = try Self.number(rule.minor)
        access = []
        for letter in rule.access ?? "rwm" {
            switch letter {
            case "r": access.insert(.read)
            case "w": access.insert(.write)
            case "m": access.insert(.makeNode)
            default:
                throw CgroupError("device rule with access \"\(rule.access ?? "")\": must be of the letters r, w and m")
            }
        }
        if access.isEmpty { access = .all }
    }

    /// Absent and -1 mean any.
    private static func number(_ value: Int64?) throws(CgroupError) -> UInt32? {
        guard let value, value != -1 else { return nil }
        guard let number = UInt32(exactly: value) else {
            throw CgroupError("device rule with number \(value): out of range")
        }
        return number
    }

    /// As `devices.allow` takes it.
    var v1Text: String {
        if kind == .all { return "a" }
        var text =
            (kind == .block ? "b " : "c ") + (major.map { "\($0)" } ?? "*") + ":" + (minor.map { "\($0)" } ?? "*") + " "
        if access.contains(.read) { text += "r" }
        if access.contains(.write) { text += "w" }
        if access.contains(.makeNode) { text += "m" }
        return text
    }
}
