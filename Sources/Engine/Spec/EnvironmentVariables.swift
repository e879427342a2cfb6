/// Environments: lists of `NAME=value`.
enum EnvironmentVariables {
    static let defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    static func name(_ entry: String) -> String {
        String(decoding: entry.utf8.prefix { $0 != UInt8(ascii: "=") }, as: UTF8.self)
    }

    static func value(of name: String, in entries: [String]) -> String? {
        entries.last { $0.hasPrefix(name + "=") }.map { String($0.dropFirst(name.count + 1)) }
    }

    /// Later entries replace earlier ones of the same name in their place; a name alone removes the variable.
    static func override(_ entries: [String], with changes: [String]) -> [String] {
        var order: [String] = []
        var values: [String: String] = [:]
        for entry in entries + changes {
            let name = name(entry)
            if entry.utf8.count == name.utf8.count {
                values[name] = nil
                order.removeAll { $0 == name }
            } else if values.updateValue(entry, forKey: name) == nil {
                order.append(name)
            }
        }
        return order.compactMap { values[$0] }
    }

    /// The environment of a container's own program, as Docker makes it.
    static func ofContainer(_ own: [String], hostname: String, terminal: Bool, home: String) -> [String] {
        var entries = ["PATH=" + defaultPath, "HOSTNAME=" + hostname]
        if terminal { entries.append("TERM=xterm") }
        return withHome(override(entries, with: own), home)
    }

    static func withHome(_ entries: [String], _ home: String) -> [String] {
        (value(of: "HOME", in: entries) ?? "").isEmpty ? override(entries, with: ["HOME=" + home]) : entries
    }
}
