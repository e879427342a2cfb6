/// The body of every failed request.
package struct ErrorResponse: Codable, Hashable, Sendable {
    package var message: String

    package init(message: String) {
        self.message = message
    }

    private enum CodingKeys: String, CodingKey {
        case message
    }
}

/// The answer to a request that made something: `POST /commit`, `POST /containers/{id}/exec`.
package struct IDResponse: Codable, Hashable, Sendable {
    package var id: String

    package init(id: String) {
        self.id = id
    }

    private enum CodingKeys: String, CodingKey {
        case id = "Id"
    }
}
