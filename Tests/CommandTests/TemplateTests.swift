import Testing

@testable import Command

@Suite struct TemplateTests {
    private let value: JSONValue = [
        "Name": "/web", "Count": 3, "Share": .double(0.5), "On": true, "Off": false, "Nothing": nil,
        "Tags": ["a:1", "b:2"],
        "State": ["Status": "running", "Pid": 42], "Labels": ["com.example.x": "1", "b": "2"], "Empty": [],
    ]

    private static let renderings: [(String, String)] = [
        ("plain", "plain"),
        ("{{.Name}} {{.State.Status}}", "/web running"),
        ("{{ .State.Pid }}", "42"),
        ("{{json .State}}", #"{"Status":"running","Pid":42}"#),
        ("{{.Tags}} {{.Labels}}", "[a:1 b:2] map[b:2 com.example.x:1]"),
        ("{{.Share}} {{.On}} {{.Nothing}}", "0.5 true <no value>"),
        ("{{len .Tags}}{{len .Name}}{{len .Nothing}}", "240"),
        ("{{index .Tags 1}} {{index .Labels \"com.example.x\"}} {{index .Labels \"none\"}}", "b:2 1 "),
        ("{{range .Tags}}<{{.}}>{{end}}", "<a:1><b:2>"),
        ("{{range $i, $t := .Tags}}{{$i}}={{$t}};{{end}}", "0=a:1;1=b:2;"),
        ("{{range $k, $v := .Labels}}{{$k}}={{$v}},{{end}}", "b=2,com.example.x=1,"),
        ("{{range .Empty}}x{{else}}none{{end}}", "none"),
        ("{{range .Tags}}{{.}}{{break}}{{end}}|{{range .Tags}}{{continue}}x{{end}}", "a:1|"),
        ("{{if .On}}yes{{else}}no{{end}}{{if .Off}}yes{{else if .Count}}count{{end}}", "yescount"),
        ("{{with .State}}{{.Status}} {{$.Name}}{{end}}{{with .Nothing}}x{{else}}y{{end}}", "running /weby"),
        (
            "{{if and .On (eq .State.Status \"running\")}}1{{end}}{{if or .Off .Nothing}}2{{end}}{{if not .Off}}3{{end}}",
            "13"
        ),
        ("{{if gt .Count 2}}big{{end}}{{if lt .Name \"/x\"}}before{{end}}{{if ne .Count 3}}x{{end}}", "bigbefore"),
        ("{{upper \"ab\"}}{{lower \"AB\"}}{{title \"ab cd\"}}", "ABabAb Cd"),
        (
            "{{join .Tags \",\"}} {{split \"a,b\" \",\"}} {{truncate .Name 2}} {{pad \"x\" 1 2}}|",
            "a:1,b:2 [a b] /w  x  |"
        ),
        ("{{.Name | printf \"%-6s|%5d|%q\" \"x\" 7}}", "x     |    7|\"/web\""),
        ("{{println .Count \"x\"}}{{print .Count .Count}}{{print \"a\" \"b\"}}", "3 x\n3 3ab"),
        ("{{slice .Name 1}} {{slice .Tags 0 1}}", "web [a:1]"),
        ("a {{- .Count -}} b{{/* no */}}c {{- /* trim */ -}} d", "a3bcd"),
        ("{{$x := .Count}}{{$x}}{{$x = 4}}{{$x}}", "34"),
        ("{{(index .Tags 0)}}{{(.State).Pid}}", "a:142"),
        ("{{\"}}\"}}{{`raw\\n`}}", "}}raw\\n"),
        (
            "{{.}}",
            "map[Count:3 Empty:[] Labels:map[b:2 com.example.x:1] Name:/web Nothing:<no value> Off:false On:true Share:0.5 State:map[Pid:42 Status:running] Tags:[a:1 b:2]]"
        ),
    ]

    @Test(arguments: renderings)
    func renders(_ template: String, _ expected: String) throws {
        #expect(try Template(template).render(value) == expected)
    }

    private static let syntaxErrorsCases: [String] = [
        "{{", "{{.Name", "{{if .On}}", "{{end}}", "{{else}}", "{{}}", "{{.Name .Count}}", "{{(.Name}}", "{{.Name)}}",
        "{{\"x}}",
        "{{range $a, $b, $c := .Tags}}{{end}}", "{{break}}", "{{define \"x\"}}{{end}}", "{{:}}", "{{1x}}", "{{/* x}}",
    ]

    @Test(arguments: syntaxErrorsCases)
    func syntaxErrors(_ template: String) throws {
        #expect(throws: TemplateError.self) { _ = try Template(template).render(value) }
    }

    private static let executionErrorsCases: [(String, String)] = [
        ("{{.Missing}}", "map has no entry for key \"Missing\""),
        ("{{.Name.X}}", "can't evaluate field X in type string"),
        ("{{.Nothing.X}}", "nil pointer evaluating"),
        ("{{nope .Name}}", "function \"nope\" not defined"),
        ("{{index .Tags 5}}", "index out of range: 5"),
        ("{{len .Count}}", "error calling len"),
        ("{{join .Name \",\"}}", "error calling join"),
        ("{{$y}}", "undefined variable \"$y\""),
        ("{{range .Name}}{{end}}", "range can't iterate"),
        ("{{json}}", "wrong number of args for json"),
        ("{{and}}", "want at least 1"),
    ]

    @Test(arguments: executionErrorsCases)
    func executionErrors(_ template: String, _ message: String) throws {
        let parsed = try Template(template)
        let error = #expect(throws: TemplateError.self) { _ = try parsed.render(value) }
        #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
    }

    @Test func optionalMembers() throws {
        let template = try Template("{{if .Health}}{{.Health.Status}}{{else}}none{{end}}")
        #expect(try template.render(value, optional: ["Health"]) == "none")
    }

    @Test func deepNestingIsRefused() {
        let deep = String(repeating: "(", count: 5000) + ".Name" + String(repeating: ")", count: 5000)
        #expect(throws: TemplateError.self) { _ = try Template("{{\(deep)}}") }
    }
}
