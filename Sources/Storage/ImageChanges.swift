import Basics
package import OCI

/// Dockerfile instructions that change a configuration, as `commit -c` and `import -c` take them: CMD ENTRYPOINT ENV
/// EXPOSE HEALTHCHECK LABEL ONBUILD STOPSIGNAL USER VOLUME WORKDIR (docs.docker.com/reference/dockerfile).
package enum ImageChanges {
    /// All of them, in order, or an error that names the one that is wrong.
    package static func apply(_ changes: [String], to config: inout ExecutionConfig) throws(StorageError) {
        var changed = config
        var setsCommand = false
        for text in changes {
            // One change may hold several lines.
            for line in text.split(whereSeparator: \.isNewline) {
                let line = trim(line)
                if line.isEmpty || line.hasPrefix("#") { continue }
                let space = line.firstIndex(where: \.isWhitespace) ?? line.endIndex
                let keyword = line[..<space].uppercased()
                let rest = trim(line[space...])
                if rest.isEmpty { throw .invalid("\(keyword) requires at least one argument: \"\(line)\"") }
                if keyword == "CMD" { setsCommand = true }
                try apply(keyword, rest, to: &changed)
                // A new entry point makes nothing of the old one's arguments.
                if keyword == "ENTRYPOINT", !setsCommand { changed.cmd = nil }
            }
        }
        config = changed
    }

    private static func apply(_ keyword: String, _ rest: String, to config: inout ExecutionConfig) throws(StorageError)
    {
        switch keyword {
        case "CMD": config.cmd = try command(rest, config)
        case "ENTRYPOINT": config.entrypoint = try command(rest, config)
        case "ENV": for (name, value) in try pairs(rest, keyword) { config.setEnvironment(name, value) }
        case "LABEL": for (name, value) in try pairs(rest, keyword) { config.labels[name] = value }
        case "EXPOSE":
            for word in try words(rest, keyword) { config.exposedPorts.values.formUnion(try ports(word)) }
        case "HEALTHCHECK": config.healthcheck = try healthcheck(rest)
        case "ONBUILD":
            let trigger = rest.prefix { !$0.isWhitespace }.uppercased()
            if ["ONBUILD", "FROM", "MAINTAINER"].contains(trigger) {
                throw .invalid("\(trigger) isn't allowed as an ONBUILD trigger")
            }
            config.onBuild.append(rest)
        case "STOPSIGNAL": config.stopSignal = rest
        case "USER": config.user = rest
        case "VOLUME":
            for path in try jsonOrWords(rest, keyword) {
                if path.isEmpty { throw .invalid("VOLUME specified can not be an empty string") }
                config.volumes.values.insert(path)
            }
        case "WORKDIR": config.workingDir = directory(rest, from: config.workingDir)
        default: throw .invalid("\(keyword) is not a valid change command")
        }
    }

    // MARK: - Arguments

    /// JSON form as it is; shell form through the image's shell.
    private static func command(_ rest: String, _ config: ExecutionConfig) throws(StorageError) -> [String] {
        if let list = json(rest) { return list }
        return (config.shell ?? ["/bin/sh", "-c"]) + [rest]
    }

    /// nil when it is no JSON list of strings, which is then shell form, as in Docker.
    private static func json(_ text: String) -> [String]? {
        guard text.hasPrefix("[") else { return nil }
        return try? JSONText.decode([String].self, Array(text.utf8), subject: "")
    }

    private static func jsonOrWords(_ rest: String, _ keyword: String) throws(StorageError) -> [String] {
        if let list = json(rest) { return list }
        return try words(rest, keyword)
    }

    /// `a=b c="d e"`, or the old `NAME the whole rest`.
    private static func pairs(_ rest: String, _ keyword: String) throws(StorageError) -> [(String, String)] {
        let first = rest.prefix { !$0.isWhitespace }
        if !first.contains("=") {
            let value = trim(rest.dropFirst(first.count))
            guard !value.isEmpty else { throw .invalid("\(keyword) must have two arguments: \"\(rest)\"") }
            return [(String(first), value)]
        }
        var result: [(String, String)] = []
        for word in try words(rest, keyword) {
            guard let equals = word.firstIndex(of: "="), equals != word.startIndex else {
                throw .invalid("Syntax error - can't find = in \"\(word)\". Must be of the form: name=value")
            }
            result.append((String(word[..<equals]), String(word[word.index(after: equals)...])))
        }
        return result
    }

    /// Words as a shell would part them: quotes group and go away, `\` takes the next character as it is.
    private static func words(_ text: String, _ keyword: String) throws(StorageError) -> [String] {
        var result: [String] = []
        var word = ""
        var inWord = false
        var quote: Character?
        var characters = text.makeIterator()
        while let c = characters.next() {
            if c == "\\", quote != "'" {
                guard let next = characters.next() else {
                    throw .invalid("\(keyword): a lone \\ at the end of \"\(text)\"")
                }
                // Inside double quotes only these are escaped.
                if quote == "\"", next != "\"", next != "\\", next != "$" { word.append(c) }
                word.append(next)
                inWord = true
            } else if let open = quote {
                if c == open { quote = nil } else { word.append(c) }
            } else if c == "\"" || c == "'" {
                quote = c
                inWord = true
            } else if c.isWhitespace {
                if inWord { result.append(word) }
                word = ""
                inWord = false
            } else {
                word.append(c)
                inWord = true
            }
        }
        guard quote == nil else { throw .invalid("\(keyword): a quote is not closed in \"\(text)\"") }
        if inWord { result.append(word) }
        return result
    }

    /// `80`, `80/udp`, `8000-8002/tcp`.
    static func ports(_ text: String) throws(StorageError) -> [String] {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        let proto = parts.count > 1 ? parts[1].lowercased() : "tcp"
        let range = parts[0].split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map { UInt16($0) }
        guard ["tcp", "udp", "sctp"].contains(proto), let low = range.first ?? nil, let high = range.last ?? nil,
            low > 0, low <= high
        else { throw .invalid("invalid containerPort: \(text)") }
        return (low...high).map { "\($0)/\(proto)" }
    }

    private static func directory(_ path: String, from base: String?) -> String {
        if path.hasPrefix("/") { return path }
        let base = base ?? "/"
        return base.hasSuffix("/") ? base + path : "\(base)/\(path)"
    }

    // MARK: - HEALTHCHECK

    /// `NONE`, or options and `CMD` with a command in either form.
    private static func healthcheck(_ rest: String) throws(StorageError) -> Healthcheck {
        var check = Healthcheck()
        var rest = rest
        while rest.hasPrefix("--") {
            let option = rest.prefix { !$0.isWhitespace }
            rest = trim(rest.dropFirst(option.count))
            try set(String(option.dropFirst(2)), &check)
        }
        let kind = rest.prefix { !$0.isWhitespace }
        let command = trim(rest.dropFirst(kind.count))
        switch kind.uppercased() {
        case "NONE":
            guard command.isEmpty else { throw .invalid("HEALTHCHECK NONE takes no arguments") }
            check.test = ["NONE"]
        case "CMD":
            guard !command.isEmpty else { throw .invalid("Missing command after HEALTHCHECK CMD") }
            check.test = json(command).map { ["CMD"] + $0 } ?? ["CMD-SHELL", command]
        default: throw .invalid("Unknown type \"\(kind)\" in HEALTHCHECK (try CMD)")
        }
        return check
    }

    private static func set(_ option: String, _ check: inout Healthcheck) throws(StorageError) {
        let parts = option.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let value = parts.count > 1 ? parts[1] : ""
        func duration() throws(StorageError) -> Int64 {
            // Docker's least: below it the daemon would only be busy with checking.
            guard let nanoseconds = GoDuration.parse(value), nanoseconds == 0 || nanoseconds >= 1_000_000 else {
                throw .invalid("HEALTHCHECK --\(parts[0]): \"\(value)\" is no duration of at least 1ms")
            }
            return nanoseconds
        }
        switch parts[0] {
        case "interval": check.interval = try duration()
        case "timeout": check.timeout = try duration()
        case "start-period": check.startPeriod = try duration()
        case "start-interval": check.startInterval = try duration()
        case "retries":
            guard let count = Int(value), count >= 0 else {
                throw .invalid("HEALTHCHECK --retries: \"\(value)\" is no number")
            }
            check.retries = count
        default: throw .invalid("Unknown flag in HEALTHCHECK: --\(parts[0])")
        }
    }

    private static func trim(_ text: some StringProtocol) -> String {
        var rest = Substring(text)
        while rest.first?.isWhitespace == true { rest.removeFirst() }
        while rest.last?.isWhitespace == true { rest.removeLast() }
        return String(rest)
    }
}
