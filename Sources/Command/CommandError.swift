/// Why a command cannot go on, for the person who typed it.
package struct CommandError: Error, CustomStringConvertible {
    package var message: String
    /// What the process exits with.
    package var status: Int32
    /// The arguments were wrong: the message is followed by a pointer to `--help`.
    package var isUsage: Bool
    package var description: String { message }

    package init(_ message: String, status: Int32 = 1, isUsage: Bool = false) {
        self.message = message
        self.status = status
        self.isUsage = isUsage
    }

    /// Wrong arguments; 125 as Docker's command line exits.
    static func usage(_ message: String) -> CommandError { CommandError(message, status: 125, isUsage: true) }
}

/// The message was already printed; what is left is the exit status.
struct ExitStatus: Error {
    let status: Int32
}
