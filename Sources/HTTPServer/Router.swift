package import HTTP

/// Finds the handler of a request by its method and path.
///
/// A pattern is a path in which `{name}` stands for one part and `{name:.*}` for one or more (the names of images hold
/// slashes). Where several fit, the one with more literal parts wins.
package struct Router: Sendable {
    private enum Part: Sendable, Equatable {
        case literal(String)
        case one(String)
        case many(String)
    }
    private struct Route: Sendable {
        let method: HTTPMethod
        let parts: [Part]
        let handler: HTTPHandler
        var literals: Int { parts.count { if case .literal = $0 { true } else { false } } }
    }

    /// By the first part, which is always literal.
    private var routes: [Substring: [Route]] = [:]

    package init() {}

    package mutating func add(_ method: HTTPMethod, _ pattern: String, _ handler: @escaping HTTPHandler) {
        let parts = pattern.split(separator: "/").map { text -> Part in
            guard text.hasPrefix("{"), text.hasSuffix("}") else { return .literal(String(text)) }
            let name = text.dropFirst().dropLast()
            return name.hasSuffix(":.*") ? .many(String(name.dropLast(3))) : .one(String(name))
        }
        guard case .literal(let first)? = parts.first else {
            preconditionFailure("a route begins with a word: \(pattern)")
        }
        routes[first[...], default: []].append(Route(method: method, parts: parts, handler: handler))
        routes[first[...]]?.sort { $0.literals > $1.literals }
    }

    /// The methods and patterns that there are.
    package var patterns: [String] {
        routes.values.flatMap { $0 }.map { route in
            "\(route.method) "
                + route.parts.map { part in
                    switch part {
                    case .literal(let text): "/\(text)"
                    case .one(let name): "/{\(name)}"
                    case .many(let name): "/{\(name):.*}"
                    }
                }.joined()
        }.sorted()
    }

    /// Calls the route's handler. An unknown path is 404, and one that has other methods 405.
    package func handle(_ request: HTTPRequest, _ response: ResponseWriter) async throws {
        var request = request
        var parts = request.path.split(separator: "/")[...]
        if let first = parts.first, first.hasPrefix("v"), let version = APIVersion(parsing: first.dropFirst()) {
            try check(version)
            request.version = version
            parts.removeFirst()
            request.path = String(request.path.dropFirst(first.count + 1))
        }
        let candidates = parts.first.flatMap { routes[$0] } ?? []
        var allowed: [String] = []
        for route in candidates {
            guard let captures = Self.match(route.parts[...], parts) else { continue }
            guard route.method == request.method else {
                allowed.append(route.method.rawValue)
                continue
            }
            request.captures = captures
            return try await route.handler(request, response)
        }
        if allowed.isEmpty { return try await response.respond(.notFound, ResponseWriter.message("page not found")) }
        try await response.respond(
            .methodNotAllowed,
            ResponseWriter.message("\(request.method) is not allowed here; \(allowed.joined(separator: ", ")) is"),
            headers: ["Allow": allowed.joined(separator: ", ")])
    }

    private func check(_ version: APIVersion) throws(HTTPParseError) {
        if version > .newest {
            throw HTTPParseError(
                "client version \(version) is too new. Maximum supported API version is \(APIVersion.newest)")
        }
        if version < .oldest {
            throw HTTPParseError(
                "client version \(version) is too old. Minimum supported API version is \(APIVersion.oldest), "
                    + "please upgrade your client to a newer version")
        }
    }

    private static func match(_ parts: ArraySlice<Part>, _ path: ArraySlice<Substring>) -> [String: String]? {
        var captures: [String: String] = [:]
        var rest = path
        for (index, part) in zip(parts.indices, parts) {
            guard let next = rest.first else { return nil }
            switch part {
            case .literal(let text):
                guard next == text else { return nil }
                rest.removeFirst()
            case .one(let name):
                captures[name] = String(next)
                rest.removeFirst()
            case .many(let name):
                // As much as leaves one part of the path for each part of the pattern that follows.
                let count = rest.count - (parts.endIndex - index - 1)
                guard count >= 1 else { return nil }
                captures[name] = rest.prefix(count).joined(separator: "/")
                rest.removeFirst(count)
            }
        }
        return rest.isEmpty ? captures : nil
    }
}
