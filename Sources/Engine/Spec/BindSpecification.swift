/// `--volume`: `[source:]destination[:options]`.
struct BindSpecification {
    private(set) var mount: PlannedMount

    /// The source is a path of the host when absolute, else the name of a volume; without one, a new volume.
    init(_ text: String, newName: () -> String) throws(SpecError) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard (1...3).contains(parts.count), !parts.contains("") else {
            throw .invalid("invalid volume specification: \(text.quoted)")
        }
        let destination = try MountPlan.destination(parts.count == 1 ? parts[0] : parts[1], in: text)
        if parts.count == 1 {
            mount = PlannedMount(kind: .volume, source: newName(), destination: destination, anonymous: true)
        } else if parts[0].hasPrefix("/") {
            guard let source = ContainerPath.clean(parts[0]) else {
                throw .invalid("invalid volume specification: \(text.quoted)")
            }
            mount = PlannedMount(
                kind: .bind, source: source, destination: destination, propagation: "rprivate", createSource: true)
        } else {
            try ObjectName.checkVolume(parts[0])
            mount = PlannedMount(kind: .volume, source: parts[0], destination: destination)
        }
        if parts.count == 3 { try apply(options: parts[2], text) }
    }

    /// Each kind of option at most once, as Docker wants it.
    private mutating func apply(options: String, _ text: String) throws(SpecError) {
        var kinds: Set<String> = []
        for option in options.split(separator: ",", omittingEmptySubsequences: false).map(String.init) {
            let kind: String
            switch option {
            case "ro", "rw":
                kind = "access"
                mount.readOnly = option == "ro"
            case "nocopy":
                kind = option
                guard mount.kind == .volume else { throw .invalid("invalid mode: \(options.quoted) in \(text.quoted)") }
                mount.noCopy = true
            // SELinux labels. Where there is no SELinux there is nothing to label; where there is, `Validation` refuses.
            case "z", "Z": kind = "label"
            // Hints for engines that reach the host's files over a network.
            case "consistent", "cached", "delegated", "default": kind = "consistency"
            default:
                kind = "propagation"
                guard MountPlan.propagations.contains(option), mount.kind == .bind else {
                    throw .invalid("invalid mode: \(options.quoted) in \(text.quoted)")
                }
                mount.propagation = option
            }
            guard kinds.insert(kind).inserted else {
                throw .invalid("invalid mode: \(options.quoted) in \(text.quoted)")
            }
        }
        mount.mode = options
    }
}

/// Names that users give.
package enum ObjectName {
    /// `[a-zA-Z0-9][a-zA-Z0-9_.-]+`, as Docker has it, and not longer than a file name.
    static func isValid(_ name: String) -> Bool {
        func isPlain(_ c: UInt8) -> Bool {
            (0x30...0x39).contains(c) || (0x41...0x5a).contains(c) || (0x61...0x7a).contains(c)
        }
        guard let first = name.utf8.first, (2...255).contains(name.utf8.count), isPlain(first) else { return false }
        return name.utf8.allSatisfy { isPlain($0) || "_.-".utf8.contains($0) }
    }

    /// Throws for a name that no container may have. A leading slash is Docker's own way to write it.
    package static func checkContainer(_ name: String) throws(SpecError) {
        let bare = name.hasPrefix("/") ? String(name.dropFirst()) : name
        guard isValid(bare) else {
            throw .invalid(
                "Invalid container name (\(name.quoted)), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed, "
                    + "2 to 255 characters")
        }
    }

    package static func checkVolume(_ name: String) throws(SpecError) {
        guard isValid(name) else {
            throw .invalid(
                "\(name.quoted) includes invalid characters for a local volume name, only "
                    + "[a-zA-Z0-9][a-zA-Z0-9_.-] are allowed, 2 to 255 characters. "
                    + "If you intended to pass a host directory, use absolute path")
        }
    }
}
