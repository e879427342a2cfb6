package import Basics
import CZstd

/// Decompresses a zstd stream (RFC 8878) of one or more frames. Frames that want a window above 128 MiB are refused,
/// so that memory stays bounded; a stream that ends early is an error.
package final class ZstdSource: ByteSource {
    private static let windowLogLimit: Int32 = 27

    private let source: any ByteSource
    private let context: OpaquePointer
    private let input = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 64)
    private var pending: ZSTD_inBuffer
    private var inputEnded = false
    /// At the end of a frame, or before the first.
    private var betweenFrames = true
    private var started = false

    package init(_ source: any ByteSource) {
        self.source = source
        guard let context = ZSTD_createDCtx() else { preconditionFailure("no memory for zstd") }
        ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, Self.windowLogLimit)
        self.context = context
        pending = ZSTD_inBuffer(src: UnsafeRawPointer(input.baseAddress), size: 0, pos: 0)
    }

    deinit {
        ZSTD_freeDCtx(context)
        input.deallocate()
    }

    package func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        if buffer.isEmpty { return 0 }
        var output = ZSTD_outBuffer(dst: buffer.baseAddress, size: buffer.count, pos: 0)
        while true {
            if pending.pos == pending.size && !inputEnded {
                pending.size = try source.read(into: input)
                pending.pos = 0
                inputEnded = pending.size == 0
                if !inputEnded { started = true }
            }
            if inputEnded && betweenFrames {
                if !started { throw damaged("is empty") }
                return 0
            }
            let before = pending.pos
            let hint = ZSTD_decompressStream(context, &output, &pending)
            if ZSTD_isError(hint) != 0 { throw explain(hint) }
            // 0: a frame is complete and all of it given out.
            betweenFrames = hint == 0
            if output.pos > 0 { return output.pos }
            if inputEnded && !betweenFrames && pending.pos == before { throw damaged("ends early") }
        }
    }

    private func damaged(_ problem: String) -> ArchiveError { ArchiveError(.damaged, "the zstd stream", problem) }

    private func explain(_ code: Int) -> ArchiveError {
        if ZSTD_getErrorCode(code) == ZSTD_error_frameParameter_windowTooLarge {
            return ArchiveError(
                .tooLarge, "the zstd stream", "needs a window above the limit of \(1 << (Self.windowLogLimit - 20)) MiB"
            )
        }
        return damaged("is invalid: " + String(cString: ZSTD_getErrorName(code)))
    }
}

/// Compresses to zstd at its default level, with a checksum.
package final class ZstdSink: FinishingSink {
    private let sink: any ByteSink
    private let context: OpaquePointer
    private let output = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 64)

    package init(_ sink: any ByteSink, level: Int32 = 3) {
        self.sink = sink
        guard let context = ZSTD_createCCtx() else { preconditionFailure("no memory for zstd") }
        ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)
        ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
        self.context = context
    }

    deinit {
        ZSTD_freeCCtx(context)
        output.deallocate()
    }

    package func write(_ buffer: UnsafeRawBufferPointer) throws {
        var input = ZSTD_inBuffer(src: buffer.baseAddress, size: buffer.count, pos: 0)
        while input.pos < input.size { _ = try step(&input, ZSTD_e_continue) }
    }

    package func finish() throws {
        var input = ZSTD_inBuffer(src: nil, size: 0, pos: 0)
        while try step(&input, ZSTD_e_end) != 0 {}
    }

    private func step(_ input: inout ZSTD_inBuffer, _ end: ZSTD_EndDirective) throws -> Int {
        var out = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
        let left = ZSTD_compressStream2(context, &out, &input, end)
        if ZSTD_isError(left) != 0 {
            throw ArchiveError(.damaged, "zstd", "cannot compress: " + String(cString: ZSTD_getErrorName(left)))
        }
        if out.pos > 0 { try sink.write(UnsafeRawBufferPointer(rebasing: output[..<out.pos])) }
        return left
    }
}
