import FoundationEssentials
package import OCI

extension JSONText {
    /// Keys sorted, so that the same value is always the same bytes, and so has the same digest.
    package static func encode(_ value: some Encodable) throws(JSONError) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return Array(try encoder.encode(value))
        } catch {
            throw JSONError(subject: "\(type(of: value))", reason: describe(error))
        }
    }
}
