/// Why a seccomp profile cannot be used.
package struct SeccompError: Error, CustomStringConvertible, Equatable, Sendable {
    package let description: String
    package init(_ description: String) { self.description = "seccomp profile: " + description }
}
