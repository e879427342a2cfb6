package import Basics
import CISAL

/// Inflates a gzip stream (RFC 1952) of one or more members; checksums and lengths are verified, and a stream that
/// ends early or goes on with something else is an error.
package final class GzipSource: ByteSource {
    private let source: any ByteSource
    private let state = UnsafeMutablePointer<inflate_state>.allocate(capacity: 1)
    private let input = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 64)
    private var inputEnded = false
    /// Between members: the next byte, if any, begins one.
    private var betweenMembers = true
    private var members = 0

    package init(_ source: any ByteSource) {
        self.source = source
        isal_inflate_init(state)
        state.pointee.avail_in = 0
    }

    deinit {
        state.deallocate()
        input.deallocate()
    }

    package func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let wanted = min(buffer.count, 1 << 30)
        if wanted == 0 { return 0 }
        while true {
            if state.pointee.avail_in == 0 && !inputEnded { try refill() }
            if betweenMembers {
                if state.pointee.avail_in == 0 {
                    if members == 0 { throw damaged("is empty") }
                    return 0
                }
                beginMember()
            }
            let inputBefore = state.pointee.avail_in
            state.pointee.next_out = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
            state.pointee.avail_out = UInt32(wanted)
            let code = isal_inflate(state)
            if code < 0 { throw damaged(Self.explain(code, firstMember: members == 1)) }
            let count = wanted - Int(state.pointee.avail_out)
            if state.pointee.block_state == ISAL_BLOCK_FINISH { betweenMembers = true }
            if count > 0 { return count }
            if !betweenMembers && state.pointee.avail_in == inputBefore {
                // Nothing taken and nothing given: it waits for input that will not come.
                if inputEnded { throw damaged("ends early") }
                if inputBefore > 0 { throw damaged("cannot be inflated") }
            }
        }
    }

    private func refill() throws {
        let count = try source.read(into: input)
        inputEnded = count == 0
        state.pointee.next_in = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
        state.pointee.avail_in = UInt32(count)
    }

    private func beginMember() {
        // The reset keeps next_in and avail_in, which stand behind the member before.
        isal_inflate_reset(state)
        state.pointee.crc_flag = UInt32(ISAL_GZIP)
        betweenMembers = false
        members += 1
    }

    private func damaged(_ problem: String) -> ArchiveError { ArchiveError(.damaged, "the gzip stream", problem) }

    private static func explain(_ code: Int32, firstMember: Bool) -> String {
        switch code {
        case ISAL_INCORRECT_CHECKSUM: "has a wrong checksum"
        case ISAL_INVALID_WRAPPER: firstMember ? "has an invalid header" : "is followed by something that is not gzip"
        case ISAL_UNSUPPORTED_METHOD: "uses a method other than deflate"
        default: "holds invalid compressed data"
        }
    }
}

/// Compresses to gzip, fast rather than small (ISA-L level 1). The same bytes in give the same bytes out: the header
/// carries no time and no name.
package final class GzipSink: FinishingSink {
    private static let level: UInt32 = 1
    /// `ISAL_DEF_LVL1_DEFAULT` of igzip_lib.h, a macro Swift does not see.
    private static let levelBufferSize = 4 * 1024 + 2 * 8 * 1024 + 4 * 64 * 1024

    private let sink: any ByteSink
    private let stream = UnsafeMutablePointer<isal_zstream>.allocate(capacity: 1)
    private let levelBuffer = UnsafeMutablePointer<UInt8>.allocate(capacity: GzipSink.levelBufferSize)
    private let output = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 64)

    package init(_ sink: any ByteSink) {
        self.sink = sink
        isal_deflate_init(stream)
        stream.pointee.level = Self.level
        stream.pointee.level_buf = levelBuffer
        stream.pointee.level_buf_size = UInt32(Self.levelBufferSize)
        stream.pointee.gzip_flag = UInt16(IGZIP_GZIP)
        stream.pointee.flush = UInt16(NO_FLUSH)
        stream.pointee.end_of_stream = 0
    }

    deinit {
        stream.deallocate()
        levelBuffer.deallocate()
        output.deallocate()
    }

    package func write(_ buffer: UnsafeRawBufferPointer) throws {
        var rest = buffer
        while !rest.isEmpty {
            let part = UnsafeRawBufferPointer(rebasing: rest.prefix(1 << 30))
            // ISA-L only reads from it; its C type forgot to say so.
            stream.pointee.next_in = UnsafeMutablePointer(
                mutating: part.baseAddress?.assumingMemoryBound(to: UInt8.self))
            stream.pointee.avail_in = UInt32(part.count)
            while stream.pointee.avail_in > 0 { try deflate() }
            rest = UnsafeRawBufferPointer(rebasing: rest[part.count...])
        }
    }

    package func finish() throws {
        stream.pointee.avail_in = 0
        stream.pointee.end_of_stream = 1
        while stream.pointee.internal_state.state != ZSTATE_END { try deflate() }
    }

    private func deflate() throws {
        stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = UInt32(output.count)
        let code = isal_deflate(stream)
        precondition(code == COMP_OK, "isal_deflate refuses our parameters: \(code)")
        let count = output.count - Int(stream.pointee.avail_out)
        if count > 0 { try sink.write(UnsafeRawBufferPointer(rebasing: output[..<count])) }
    }
}
