/// One line of `GET /events`.
package struct EventMessage: Codable, Hashable, Sendable {
    /// The action again, of containers and images: for clients of API 1.21 and before.
    package var status: String?
    /// The actor's id again, as above.
    package var id: String?
    /// The container's image, as above.
    package var from: String?
    /// `container`, `image`, `volume`, `network` or `daemon`.
    package var type: String
    package var action: String
    package var actor: EventActor
    package var scope: String
    /// Seconds since 1970.
    package var time: Int64
    /// Nanoseconds since 1970.
    package var timeNano: Int64

    package init(
        status: String? = nil, id: String? = nil, from: String? = nil, type: String, action: String,
        actor: EventActor, scope: String = "local", time: Int64, timeNano: Int64
    ) {
        self.status = status
        self.id = id
        self.from = from
        self.type = type
        self.action = action
        self.actor = actor
        self.scope = scope
        self.time = time
        self.timeNano = timeNano
    }

    private enum CodingKeys: String, CodingKey {
        case status, id, from, scope, time, timeNano
        case type = "Type"
        case action = "Action"
        case actor = "Actor"
    }
}

/// What an event happened to.
package struct EventActor: Codable, Hashable, Sendable {
    package var id: String
    package var attributes: [String: String]

    package init(id: String, attributes: [String: String]) {
        self.id = id
        self.attributes = attributes
    }

    private enum CodingKeys: String, CodingKey {
        case id = "ID"
        case attributes = "Attributes"
    }
}
