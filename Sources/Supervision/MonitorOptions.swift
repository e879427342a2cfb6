/// The arguments of `box-runtime monitor`: all that a monitor must know of its container that is not in the bundle.
package struct MonitorOptions: Sendable, Hashable {
    package enum PidNamespace: Sendable, Hashable {
        case new
        case host
        /// Another container's, by the path of its namespace file.
        case path(String)
    }

    package var id: String
    package var bundle: String
    /// The container's own run directory; see `RunFiles`.
    package var runDirectory: String
    package var logDirectory: String
    /// Bytes a log segment may have; nil: no rotation.
    package var logMaximumSize: Int?
    package var logMaximumFiles: Int
    package var terminal: Bool
    /// A pipe for the container's input, instead of `/dev/null`.
    package var openInput: Bool
    /// Directories of the overlay, top first; empty: the bundle's `root.path` as it is.
    package var lower: [String]
    package var upper: String?
    package var work: String?
    /// A file with the compiled seccomp program.
    package var seccomp: String?
    package var pidNamespace: PidNamespace
    /// Puts a small init in front of the program, which reaps orphans and passes signals on.
    package var addInit: Bool
    /// Descriptor 4 of the monitor is a prepared network namespace, which the container gets for its new one.
    package var networkNamespace: Bool
    /// A `ResolverFile`: the monitor answers the container's questions for names, at 127.0.0.11.
    package var resolver: String?
    /// The container's cgroup, as its configuration has it: known here, it is made while the configuration is read.
    package var cgroup: String?

    package init(
        id: String, bundle: String, runDirectory: String, logDirectory: String, logMaximumSize: Int? = 10_000_000,
        logMaximumFiles: Int = 3, terminal: Bool = false, openInput: Bool = false, lower: [String] = [],
        upper: String? = nil, work: String? = nil, seccomp: String? = nil, pidNamespace: PidNamespace = .new,
        addInit: Bool = false, networkNamespace: Bool = false, resolver: String? = nil, cgroup: String? = nil
    ) {
        self.id = id
        self.bundle = bundle
        self.runDirectory = runDirectory
        self.logDirectory = logDirectory
        self.logMaximumSize = logMaximumSize
        self.logMaximumFiles = logMaximumFiles
        self.terminal = terminal
        self.openInput = openInput
        self.lower = lower
        self.upper = upper
        self.work = work
        self.seccomp = seccomp
        self.pidNamespace = pidNamespace
        self.addInit = addInit
        self.networkNamespace = networkNamespace
        self.resolver = resolver
        self.cgroup = cgroup
    }

    /// Without the program's name: `monitor --id …`.
    package var arguments: [String] {
        var list = ["monitor", "--id", id, "--bundle", bundle, "--run-dir", runDirectory, "--log-dir", logDirectory]
        if let logMaximumSize { list += ["--log-max-size", String(logMaximumSize)] }
        list += ["--log-max-files", String(logMaximumFiles)]
        if terminal { list.append("--tty") }
        if openInput { list.append("--open-stdin") }
        for directory in lower { list += ["--lower", directory] }
        if let upper { list += ["--upper", upper] }
        if let work { list += ["--work", work] }
        if let seccomp { list += ["--seccomp", seccomp] }
        switch pidNamespace {
        case .new: list += ["--pid-ns", "new"]
        case .host: list += ["--pid-ns", "host"]
        case .path(let path): list += ["--pid-ns", path]
        }
        if addInit { list.append("--init") }
        if networkNamespace { list.append("--net-fd") }
        if let resolver { list += ["--resolver", resolver] }
        if let cgroup { list += ["--cgroup", cgroup] }
        return list
    }

    package struct ParseError: Error, Sendable, CustomStringConvertible {
        package let description: String
    }

    /// From what follows `monitor` on the command line.
    package init(parsing arguments: [String]) throws(ParseError) {
        var rest = arguments[...]
        self.init(id: "", bundle: "", runDirectory: "", logDirectory: "", logMaximumSize: nil)
        while let option = rest.popFirst() {
            switch option {
            case "--tty": terminal = true
            case "--open-stdin": openInput = true
            case "--init": addInit = true
            case "--net-fd": networkNamespace = true
            default:
                guard let value = rest.popFirst() else {
                    throw ParseError(description: "monitor: unknown option \(option), or its value is missing")
                }
                try set(option, value)
            }
        }
        let needed = [("--id", id), ("--bundle", bundle), ("--run-dir", runDirectory), ("--log-dir", logDirectory)]
        for (option, value) in needed where value.isEmpty {
            throw ParseError(description: "monitor: option \(option) is needed")
        }
        guard lower.isEmpty || (upper != nil) == (work != nil) else {
            throw ParseError(description: "monitor: --upper and --work go together")
        }
        guard resolver == nil || networkNamespace else {
            throw ParseError(description: "monitor: --resolver needs --net-fd")
        }
    }

    private mutating func set(_ option: String, _ value: String) throws(ParseError) {
        switch option {
        case "--id": id = value
        case "--bundle": bundle = value
        case "--run-dir": runDirectory = value
        case "--log-dir": logDirectory = value
        case "--log-max-size": logMaximumSize = try Self.number(option, value)
        case "--log-max-files": logMaximumFiles = try Self.number(option, value)
        case "--lower": lower.append(value)
        case "--upper": upper = value
        case "--work": work = value
        case "--seccomp": seccomp = value
        case "--resolver": resolver = value
        case "--cgroup": cgroup = value
        case "--pid-ns":
            switch value {
            case "new": pidNamespace = .new
            case "host": pidNamespace = .host
            case _ where value.hasPrefix("/"): pidNamespace = .path(value)
            default: throw ParseError(description: "monitor: --pid-ns \(value): must be new, host or an absolute path")
            }
        default: throw ParseError(description: "monitor: unknown option \(option)")
        }
    }

    private static func number(_ option: String, _ value: String) throws(ParseError) -> Int {
        guard let number = Int(value), number > 0 else {
            throw ParseError(description: "monitor: \(option) \(value): must be a positive number")
        }
        return number
    }
}
