import Glibc
import Kernel

/// A terminal with a person at it: what is typed, and what can be read on the screen.
final class PseudoTerminal {
    private let master: FileDescriptor
    private let peer: FileDescriptor
    private(set) var screen = ""

    init(rows: UInt16 = 24, columns: UInt16 = 80) throws {
        master = try Sys.open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK)
        peer = try Terminal.openPeer(of: master)
        try resize(rows: rows, columns: columns)
    }

    /// For the program that gets the terminal.
    var end: Int32 { peer.raw }

    func resize(rows: UInt16, columns: UInt16) throws {
        try Terminal.setSize(master.raw, Terminal.Size(rows: rows, columns: columns))
    }

    func type(_ text: String) throws { try master.writeAll(text.utf8) }

    /// Whether characters typed are echoed: off while a program has the terminal in raw mode.
    var echoes: Bool {
        var settings = termios()
        return tcgetattr(peer.raw, &settings) == 0 && settings.c_lflag & tcflag_t(ECHO) != 0
    }

    func read() {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 65536, alignment: 16)
        defer { buffer.deallocate() }
        while let count = try? master.read(into: buffer), count > 0 { screen += Array(buffer[..<count]).text }
    }

    /// Waits for a text to appear; forgets what came before it and itself.
    @discardableResult
    func expect(_ text: String, within seconds: Double = 10) throws -> String {
        do {
            try eventually("'\(text)' on the screen", within: seconds) {
                read()
                return screen.contains(text)
            }
        } catch {
            throw Trouble("\(error); there is: \(screen.debugDescription)")
        }
        // By hand: without Foundation there is no range(of:).
        let parts = screen.utf8.count >= text.utf8.count ? screen.firstSplit(at: text) : ("", "")
        screen = parts.1
        return parts.0
    }
}

extension String {
    /// What stands before and after the first occurrence of `mark`.
    func firstSplit(at mark: String) -> (String, String) {
        let bytes = Array(utf8), wanted = Array(mark.utf8)
        for start in 0...(bytes.count - wanted.count) where bytes[start..<(start + wanted.count)].elementsEqual(wanted)
        {
            return (Array(bytes[..<start]).text, Array(bytes[(start + wanted.count)...]).text)
        }
        return (self, "")
    }
}
