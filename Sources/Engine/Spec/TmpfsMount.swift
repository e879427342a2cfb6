import APIModel

/// A tmpfs as the user asks for it, by `--tmpfs` or `--mount type=tmpfs`.
enum TmpfsMount {
    private static let defaults = ["noexec", "nosuid", "nodev"]
    /// Each flag with the one that takes it back.
    private static let flags: [String: String] = [
        "exec": "noexec", "noexec": "exec", "suid": "nosuid", "nosuid": "suid", "dev": "nodev", "nodev": "dev",
        "ro": "rw", "rw": "ro", "sync": "async", "async": "sync", "dirsync": "", "atime": "noatime",
        "noatime": "atime", "diratime": "nodiratime", "nodiratime": "diratime", "relatime": "norelatime",
        "norelatime": "relatime", "strictatime": "nostrictatime", "nostrictatime": "strictatime", "mand": "nomand",
        "nomand": "mand",
    ]
    private static let values: Set<String> = ["size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol"]

    static func planned(_ destination: String, options: String) throws(SpecError) -> PlannedMount {
        let options = options.split(separator: ",").map(String.init)
        return PlannedMount(
            kind: .tmpfs, destination: destination, readOnly: options.contains("ro"),
            options: try merged(defaults, options, destination))
    }

    static func planned(_ mount: Mount, _ destination: String) throws(SpecError) -> PlannedMount {
        var options: [String] = []
        for option in mount.tmpfsOptions?.options ?? [] {
            guard (1...2).contains(option.count) else {
                throw .invalid("invalid tmpfs option for \(destination): one name, or a name and a value, is wanted")
            }
            options.append(option.joined(separator: "="))
        }
        if let size = mount.tmpfsOptions?.sizeBytes, size != 0 {
            guard size > 0 else { throw .invalid("tmpfs-size of \(destination): \(size) is less than 0") }
            options.append("size=\(size)")
        }
        if let mode = mount.tmpfsOptions?.mode, mode != 0 {
            guard mode <= 0o7777 else { throw .invalid("tmpfs-mode of \(destination): no permission bits") }
            options.append("mode=\(String(mode, radix: 8))")
        }
        if mount.readOnly == true { options.append("ro") }
        return PlannedMount(
            kind: .tmpfs, destination: destination, readOnly: mount.readOnly == true,
            options: try merged(defaults, options, destination))
    }

    /// Later options replace earlier ones that say the contrary, or give another value.
    private static func merged(_ earlier: [String], _ later: [String], _ destination: String) throws(SpecError)
        -> [String]
    {
        var result = earlier
        for option in later {
            let name = EnvironmentVariables.name(option)
            let known = name == option ? flags[name] != nil : values.contains(name)
            guard known, !option.hasControlCharacters, !option.contains(","), option.utf8.count < 256 else {
                throw .invalid("invalid tmpfs option for \(destination): \(option.quoted)")
            }
            result.removeAll { $0 == option || $0 == flags[option] || $0.hasPrefix(name + "=") }
            result.append(option)
        }
        return result
    }
}
