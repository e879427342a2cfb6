/// `{}`: the value that Docker's API gives to the members of a set, such as exposed ports.
package struct EmptyObject: Codable, Hashable, Sendable {
    package init() {}
}
