import Glibc

/// What a command knows of the process it runs in; given, so that tests can make one up.
package struct ProcessEnvironment: Sendable {
    package var variables: [String: String]
    package var directory: String
    package var stdinIsTerminal: Bool
    package var stdoutIsTerminal: Bool

    package init(
        variables: [String: String] = [:], directory: String = "/", stdinIsTerminal: Bool = false,
        stdoutIsTerminal: Bool = false
    ) {
        self.variables = variables
        self.directory = directory
        self.stdinIsTerminal = stdinIsTerminal
        self.stdoutIsTerminal = stdoutIsTerminal
    }

    static func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

    /// The process as it is.
    static func current() -> ProcessEnvironment {
        var variables: [String: String] = [:]
        var next = environ
        while let entry = next.pointee {
            let text = String(cString: entry)
            let name = text.utf8.prefix { $0 != UInt8(ascii: "=") }
            variables[String(Substring(name))] = String(Substring(text.utf8.dropFirst(name.count + 1)))
            next += 1
        }
        return ProcessEnvironment(
            variables: variables, directory: currentDirectory(), stdinIsTerminal: isatty(0) == 1,
            stdoutIsTerminal: isatty(1) == 1)
    }

    static func currentDirectory() -> String {
        guard let path = getcwd(nil, 0) else { return "/" }
        defer { free(path) }
        return String(cString: path)
    }
}
