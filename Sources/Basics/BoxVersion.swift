/// The version of all of Box's programs: they are built and installed together.
package enum BoxVersion {
    package static let current = "0.1.0"
}
