/// `-v [SOURCE:]TARGET[:OPTIONS]`.
enum VolumeFlag: Equatable {
    /// A volume without a name, made for this container.
    case anonymous(target: String)
    /// A named volume or a path of the host, as the API's `Binds` takes it.
    case bind(String)

    private static let propagations: Set<String> = ["private", "rprivate", "shared", "rshared", "slave", "rslave"]

    /// `directory`: what a source beginning with `./` or `../` is relative to.
    init(_ text: String, directory: () throws(CommandError) -> String) throws(CommandError) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        func invalid(_ reason: String) -> CommandError {
            .usage("invalid argument \"\(text)\" for \"-v, --volume\" flag: \(reason)")
        }
        guard (1...3).contains(parts.count), !parts.contains("") else {
            throw invalid("it must be [SOURCE:]TARGET[:OPTIONS]")
        }
        if parts.count == 1 {
            guard text.hasPrefix("/") else { throw invalid("the target must be an absolute path") }
            self = .anonymous(target: text)
            return
        }
        guard parts[1].hasPrefix("/") else {
            throw invalid("the target must be an absolute path; options need both, as in SOURCE:TARGET:ro")
        }
        var source = parts[0]
        if source == "." || source == ".." || source.hasPrefix("./") || source.hasPrefix("../") {
            source = HostPath.absolute(source, in: try directory())
        } else if source.hasPrefix("~") {
            throw invalid("the shell did not replace ~: write the path in full")
        } else if !source.hasPrefix("/"), source.contains("/") {
            throw invalid("a source is an absolute path, a path that begins with ./, or the name of a volume")
        }
        if parts.count == 3 { try Self.check(options: parts[2], isPath: source.hasPrefix("/"), invalid) }
        self = .bind(([source] + parts.dropFirst()).joined(separator: ":"))
    }

    private static func check(options: String, isPath: Bool, _ invalid: (String) -> CommandError) throws(CommandError) {
        for option in options.split(separator: ",", omittingEmptySubsequences: false).map(String.init) {
            switch option {
            case "ro", "rw": continue
            case "nocopy":
                if isPath { throw invalid("nocopy is for volumes, not for paths of the host") }
            case "z", "Z": throw invalid("the option \(option) is not supported yet: it is for SELinux")
            case "delegated", "cached", "consistent", "default":
                throw invalid("the option \(option) is not supported: it has no meaning on Linux")
            case _ where propagations.contains(option):
                if !isPath { throw invalid("propagation \"\(option)\" is for paths of the host, not for volumes") }
            default: throw invalid("unknown option \"\(option)\"")
            }
        }
    }
}

/// Paths of this host.
enum HostPath {
    /// Makes a path absolute and removes `.`, `..` and doubled slashes, by the text alone.
    static func absolute(_ path: String, in directory: String) -> String {
        clean(path.hasPrefix("/") ? path : directory + "/" + path)
    }

    /// Go's `path.Clean`, of an absolute path.
    static func clean(_ path: String) -> String {
        var parts: [Substring] = []
        for part in path.split(separator: "/") {
            if part == ".." { _ = parts.popLast() } else if part != "." { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }
}
