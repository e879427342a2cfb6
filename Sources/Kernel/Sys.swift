/// The system calls that belong to no descriptor, each wrapped once; by topic in `Sys+Topic.swift`.
///
/// Directory arguments are raw numbers, so that `Sys.currentDirectory` and a borrowed descriptor look alike.
package enum Sys {}
