/// `REPOSITORY[:TAG]`, as far as the command line must take it apart; whether it is right, the daemon says.
enum ImageName {
    /// With the tag that a name without one means.
    static func tagged(_ text: String) -> String {
        guard !text.contains("@"), let name = try? split(text), name.tag == nil else { return text }
        return text + ":latest"
    }

    static func split(_ text: String) throws(CommandError) -> (repository: String, tag: String?) {
        if text.contains("@") { throw CommandError("refusing to create a tag with a digest reference: \(text)") }
        let slash = text.lastIndex(of: "/") ?? text.startIndex
        // A colon before the last slash is of a registry's port.
        guard let colon = text[slash...].lastIndex(of: ":") else { return (text, nil) }
        return (String(text[..<colon]), String(text[text.index(after: colon)...]))
    }
}
