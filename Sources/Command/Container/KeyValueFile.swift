import Kernel

/// Lines of `KEY=value` for the environment and labels: of options and of files.
enum KeyValueFile {
    /// Files first, options after them, so that an option overrides a file. A variable without a value takes that of
    /// `environment`; one of an option that is not set there stays without, which removes the image's.
    static func environment(files: [String], options: [String], environment: ProcessEnvironment) throws(CommandError)
        -> [String]
    {
        var result: [String] = []
        for file in files {
            for line in try lines(of: file) {
                if line.contains("=") {
                    result.append(line)
                } else if let value = environment.variable(line) {
                    result.append("\(line)=\(value)")
                }
            }
        }
        for option in options {
            if option.isEmpty || option.hasPrefix("=") {
                throw .usage("invalid argument \"\(option)\" for \"-e, --env\" flag: it must be NAME=value or NAME")
            }
            if option.contains("=") {
                result.append(option)
            } else {
                result.append(environment.variable(option).map { "\(option)=\($0)" } ?? option)
            }
        }
        return result
    }

    /// A label without a value has an empty one.
    static func labels(files: [String], options: [String]) throws(CommandError) -> [String: String] {
        var result: [String: String] = [:]
        for file in files { for line in try lines(of: file) { add(line, to: &result) } }
        for option in options {
            if option.isEmpty || option.hasPrefix("=") {
                throw .usage("invalid argument \"\(option)\" for \"-l, --label\" flag: it must be NAME=value or NAME")
            }
            add(option, to: &result)
        }
        return result
    }

    /// `key=value` options that must have both, such as `--sysctl`.
    static func map(_ options: [String], flag: String) throws(CommandError) -> [String: String] {
        var result: [String: String] = [:]
        for option in options {
            guard option.contains("="), !option.hasPrefix("=") else {
                throw .usage("invalid argument \"\(option)\" for \"--\(flag)\" flag: it must be NAME=value")
            }
            add(option, to: &result)
        }
        return result
    }

    private static func add(_ line: String, to result: inout [String: String]) {
        let name = line.prefix { $0 != "=" }
        result[String(name)] = String(line.dropFirst(name.count + 1))
    }

    private static func lines(of file: String) throws(CommandError) -> [String] {
        let bytes: [UInt8]
        do { bytes = try Sys.readFile(file) } catch {
            throw CommandError("cannot read \(file): \(error.reason)", status: 125)
        }
        return try parse(bytes, file: file)
    }

    /// One a line; empty lines and those that begin with `#` do not count.
    static func parse(_ bytes: [UInt8], file: String) throws(CommandError) -> [String] {
        var result: [String] = []
        for (index, raw) in bytes.split(separator: 0x0a, omittingEmptySubsequences: false).enumerated() {
            guard let text = String(validating: raw, as: UTF8.self), !text.contains("\0") else {
                throw CommandError("\(file):\(index + 1): the line is no UTF-8 text", status: 125)
            }
            var line = Substring(text)
            if index == 0, line.hasPrefix("\u{feff}") { line = line.dropFirst() }
            if line.hasSuffix("\r") { line = line.dropLast() }
            line = line.drop { $0 == " " || $0 == "\t" }
            if line.isEmpty || line.hasPrefix("#") { continue }
            let name = line.prefix { $0 != "=" }
            if name.isEmpty {
                throw CommandError("\(file):\(index + 1): no variable name on line '\(line)'", status: 125)
            }
            if name.contains(where: \.isWhitespace) {
                throw CommandError("\(file):\(index + 1): variable '\(name)' contains whitespaces", status: 125)
            }
            result.append(String(line))
        }
        return result
    }
}
