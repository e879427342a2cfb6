/// What can be asked of a monitor. `request` numbers are the client's own, per connection, and come back in the
/// answers.
package enum MonitorRequest: Sendable, Hashable {
    /// A process to run in the container.
    package struct Exec: Sendable, Hashable {
        /// The OCI runtime specification's `process` object.
        package var process: [UInt8]
        /// A pseudo-terminal of the container's, instead of three descriptors.
        package var terminal: Bool
        /// A file with the compiled seccomp program; nil: none.
        package var seccomp: String?
        package init(process: [UInt8], terminal: Bool, seccomp: String? = nil) {
            self.process = process
            self.terminal = terminal
            self.seccomp = seccomp
        }
    }

    /// For a descriptor to write the container's input to: its pipe's end, or its terminal's master.
    case attachInput(request: UInt32)
    /// The container's program reads the end of its input when the descriptors handed out are closed too.
    case closeInput(request: UInt32)
    /// Without a terminal sent with three descriptors: stdin, stdout, stderr. The connection's end does not end
    /// the process.
    case exec(request: UInt32, Exec)
    case resize(request: UInt32, rows: UInt16, columns: UInt16)
    /// Answers questions for names from now on, as with `MonitorOptions.resolver`; nothing when it does so already.
    case startResolver(request: UInt32, file: String)

    package var request: UInt32 {
        switch self {
        case .attachInput(let request), .closeInput(let request), .exec(let request, _), .resize(let request, _, _),
            .startResolver(let request, _):
            request
        }
    }

    /// A `process` longer than this goes in a file in memory, the last descriptor of the packet.
    static let longestInline = 48 << 10

    /// `inline: false` leaves `process` out.
    func encoded(inline: Bool) -> [UInt8] {
        var wire = WireWriter()
        switch self {
        case .attachInput(let request):
            wire.put(UInt8(1)); wire.put(request)
        case .closeInput(let request):
            wire.put(UInt8(2)); wire.put(request)
        case .exec(let request, let exec):
            wire.put(UInt8(3)); wire.put(request); wire.put(exec.terminal); wire.put(exec.seccomp)
            wire.put(inline)
            if inline { wire.put(exec.process) }
        case .resize(let request, let rows, let columns):
            wire.put(UInt8(4)); wire.put(request); wire.put(rows); wire.put(columns)
        case .startResolver(let request, let file):
            wire.put(UInt8(5)); wire.put(request); wire.put(file)
        }
        return wire.bytes
    }

    /// `longProcess` is asked for a `process` that is not in the packet.
    init(decoding bytes: ArraySlice<UInt8>, longProcess: () throws(MonitorProtocolError) -> [UInt8])
        throws(MonitorProtocolError)
    {
        var wire = WireReader(bytes)
        let type = try wire.number(UInt8.self)
        switch type {
        case 1: self = .attachInput(request: try wire.number())
        case 2: self = .closeInput(request: try wire.number())
        case 3:
            let request = try wire.number(UInt32.self)
            let terminal = try wire.flag()
            let seccomp = try wire.optionalText()
            let process = try wire.flag() ? try wire.blob() : try longProcess()
            self = .exec(request: request, Exec(process: process, terminal: terminal, seccomp: seccomp))
        case 4: self = .resize(request: try wire.number(), rows: try wire.number(), columns: try wire.number())
        case 5: self = .startResolver(request: try wire.number(), file: try wire.text())
        default: throw .unknown(type)
        }
        try wire.finish()
    }
}
