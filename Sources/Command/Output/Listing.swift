/// A list of things to show: as a table, a template for each, or JSON for each.
///
/// A row is an object whose members are what a template may name, such as `Names` and `RunningFor`.
struct Listing {
    /// Of the default table, and of `table` with a template: member name to column title.
    let titles: [(member: String, title: String)]
    /// The members that the default table shows, in order.
    let columns: [String]
    /// What `-q` prints.
    let quietMember: String
    var rows: [JSONValue] = []
    /// `Label "name"` and the like.
    var method: (@Sendable (JSONValue, String, [JSONValue]) throws(TemplateError) -> JSONValue?)?

    func text(format: String, quiet: Bool) throws -> String {
        if quiet, format.isEmpty || format == "table" {
            return rows.map { Escaping.visible($0[quietMember].text) + "\n" }.joined()
        }
        if format == "json" { return try render("{{json .}}") }
        let template = format.isEmpty || format == "table" ? nil : format
        guard let template else { return table(columns.map { "{{.\($0)}}" }.joined(separator: "\t")) }
        let unescaped = template.split(on: "\\t").joined(separator: "\t").split(on: "\\n").joined(separator: "\n")
        guard unescaped.hasPrefix("table") else { return try render(unescaped) }
        return try titled(String(unescaped.dropFirst(5).drop { $0 == " " || $0 == "\t" }))
    }

    /// The default table, without the template engine: it is what most calls ask for.
    private func table(_ template: String) -> String {
        var lines =
            columns.map { column in titles.first { $0.member == column }?.title ?? column }.joined(separator: "\t")
            + "\n"
        for row in rows { lines += columns.map { Escaping.visible(row[$0].text) }.joined(separator: "\t") + "\n" }
        return TabWriter.align(lines)
    }

    private func render(_ source: String) throws -> String {
        let template = try Template(source)
        var text = ""
        for row in rows { text += try template.render(row, method: method(of: row)) + "\n" }
        return text
    }

    private func titled(_ source: String) throws -> String {
        let template = try Template(source)
        let header = JSONValue.object(JSONObject(titles.map { JSONObject.Member($0.member, .string($0.title)) }))
        var text = try template.render(header, header: true) { (name, arguments) throws(TemplateError) -> JSONValue? in
            guard name == "Label", let label = arguments.first?.string else { return nil }
            // com.example.my-label shows as "my label".
            return .string(
                (label.split(separator: ".").last.map(String.init) ?? label).map {
                    "-_".contains($0) ? " " : String($0)
                }.joined())
        }
        text += "\n"
        for row in rows { text += try template.render(Self.visible(row), method: method(of: row)) + "\n" }
        return TabWriter.align(text)
    }

    private func method(of row: JSONValue) -> Template.Method? {
        guard let method else { return nil }
        return { (name, arguments) throws(TemplateError) -> JSONValue? in try method(row, name, arguments) }
    }

    private static func visible(_ row: JSONValue) -> JSONValue {
        .object(
            JSONObject(
                row.members.map { member in
                    guard case .string(let text) = member.value else { return member }
                    return JSONObject.Member(member.key, .string(Escaping.visible(text)))
                }))
    }
}
