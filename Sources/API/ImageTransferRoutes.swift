import APIModel
import Basics
import Engine
import HTTP
import HTTPServer
import OCI
import Reactor
import Storage

extension API {
    /// Images that come in and go out as archives.
    func addImageTransfers(to router: inout Router) {
        let (engine, transfers) = (engine, transfers)
        let allOfIt = "archives are read and written with all that they hold"
        router.add(.post, "/images/load") { request, response in
            try request.refuse("platform", because: allOfIt)
            let quiet = request.flag("quiet")
            let source = request.body.blockingSource()
            try await Self.report(response) { report in
                let progress: @Sendable (LayerProgress) -> Void = { step in
                    if !quiet { report(ProgressMessage(step)) }
                }
                let added = try await transfers.run { try engine.loadImages(source, progress: progress) }
                for image in added {
                    for line in Self.lines(for: image) { report(line) }
                }
            }
        }
        router.add(.post, "/images/create") { request, response in
            guard let origin = request.query["fromSrc"], !origin.isEmpty else {
                throw EngineError(
                    .unsupported, "pulling from a registry is not supported yet: load the image from an archive")
            }
            guard origin == "-" else {
                throw EngineError(.unsupported, "importing from a URL is not supported: send the archive itself")
            }
            try request.refuse("platform", because: "an imported image is for the machine that imports it")
            let reference = try Self.reference(request)
            let source = request.body.blockingSource()
            try await Self.report(response) { report in
                let added = try await transfers.run {
                    try engine.importImage(
                        source, origin: origin, changes: request.changes, message: request.query["message"] ?? "",
                        reference: reference)
                }
                report(ProgressMessage(status: added.id.description))
            }
        }
        router.add(.get, "/images/get") { request, response in
            try request.refuse("platform", because: allOfIt)
            try await save(request.query.all("names").flatMap { $0.split(separator: ",").map(String.init) }, response)
        }
        router.add(.get, "/images/{name:.*}/get") { request, response in
            try request.refuse("platform", because: allOfIt)
            try await save([request.capture("name")], response)
        }
    }

    private func save(_ names: [String], _ response: ResponseWriter) async throws {
        if names.isEmpty { throw RequestError("names: no image given") }
        let selections = try await engine.selectImages(names)
        let sink = response.lazySink(type: "application/x-tar")
        try await transfers.run { [engine] in try engine.saveImages(selections, to: sink) }
    }

    /// `repo` and `tag` of a request; nil when there is none.
    static func reference(_ request: HTTPRequest) throws -> ImageReference? {
        guard let repository = request.query["repo"], !repository.isEmpty else { return nil }
        let tag = request.query["tag"] ?? ""
        return try ImageReference(tag.isEmpty ? repository : "\(repository):\(tag)")
    }

    private static func lines(for image: AddedImage) -> [ProgressMessage] {
        let moved = image.moved.map { move in
            "The image \(move.name.familiar) already exists, renaming the old one with ID \(move.from) to empty string\n"
        }
        let loaded =
            image.names.isEmpty
            ? ["Loaded image ID: \(image.id)\n"] : image.names.map { "Loaded image: \($0.familiar)\n" }
        return (moved + loaded).map { ProgressMessage(stream: $0) }
    }

    /// An answer of progress lines. A failure is the answer itself as long as nothing was reported, and a line after.
    private static func report(
        _ response: ResponseWriter,
        _ work: @escaping @Sendable (@escaping @Sendable (ProgressMessage) -> Void) async throws -> Void
    ) async throws {
        // Reports come from threads that must not wait for the client: of those it does not take, the oldest go.
        let (lines, reporter) = AsyncStream.makeStream(of: ProgressMessage.self, bufferingPolicy: .bufferingNewest(256))
        let working = Task {
            defer { reporter.finish() }
            try await work { reporter.yield($0) }
        }
        for await line in lines {
            if response.isUntouched { try await response.start(type: "application/json") }
            try await response.write(line: line)
        }
        do {
            try await working.value
            if response.isUntouched { try await response.start(type: "application/json") }
        } catch {
            if response.isUntouched { throw error }
            let message = ErrorMapping.map(error).1
            try await response.write(line: ProgressMessage(error: message, errorDetail: ErrorDetail(message: message)))
        }
    }
}

extension ProgressMessage {
    init(_ progress: LayerProgress) {
        self.init(
            status: "Loading layer", id: progress.diffID.short,
            progressDetail: ProgressDetail(current: progress.current, total: progress.total))
    }
}
