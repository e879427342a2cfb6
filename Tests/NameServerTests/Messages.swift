import Basics
import Kernel

@testable import NameServer

/// Questions as programs write them, and answers as they read them.
struct Question {
    var name: String
    var kind: UInt16 = 1
    var recordClass: UInt16 = 1
    var id: UInt16 = 0x1234
    /// Said with EDNS.
    var datagramSize: UInt16?

    static func encode(_ name: String) -> [UInt8] {
        var bytes: [UInt8] = []
        for label in name.split(separator: ".") { bytes += [UInt8(label.utf8.count)] + Array(label.utf8) }
        return bytes + [0]
    }

    var bytes: [UInt8] {
        var message = pair(id) + pair(0x0100) + pair(1) + pair(0) + pair(0) + pair(datagramSize == nil ? 0 : 1)
        message += Self.encode(name) + pair(kind) + pair(recordClass)
        if let datagramSize { message += [0] + pair(41) + pair(datagramSize) + [0, 0, 0, 0, 0, 0] }
        return message
    }
}

func pair(_ number: UInt16) -> [UInt8] { [UInt8(number >> 8), UInt8(truncatingIfNeeded: number)] }

/// As little as a program reads of an answer.
struct Reply {
    let bytes: [UInt8]
    let id: UInt16
    let flags: UInt16
    /// Data of the records in the answer section.
    private(set) var records: [[UInt8]] = []
    private(set) var timesToLive: [UInt32] = []
    private(set) var hasOptions = false

    init(_ bytes: [UInt8]) throws(DNSProblem) {
        self.bytes = bytes
        var reader = DNSReader(bytes)
        id = try reader.number()
        flags = try reader.number()
        let questions = try reader.number()
        let (answers, authorities, additional) = (try reader.number(), try reader.number(), try reader.number())
        for _ in 0..<questions {
            try reader.skipName()
            try reader.skip(4)
        }
        for index in 0..<(Int(answers) + Int(authorities) + Int(additional)) {
            try reader.skipName()
            let kind = try reader.number()
            try reader.skip(2)
            let time = UInt32(try reader.number()) << 16 | UInt32(try reader.number())
            let length = Int(try reader.number())
            try reader.skip(length)
            if kind == 41 { hasOptions = true }
            if index < answers {
                records.append(Array(bytes[(reader.offset - length)..<reader.offset]))
                timesToLive.append(time)
            }
        }
        guard reader.offset == bytes.count else { throw .answer(.formatError) }
    }

    var code: UInt16 { flags & 0xf }
    var isTruncated: Bool { flags & 0x0200 != 0 }
    var addresses: [String] { records.compactMap { IPAddress(bytes: $0)?.description } }
    /// Of a record that is a name.
    var name: String? {
        guard let record = records.first else { return nil }
        var reader = DNSReader(record)
        return (try? reader.name()).flatMap { $0 }.map { String(decoding: $0, as: UTF8.self) }
    }
}

/// What a server somewhere answers.
func upstreamAnswer(_ question: [UInt8], _ address: [UInt8], code: UInt8 = 0) -> [UInt8] {
    guard let query = try? DNSQuery(question) else { return [] }
    var message = Array(question[..<query.questionEnd])
    message[2] = 0x81
    message[3] = 0x80 | code
    message.replaceSubrange(6..<12, with: [0, code == 0 ? 1 : 0, 0, 0, 0, 0])
    if code == 0 { message += [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, UInt8(address.count)] + address }
    return message
}

/// Removed with the value.
final class ScratchDirectory: Sendable {
    let path = "/tmp/box-names-\(Identifier().short)"
    init() throws { try Sys.makeDirectories(path) }
    deinit { try? Sys.removeTree(path) }
}
