import APIModel

/// `--restart no|always|unless-stopped|on-failure[:MAX]`.
enum RestartFlag {
    static func parse(_ text: String) throws(CommandError) -> RestartPolicy {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        func invalid(_ reason: String) -> CommandError {
            .usage("invalid argument \"\(text)\" for \"--restart\" flag: \(reason)")
        }
        let name = parts.first.map(String.init) ?? ""
        if name.isEmpty, parts.count == 1 { return RestartPolicy(name: "no") }
        guard ["no", "always", "unless-stopped", "on-failure"].contains(name), parts.count <= 2 else {
            throw invalid("it must be no, always, unless-stopped or on-failure[:MAX]")
        }
        guard parts.count == 2 else { return RestartPolicy(name: name) }
        guard name == "on-failure" else { throw invalid("a maximum retry count is for on-failure only") }
        guard let count = Int(parts[1]), (0...Int(Int32.max)).contains(count) else {
            throw invalid("the maximum retry count must be a number")
        }
        return RestartPolicy(name: name, maximumRetryCount: count)
    }
}

/// `--device SOURCE[:TARGET[:rwm]]`.
enum DeviceFlag {
    static func parse(_ text: String) throws(CommandError) -> DeviceMapping {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        func invalid(_ reason: String) -> CommandError {
            .usage("invalid argument \"\(text)\" for \"--device\" flag: \(reason)")
        }
        guard (1...3).contains(parts.count), parts[0].hasPrefix("/") else {
            throw invalid("it must be SOURCE[:TARGET[:rwm]]")
        }
        var target = parts[0]
        var permissions = "rwm"
        if parts.count == 2, isPermissions(parts[1]) {
            permissions = parts[1]
        } else if parts.count >= 2 {
            target = parts[1]
        }
        if parts.count == 3 {
            guard isPermissions(parts[2]) else { throw invalid("\"\(parts[2])\" is no combination of r, w and m") }
            permissions = parts[2]
        }
        guard target.hasPrefix("/") else { throw invalid("the target must be an absolute path") }
        return DeviceMapping(pathOnHost: parts[0], pathInContainer: target, cgroupPermissions: permissions)
    }

    private static func isPermissions(_ text: String) -> Bool {
        !text.isEmpty && text.allSatisfy { "rwm".contains($0) } && Set(text).count == text.count
    }
}

/// `--ulimit NAME=SOFT[:HARD]`; -1 means no limit.
enum UlimitFlag {
    private static let names: Set<String> = [
        "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio",
        "rttime",
        "sigpending", "stack",
    ]

    static func parse(_ text: String) throws(CommandError) -> Ulimit {
        func invalid(_ reason: String) -> CommandError {
            .usage("invalid argument \"\(text)\" for \"--ulimit\" flag: \(reason)")
        }
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2 else { throw invalid("it must be NAME=SOFT[:HARD]") }
        guard names.contains(parts[0]) else { throw invalid("there is no limit \"\(parts[0])\"") }
        let values = parts[1].split(separator: ":", omittingEmptySubsequences: false).map { Int64($0) }
        guard (1...2).contains(values.count), let soft = values[0], let hard = values[values.count - 1], soft >= -1,
            hard >= -1
        else { throw invalid("a limit is a number, or -1 for none") }
        if hard != -1, soft == -1 || soft > hard { throw invalid("the soft limit must not be above the hard limit") }
        return Ulimit(name: parts[0], hard: hard, soft: soft)
    }
}
