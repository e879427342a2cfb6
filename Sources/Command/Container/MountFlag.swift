import APIModel
import Basics

/// `--mount type=bind|volume|tmpfs,source=…,target=…,…`.
enum MountFlag {
    static func parse(_ text: String, directory: () throws(CommandError) -> String) throws(CommandError) -> Mount {
        var mount = Mount(type: "volume", target: "")
        for field in try fields(text) {
            let key = field.prefix { $0 != "=" }.lowercased()
            let value = field.contains("=") ? String(field.dropFirst(key.count + 1)) : nil
            try apply(key, value, to: &mount, text)
        }
        try check(&mount, text, directory)
        return mount
    }

    /// Comma-separated as in CSV: a field in double quotes may hold commas.
    private static func fields(_ text: String) throws(CommandError) -> [String] {
        var fields: [String] = []
        var field = ""
        var quoted = false
        for c in text {
            switch c {
            case "\"": quoted.toggle()
            case "," where !quoted:
                fields.append(field)
                field = ""
            default: field.append(c)
            }
        }
        if quoted { throw invalid(text, "a quote is not closed") }
        return fields + [field]
    }

    private static func invalid(_ text: String, _ reason: String) -> CommandError {
        .usage("invalid argument \"\(text)\" for \"--mount\" flag: \(reason)")
    }

    private static func bool(_ key: String, _ value: String?, _ text: String) throws(CommandError) -> Bool {
        switch value {
        case nil, "true", "1": true
        case "false", "0": false
        default: throw invalid(text, "\(key) is true or false")
        }
    }

    private static func apply(_ key: String, _ value: String?, to mount: inout Mount, _ text: String)
        throws(CommandError)
    {
        switch key {
        case "readonly", "ro":
            mount.readOnly = try bool(key, value, text)
            return
        case "volume-nocopy":
            var options = mount.volumeOptions ?? VolumeOptions()
            options.noCopy = try bool(key, value, text)
            mount.volumeOptions = options
            return
        case "bind-nonrecursive":
            throw invalid(text, "bind-nonrecursive is deprecated: use bind-recursive=disabled")
        default: break
        }
        guard let value else { throw invalid(text, "the field \"\(key)\" must be key=value") }
        switch key {
        case "type": mount.type = value.lowercased()
        case "source", "src": mount.source = value
        case "target", "dst", "destination": mount.target = value
        case "bind-propagation":
            guard ["private", "rprivate", "shared", "rshared", "slave", "rslave"].contains(value) else {
                throw invalid(text, "unknown propagation \"\(value)\"")
            }
            mount.bindOptions = with(mount.bindOptions ?? BindOptions()) { $0.propagation = value }
        case "bind-recursive":
            mount.bindOptions = try recursive(mount.bindOptions ?? BindOptions(), value, text)
        case "volume-subpath":
            mount.volumeOptions = with(mount.volumeOptions ?? VolumeOptions()) { $0.subpath = value }
        case "volume-label":
            mount.volumeOptions = with(mount.volumeOptions ?? VolumeOptions()) { options in
                let name = String(value.prefix { $0 != "=" })
                options.labels = (options.labels ?? [:]).merging([name: String(value.dropFirst(name.count + 1))]) { $1 }
            }
        case "volume-driver", "volume-opt", "image-subpath", "consistency":
            throw invalid(text, "\(key) is not supported yet")
        case "tmpfs-size":
            guard let size = ByteCount.parse(value) else { throw invalid(text, "tmpfs-size is a size such as 64m") }
            mount.tmpfsOptions = with(mount.tmpfsOptions ?? TmpfsOptions()) { $0.sizeBytes = size }
        case "tmpfs-mode":
            guard let mode = UInt32(value, radix: 8), mode <= 0o7777 else {
                throw invalid(text, "tmpfs-mode is octal, as in 1777")
            }
            mount.tmpfsOptions = with(mount.tmpfsOptions ?? TmpfsOptions()) { $0.mode = mode }
        default: throw invalid(text, "unknown field \"\(key)\"")
        }
    }

    private static func recursive(_ options: BindOptions, _ value: String, _ text: String) throws(CommandError)
        -> BindOptions
    {
        var options = options
        switch value {
        case "enabled": break
        case "disabled": options.nonRecursive = true
        case "writable": options.readOnlyNonRecursive = true
        case "readonly": options.readOnlyForceRecursive = true
        default: throw invalid(text, "bind-recursive is enabled, disabled, writable or readonly")
        }
        return options
    }

    private static func with<Value>(_ value: Value, _ change: (inout Value) -> Void) -> Value {
        var value = value
        change(&value)
        return value
    }

    private static func check(_ mount: inout Mount, _ text: String, _ directory: () throws(CommandError) -> String)
        throws(CommandError)
    {
        guard ["bind", "volume", "tmpfs"].contains(mount.type) else {
            let known = ["image", "cluster", "npipe"].contains(mount.type)
            throw invalid(
                text, known ? "the type \(mount.type) is not supported yet" : "unknown type \"\(mount.type)\"")
        }
        if mount.target.isEmpty { throw invalid(text, "target is required") }
        if !mount.target.hasPrefix("/") { throw invalid(text, "the target must be an absolute path") }
        if mount.type != "bind", mount.bindOptions != nil { throw invalid(text, "bind-* fields are for type=bind") }
        if mount.type != "volume", mount.volumeOptions != nil {
            throw invalid(text, "volume-* fields are for type=volume")
        }
        if mount.type != "tmpfs", mount.tmpfsOptions != nil { throw invalid(text, "tmpfs-* fields are for type=tmpfs") }
        switch mount.type {
        case "bind":
            guard let source = mount.source, !source.isEmpty else {
                throw invalid(text, "source is required for type=bind")
            }
            if !source.hasPrefix("/") {
                guard source.hasPrefix(".") else {
                    throw invalid(text, "the source must be a path: absolute, or beginning with ./")
                }
                mount.source = HostPath.absolute(source, in: try directory())
            }
        case "tmpfs":
            if mount.source != nil { throw invalid(text, "a tmpfs has no source") }
        default:
            if mount.source?.hasPrefix("/") == true {
                throw invalid(text, "the source of a volume is its name; for a path use type=bind")
            }
        }
    }
}
