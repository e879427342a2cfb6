package import Basics
import Glibc
package import Kernel

/// The names of one network, for the name server in its containers' monitors: `<run-dir>/networks/<id>/names`.
///
/// Text, a line each, so that other versions of Box can read it; lines of unknown kinds are passed over:
///
///     box-names 1
///     name web 172.18.0.2 fd00::2
///     name db 172.18.0.3
///     host 172.18.0.2 web.mynet
///
/// `name`: a name in lower case, and every address that has it. `host`: an address, and what it is called when
/// somebody asks for that. The file is replaced as a whole whenever something changes.
package struct NameTable: Sendable, Hashable {
    /// In the order in which they came; lower case.
    package private(set) var addresses: [String: [IPAddress]] = [:]
    package private(set) var hosts: [IPAddress: String] = [:]

    package init() {}

    package static func path(runDirectory: String, network: String) -> String {
        "\(runDirectory)/networks/\(network)/names"
    }

    /// More than one endpoint may have a name: they share it.
    package mutating func add(_ name: String, _ more: [IPAddress]) {
        let key = name.lowercased()
        guard Self.isName(key) else { return }
        var list = addresses[key] ?? []
        for address in more where !list.contains(address) { list.append(address) }
        addresses[key] = list
    }

    package mutating func setHost(_ address: IPAddress, _ name: String) {
        if Self.isName(name) { hosts[address] = name }
    }

    /// Of a family, in any case of letters, with or without the dot at the end. nil: there is no such name, which is
    /// not the same as a name without an address of the family.
    package func find(_ name: some StringProtocol, _ family: IPAddress.Family) -> [IPAddress]? {
        var key = name.lowercased()
        if key.hasSuffix(".") { key.removeLast() }
        return addresses[key]?.filter { $0.family == family }
    }

    /// Nothing that ends a word or a line.
    private static func isName(_ name: String) -> Bool {
        (1...255).contains(name.utf8.count) && name.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f }
    }

    // MARK: - Text

    package var encoded: String {
        var text = "box-names 1\n"
        for (name, list) in addresses.sorted(by: { $0.key < $1.key }) {
            text += "name \(name) \(list.map(\.description).joined(separator: " "))\n"
        }
        for (address, name) in hosts.sorted(by: { $0.key < $1.key }) { text += "host \(address) \(name)\n" }
        return text
    }

    package init(parsing text: String) {
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count >= 3 else { continue }
            switch words[0] {
            case "name": add(String(words[1]), words[2...].compactMap { IPAddress($0) })
            case "host": if let address = IPAddress(words[1]) { setHost(address, String(words[2])) }
            default: continue
            }
        }
    }

    /// An empty table when there is no file.
    package init(reading path: String) {
        self.init(parsing: (try? Sys.readText(path)) ?? "")
    }

    /// A reader sees the old table or this one.
    package func write(_ path: String) throws(SyscallError) {
        try Sys.replaceFile(path, encoded.utf8, mode: 0o600)
    }
}
