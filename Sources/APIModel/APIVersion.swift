/// The versions of the Docker Engine API: one place for daemon and command line.
package enum APIVersion {
    /// What boxd serves and boxctl speaks.
    package static let current = "1.50"
    /// The oldest that clients may ask for.
    package static let minimum = "1.24"
}
