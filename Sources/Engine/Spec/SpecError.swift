/// Why a container cannot be made as asked. The message is for the user and names the flag or field at fault.
package struct SpecError: Error, CustomStringConvertible, Equatable, Sendable {
    package enum Kind: Sendable {
        /// The request is wrong.
        case invalid
        /// The request is right, and Box does not have it.
        case unsupported
    }
    package let kind: Kind
    package let message: String
    package var description: String { message }

    static func invalid(_ message: String) -> SpecError { SpecError(kind: .invalid, message: message) }
    /// `flag` as docker's command line spells it; `reason` completes "… is not supported: ".
    static func unsupported(_ flag: String, _ reason: String) -> SpecError {
        SpecError(kind: .unsupported, message: "\(flag) is not supported: \(reason)")
    }
}

extension String {
    /// For messages: shortened, and without characters that would move a terminal's cursor.
    var quoted: String {
        var text = "\""
        for scalar in unicodeScalars.prefix(200) {
            if scalar.value < 0x20 || (0x7f..<0xa0).contains(scalar.value) {
                text += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
        return text + (unicodeScalars.count > 200 ? "…\"" : "\"")
    }

    var hasControlCharacters: Bool { utf8.contains { $0 < 0x20 || $0 == 0x7f } }
}
