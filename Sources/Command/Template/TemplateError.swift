/// A template that cannot be read or carried out; the text follows Go's.
package struct TemplateError: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}
