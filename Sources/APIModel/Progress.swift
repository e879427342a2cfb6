/// One line of a streamed answer: `POST /images/load`, `POST /images/create`. A failure is the last line and has
/// `error`.
package struct ProgressMessage: Codable, Hashable, Sendable {
    /// Text for people, with its own line end.
    package var stream: String?
    package var status: String?
    /// What the status is of: a layer's short id.
    package var id: String?
    /// The detail, drawn as a bar.
    package var progress: String?
    package var progressDetail: ProgressDetail?
    package var error: String?
    package var errorDetail: ErrorDetail?

    package init(
        stream: String? = nil, status: String? = nil, id: String? = nil, progress: String? = nil,
        progressDetail: ProgressDetail? = nil, error: String? = nil, errorDetail: ErrorDetail? = nil
    ) {
        self.stream = stream
        self.status = status
        self.id = id
        self.progress = progress
        self.progressDetail = progressDetail
        self.error = error
        self.errorDetail = errorDetail
    }

    private enum CodingKeys: String, CodingKey {
        case stream, status, id, progress, progressDetail, error, errorDetail
    }
}

/// How far something is, in bytes.
package struct ProgressDetail: Codable, Hashable, Sendable {
    package var current: Int64?
    package var total: Int64?

    package init(current: Int64? = nil, total: Int64? = nil) {
        self.current = current
        self.total = total
    }

    private enum CodingKeys: String, CodingKey {
        case current, total
    }
}

/// The failure of a streamed answer.
package struct ErrorDetail: Codable, Hashable, Sendable {
    package var code: Int?
    package var message: String

    package init(code: Int? = nil, message: String) {
        self.code = code
        self.message = message
    }

    private enum CodingKeys: String, CodingKey {
        case code, message
    }
}
