import Basics
import Glibc
import Kernel
import Supervision

/// Looks something up in a file of names (`NameTable`), without keeping any of it: a network may have thousands of
/// names, each of its containers a monitor, and most monitors are never asked.
struct NameFile {
    let path: String
    /// What the file passes through. A line that does not fit is passed over.
    let space: UnsafeMutableRawBufferPointer

    /// `name`: in lower case. nil: there is no such name, which is not the same as a name without addresses.
    func addresses(_ name: [UInt8]) -> [IPAddress]? {
        // What would end the word, or the line, is in no name.
        guard !name.isEmpty, name.allSatisfy({ $0 > 0x20 }) else { return nil }
        return line(Array("name ".utf8) + name + [0x20])?.split(separator: " ").compactMap { IPAddress($0) }
    }

    func host(_ address: IPAddress) -> String? { line(Array("host \(address) ".utf8)) }

    /// What follows `prefix` in the line that begins with it; the first of them.
    private func line(_ prefix: [UInt8]) -> String? {
        guard let file = try? Sys.open(path, O_RDONLY) else { return nil }
        var filled = 0
        var isPassingOver = false
        while let count = try? file.read(into: UnsafeMutableRawBufferPointer(rebasing: space[filled...])), count > 0 {
            filled += count
            var start = 0
            while let end = newline(from: start, to: filled) {
                if !isPassingOver, let found = match(prefix, start, end) { return found }
                isPassingOver = false
                start = end + 1
            }
            if start == 0, filled == space.count {
                isPassingOver = true
                start = filled
            }
            // The rest is the beginning of a line.
            if start > 0, start < filled, let base = space.baseAddress { memmove(base, base + start, filled - start) }
            filled -= start
        }
        return nil
    }

    private func newline(from start: Int, to end: Int) -> Int? {
        guard start < end, let base = space.baseAddress, let found = memchr(base + start, 0x0a, end - start) else {
            return nil
        }
        return UnsafeRawPointer(found) - UnsafeRawPointer(base)
    }

    private func match(_ prefix: [UInt8], _ start: Int, _ end: Int) -> String? {
        guard end - start > prefix.count, let base = space.baseAddress,
            memcmp(base + start, prefix, prefix.count) == 0
        else { return nil }
        return String(decoding: space[(start + prefix.count)..<end], as: UTF8.self)
    }
}
