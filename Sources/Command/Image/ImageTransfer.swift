import Basics
import Glibc
import HTTP
import Kernel

/// Images to and from files: `load`, `save`, `import`.
enum ImageTransfer {
    static let load = CommandSpec(
        "load", aliases: ["image load"], operands: 0...0, "Load an image from a tar archive or STDIN",
        flags: {
            [
                .one("input", "i", "string", "Read from a tar archive file, instead of STDIN"),
                .bool("quiet", "q", "Suppress the load output"),
                .refused("platform", nil, "images are of this machine's platform"),
            ]
        },
        run: { call in
            let path = call.arguments.text("input")
            if path.isEmpty, Terminal.isTerminal(0) {
                throw CommandError("requested load from stdin, but stdin is empty")
            }
            let source = try FileSource(path)
            let answer = try call.client.send(
                .post, "/images/load", ["quiet": call.arguments.bool("quiet") ? "1" : "0"],
                body: .stream(source, type: "application/x-tar"))
            try show(call, answer)
            return 0
        })

    static let save = CommandSpec(
        "save", aliases: ["image save"], usage: "IMAGE [IMAGE...]", operands: 1...Int.max,
        "Save one or more images to a tar archive (streamed to STDOUT by default)",
        flags: {
            [
                .one("output", "o", "string", "Write to a file, instead of STDOUT"),
                .refused("platform", nil, "images are of this machine's platform"),
            ]
        },
        run: { call in
            let file = try ArchiveOutput(call.arguments.text("output"), verb: "save")
            let answer = try call.client.send(.get, "/images/get", Query(call.arguments.operands.map { ("names", $0) }))
            try call.client.copy(answer) { try file.write($0) }
            try file.finish()
            return 0
        })

    static let importing = CommandSpec(
        "import", aliases: ["image import"], usage: "file|- [REPOSITORY[:TAG]]", operands: 1...2,
        "Import the contents from a tarball to create a filesystem image",
        flags: {
            [
                .many("change", "c", "list", "Apply a Dockerfile instruction to the created image"),
                .one("message", "m", "string", "Commit message of the image"),
                .refused("platform", nil, "images are of this machine's platform"),
            ]
        },
        run: { call in
            let arguments = call.arguments
            let path = arguments.operands[0]
            if path.hasPrefix("http://") || path.hasPrefix("https://") {
                throw CommandError("importing from a URL is not supported yet: download the file first")
            }
            var query: Query = ["fromSrc": "-"]
            if arguments.operands.count == 2 {
                let (repository, tag) = try ImageName.split(arguments.operands[1])
                query.add("repo", repository)
                if let tag { query.add("tag", tag) }
            }
            if let message = arguments.optionalText("message") { query.add("message", message) }
            for change in arguments.list("change") { query.add("changes", change) }
            let source = try FileSource(path == "-" ? "" : path)
            try show(
                call,
                try call.client.send(.post, "/images/create", query, body: .stream(source, type: "application/x-tar")))
            return 0
        })

    /// Prints the lines of a streamed answer; how far something is, only on a terminal.
    private static func show(_ call: Invocation, _ answer: HTTPClientResponse) throws {
        let isTerminal = Terminal.isTerminal(1)
        var unfinished = false
        try call.client.lines(of: answer) { line in
            if let message = line["errorDetail"]["message"].string ?? line["error"].string {
                if unfinished { try Output.line("") }
                throw CommandError(message)
            }
            let progress = !line["progressDetail"].members.isEmpty || line["progress"].string != nil
            if progress, !isTerminal { return true }
            if unfinished { try Output.write("\r\u{1b}[K") }
            unfinished = progress
            if let text = line["stream"].string {
                try Output.write(Escaping.lines(text))
            } else if let status = line["status"].string {
                let id = line["id"].text.isEmpty ? "" : line["id"].text + ": "
                let bar = line["progress"].text.isEmpty ? "" : " " + line["progress"].text
                try Output.write(Escaping.visible(id + status + bar) + (progress ? "" : "\n"))
            }
            return true
        }
    }
}

/// A file, or standard input, as the body of a request.
final class FileSource: ByteSource {
    /// Open as long as this is; nil for standard input.
    private let file: SharedDescriptor?
    private let path: String

    /// An empty path: standard input.
    init(_ path: String) throws(CommandError) {
        self.path = path
        if path.isEmpty {
            file = nil
            return
        }
        do throws(SyscallError) {
            let opened = try Sys.open(path, O_RDONLY)
            if try opened.status().kind == .directory { throw SyscallError("open", path, errno: EISDIR) }
            file = SharedDescriptor(opened)
        } catch { throw CommandError("cannot read \(path): \(error.reason)") }
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        do {
            while true {
                if let count = try Sys.read(file?.raw ?? 0, into: buffer) { return count }
                _ = try Sys.poll(file?.raw ?? 0, for: .reading)
            }
        } catch {
            throw CommandError("cannot read \(path.isEmpty ? "standard input" : path): \(error.reason)")
        }
    }
}
