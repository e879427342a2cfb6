import Glibc

/// What a command knows of the process it runs in; given, so that tests can make one up.
package struct ProcessEnvironment: Sendable {
    /// A variable's value. It is looked up when it is asked for, as hardly any command asks.
    package let variable: @Sendable (_ name: String) -> String?
    package var directory: String
    package var stdinIsTerminal: Bool
    package var stdoutIsTerminal: Bool

    package init(
        variables: [String: String] = [:], directory: String = "/", stdinIsTerminal: Bool = false,
        stdoutIsTerminal: Bool = false
    ) {
        self.init(
            { variables[$0] }, directory: directory, stdinIsTerminal: stdinIsTerminal,
            stdoutIsTerminal: stdoutIsTerminal)
    }

    private init(
        _ variable: @escaping @Sendable (String) -> String?, directory: String, stdinIsTerminal: Bool,
        stdoutIsTerminal: Bool
    ) {
        self.variable = variable
        self.directory = directory
        self.stdinIsTerminal = stdinIsTerminal
        self.stdoutIsTerminal = stdoutIsTerminal
    }

    static func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

    /// The process as it is.
    static func current() -> ProcessEnvironment {
        ProcessEnvironment(
            variable, directory: currentDirectory(), stdinIsTerminal: isatty(0) == 1, stdoutIsTerminal: isatty(1) == 1)
    }

    static func currentDirectory() -> String {
        guard let path = getcwd(nil, 0) else { return "/" }
        defer { free(path) }
        return String(cString: path)
    }
}
