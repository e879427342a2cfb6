import Basics
import Kernel
import Supervision

/// Decides what becomes of a question: answered from the names of the container's networks, or asked of others.
///
/// As Docker's server at the same address: a name of ours has no other records than addresses, and nothing is asked
/// of others about it; everything else is passed on as it is, unless the container is on internal networks alone.
struct Resolver {
    enum Outcome {
        case nothing
        case answer([UInt8])
        /// The servers to ask, in this order.
        case ask(DNSQuery, [ResolverFile.Upstream])
    }

    private let path: String
    private var file = ResolverFile()
    private var version: (inode: UInt64, size: UInt64, changed: FileStatus.Time)?
    /// How often names were asked for that fall in the same place: so that each name's addresses take their turns,
    /// whatever else is asked in between.
    private var turns: [UInt16] = []

    init(path: String) { self.path = path }

    /// - Parameters:
    ///   - limit: bytes an answer may have; nil: what the question says.
    ///   - space: for reading files.
    mutating func take(_ message: [UInt8], limit: Int?, using space: UnsafeMutableRawBufferPointer) -> Outcome {
        let query: DNSQuery
        do throws(DNSProblem) {
            query = try DNSQuery(message)
        } catch {
            guard case .answer(let code) = error else { return .nothing }
            return .answer(DNSAnswer.problem(code, message))
        }
        if let options = query.options, options.version > 0 { return .answer(DNSAnswer.empty(.badVersion, query)) }
        guard query.recordClass == DNS.internet else { return .answer(DNSAnswer.empty(.refused, query)) }
        refresh()
        if let answer = ours(query, limit ?? query.datagramLimit, space) { return .answer(answer) }
        // CVE-2024-29018: also a question carries what a container wants to tell.
        if file.isInternal || file.upstreams.isEmpty { return .answer(DNSAnswer.empty(.serverFailure, query)) }
        return .ask(query, file.upstreams)
    }

    /// The file is replaced as a whole, so a new one has another inode. When there is none, the last one counts.
    private mutating func refresh() {
        guard let status = try? Sys.status(path, follow: true) else { return }
        if let version, version == (status.inode, status.size, status.changed) { return }
        guard let new = try? ResolverFile.read(path) else { return }
        file = new
        version = (status.inode, status.size, status.changed)
    }

    /// nil: the question is not about a name of ours.
    private mutating func ours(_ query: DNSQuery, _ limit: Int, _ space: UnsafeMutableRawBufferPointer) -> [UInt8]? {
        guard let name = query.name else { return nil }
        if query.kind == DNS.Kind.pointer, let address = ReverseName.address(name) {
            for path in file.networks {
                if let host = NameFile(path: path, space: space).host(address) {
                    return DNSAnswer.pointer(host, query, limit: limit)
                }
            }
            return nil
        }
        let family: IPAddress.Family? =
            switch query.kind {
            case DNS.Kind.a: .v4
            case DNS.Kind.aaaa: .v6
            default: nil
            }
        var isKnown = false
        for path in file.networks {
            guard let all = NameFile(path: path, space: space).addresses(name) else { continue }
            isKnown = true
            let found = all.filter { $0.family == family }
            if !found.isEmpty {
                return DNSAnswer.addresses(rotate(found, name, query.kind), query, limit: limit)
            }
        }
        return isKnown ? DNSAnswer.empty(.noError, query) : nil
    }

    /// Another one first each time: most programs take the first.
    private mutating func rotate(_ addresses: [IPAddress], _ name: [UInt8], _ kind: UInt16) -> [IPAddress] {
        if addresses.count < 2 { return addresses }
        if turns.isEmpty { turns = [UInt16](repeating: 0, count: 64) }
        // FNV-1a
        var hash: UInt32 = 0x811c_9dc5 ^ UInt32(kind)
        for byte in name { hash = (hash ^ UInt32(byte)) &* 0x0100_0193 }
        let place = Int((hash ^ hash >> 16) % 64)
        turns[place] &+= 1
        let first = Int(turns[place]) % addresses.count
        return Array(addresses[first...] + addresses[..<first])
    }
}
