import Kernel
import OCI

/// The options of one mount, as fstab(5) and runtime-spec `config.md` ("Linux mount options") name them.
struct MountOptions: Equatable {
    struct Change: Equatable {
        var set = Mounts.Attributes()
        var clear = Mounts.Attributes()
        var isEmpty: Bool { self.set.isEmpty && clear.isEmpty }

        fileprivate mutating func on(_ attribute: Mounts.Attributes) {
            set.insert(attribute)
            clear.remove(attribute)
        }
        fileprivate mutating func off(_ attribute: Mounts.Attributes) {
            set.remove(attribute)
            clear.insert(attribute)
        }
        /// One of the three ways to keep access times; empty is relatime.
        fileprivate mutating func accessTime(_ choice: Mounts.Attributes) {
            set.subtract(.accessTimeMask)
            // The kernel wants the whole field cleared whenever one value of it is chosen.
            clear.formUnion(.accessTimeMask)
            set.formUnion(choice)
        }
    }
    struct Propagation: Equatable {
        let kind: Mounts.Flags
        let recursive: Bool
    }
    struct Parameter: Equatable {
        let key: String
        /// nil: a flag.
        let value: String?
        var text: String { value.map { key + "=" + $0 } ?? key }
    }

    /// Of the mount itself.
    var own = Change()
    /// Of the mount and all below it.
    var recursive = Change()
    var propagation: [Propagation] = []
    var isBind = false
    var isRecursiveBind = false
    var isRemount = false
    /// A new tmpfs begins with what the image has at its place.
    var copiesUp = false
    /// With the mount's own id mappings: whether also those below are mapped.
    var idMapped: Propagation?
    /// For the file system, in order.
    var parameters: [Parameter] = []

    init(_ options: [String]) {
        for option in options where !takeAttribute(option) && !takePropagation(option) && !takeMode(option) {
            let parts = option.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            parameters.append(Parameter(key: parts[0], value: parts.count == 2 ? parts[1] : nil))
        }
    }

    private static let plain: [String: (Mounts.Attributes, on: Bool)] = [
        "ro": (.readOnly, true), "rw": (.readOnly, false),
        "nosuid": (.noSuid, true), "suid": (.noSuid, false),
        "nodev": (.noDev, true), "dev": (.noDev, false),
        "noexec": (.noExec, true), "exec": (.noExec, false),
        "nodiratime": (.noDirectoryAccessTime, true), "diratime": (.noDirectoryAccessTime, false),
        "nosymfollow": (.noSymlinkFollow, true), "symfollow": (.noSymlinkFollow, false),
    ]
    /// Turning the kind that is not in force off changes nothing, so all of these come down to relatime, the default.
    private static let accessTimes: [String: Mounts.Attributes] = [
        "noatime": .noAccessTime, "strictatime": .strictAccessTime, "relatime": [], "atime": [], "norelatime": [],
        "nostrictatime": [],
    ]

    private mutating func takeAttribute(_ option: String) -> Bool {
        if let (attribute, on) = Self.plain[option] {
            if on { own.on(attribute) } else { own.off(attribute) }
            return true
        }
        if let choice = Self.accessTimes[option] {
            own.accessTime(choice)
            return true
        }
        guard option.hasPrefix("r") else { return false }
        let name = String(option.dropFirst())
        if let (attribute, on) = Self.plain[name] {
            if on { recursive.on(attribute) } else { recursive.off(attribute) }
            return true
        }
        if let choice = Self.accessTimes[name] {
            recursive.accessTime(choice)
            return true
        }
        return false
    }

    private static let kinds: [String: Mounts.Flags] = [
        "private": .private, "shared": .shared, "slave": .slave, "unbindable": .unbindable,
    ]

    private mutating func takePropagation(_ option: String) -> Bool {
        if let kind = Self.kinds[option] {
            propagation.append(Propagation(kind: kind, recursive: false))
            return true
        }
        guard option.hasPrefix("r"), let kind = Self.kinds[String(option.dropFirst())] else { return false }
        propagation.append(Propagation(kind: kind, recursive: true))
        return true
    }

    /// How a file system writes, which is its own matter and not the mount's.
    private static let fileSystemFlags: Set<String> = ["sync", "dirsync", "lazytime", "mand"]
    /// The defaults; and what has no meaning with the newer mount calls: they print nothing, and no kernel since 5.15
    /// has mandatory locks.
    private static let noEffect: Set<String> = [
        "defaults", "async", "nolazytime", "nomand", "silent", "loud", "noiversion",
    ]

    private mutating func takeMode(_ option: String) -> Bool {
        switch option {
        case "bind": isBind = true
        case "rbind": (isBind, isRecursiveBind) = (true, true)
        case "remount": isRemount = true
        case "tmpcopyup": copiesUp = true
        case "idmap": idMapped = Propagation(kind: [], recursive: false)
        case "ridmap": idMapped = Propagation(kind: [], recursive: true)
        case _ where Self.fileSystemFlags.contains(option): parameters.append(Parameter(key: option, value: nil))
        default: return Self.noEffect.contains(option)
        }
        return true
    }

    /// `ro`, `shared` and so on, for `features`.
    static let known: [String] = {
        var names = Array(noEffect) + Array(fileSystemFlags) + ["bind", "rbind", "remount", "tmpcopyup", "iversion"]
        for name in Array(plain.keys) + Array(accessTimes.keys) + Array(kinds.keys) { names += [name, "r" + name] }
        return names.sorted()
    }()
}

extension MountSpec {
    /// runtime-spec: a bind option makes it a bind mount, whatever the type says.
    var isBind: Bool { type == "bind" || MountOptions(options ?? []).isBind }
}
