import Glibc
import Kernel
import Synchronization

/// Addresses and a bridge for one daemon under test, which no other has: of 10.128.0.0/9 a range of 4,096 addresses.
struct TestNetworks {
    let bridge: String
    /// The first three bytes of the default network; the rest of the range is for others.
    let prefix: String
    private let pool: String

    var options: [String] { ["--bridge", bridge, "--bip", "\(prefix).1/24", "--address-pools", pool] }

    /// The first three bytes of a further network of 256 addresses; `number` is 1 to 15.
    func part(_ number: Int) -> String {
        let bytes = prefix.split(separator: ".").compactMap { Int($0) }
        return "\(bytes[0]).\(bytes[1]).\(bytes[2] + number)"
    }

    /// What the names of a daemon's interfaces on the host begin with.
    var linkPrefix: String {
        let hash = bridge.utf8.reduce(2_166_136_261 as UInt32) { ($0 ^ UInt32($1)) &* 16_777_619 } & 0xffff
        let digits = String(hash, radix: 16)
        return "vb" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
    }

    private static let counter = Atomic<Int>(0)
    private static let count = 2048

    static func next() -> TestNetworks {
        while true {
            let number = counter.wrappingAdd(1, ordering: .relaxed).newValue
            // Test programs that run at the same time begin far from each other.
            let slot = (Int(getpid()) &* 37 &+ number) % count
            let networks = TestNetworks(slot: slot, name: "bt\(getpid() % 1_000_000)-\(number % 10_000)")
            if !networks.isTaken { return networks }
        }
    }

    private init(slot: Int, name: String) {
        let base = "10.\(128 + slot / 16).\(slot % 16 * 16)"
        bridge = name
        prefix = base
        pool = "\(base).0/20:24"
    }

    /// Whether this host reaches the range by some interface already.
    private var isTaken: Bool {
        let start = prefix.split(separator: ".").compactMap { UInt32($0) }.reduce(0) { $0 << 8 | $1 } << 8
        let routes = ((try? Sys.readText("/proc/net/route")) ?? "").lines.dropFirst()
        return routes.contains { line in
            let words = line.split(separator: "\t").map { $0.trimmed }
            guard words.count > 7, let target = UInt32(words[1], radix: 16)?.byteSwapped, target != 0 else {
                return false
            }
            return target & 0xffff_f000 == start
        }
    }
}

extension Substring { fileprivate var trimmed: String { String(self).trimmed } }
