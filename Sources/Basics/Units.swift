/// Byte counts as Docker's command line writes them: `512m`, `1g`, `10MB`, `2GiB`, `100`; powers of 1024.
package enum ByteCount {
    /// nil when it is no number, negative, has an unknown unit, or does not fit 63 bits.
    package static func parse(_ text: String) -> Int64? {
        let lower = text.lowercased().filter { $0 != " " }
        let number = lower.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        guard let value = Double(number), value.isFinite else { return nil }
        let shift: Double
        switch lower.dropFirst(number.count) {
        case "", "b": shift = 0
        case "k", "kb", "kib": shift = 10
        case "m", "mb", "mib": shift = 20
        case "g", "gb", "gib": shift = 30
        case "t", "tb", "tib": shift = 40
        case "p", "pb", "pib": shift = 50
        default: return nil
        }
        var factor = 1.0
        for _ in 0..<Int(shift) { factor *= 2 }
        let bytes = value * factor
        return bytes < 9.2e18 ? Int64(bytes) : nil
    }

    /// `1.23MB`, powers of 1000: as Docker shows sizes of images.
    package static func decimal(_ bytes: Int64) -> String {
        human(Double(bytes), 1000, ["B", "kB", "MB", "GB", "TB", "PB"])
    }
    /// `1.23MiB`, powers of 1024: as Docker shows memory.
    package static func binary(_ bytes: Int64) -> String {
        human(Double(bytes), 1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"])
    }

    /// Go's `%.4g` of docker's `units` package, of 3 digits for decimal sizes: three or four significant digits.
    private static func human(_ bytes: Double, _ base: Double, _ units: [String]) -> String {
        var value = bytes
        var unit = 0
        while value >= base, unit < units.count - 1 {
            value /= base
            unit += 1
        }
        return significant(value, base == 1000 ? 3 : 4) + units[unit]
    }

    private static func significant(_ value: Double, _ digits: Int) -> String {
        var places = digits - 1
        var limit = 10.0
        while places > 0, value >= limit {
            places -= 1
            limit *= 10
        }
        var scale = 1.0
        for _ in 0..<places { scale *= 10 }
        let rounded = (value * scale).rounded()
        let whole = Int64(rounded / scale)
        var fraction = String(Int64(rounded) - whole * Int64(scale))
        fraction = String(repeating: "0", count: max(0, places - fraction.utf8.count)) + fraction
        while fraction.hasSuffix("0") { fraction.removeLast() }
        return fraction.isEmpty || places == 0 ? String(whole) : "\(whole).\(fraction)"
    }
}

/// Durations as Go and Docker write them: `1h2m3.5s`, `300ms`, `10us`.
package enum GoDuration {
    private static let units: [(String, Double)] = [
        ("ns", 1), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9),
    ]

    /// Nanoseconds; nil when it is no duration. `0` needs no unit.
    package static func parse(_ text: String) -> Int64? {
        var rest = Substring(text)
        var sign = 1.0
        if rest.hasPrefix("-") || rest.hasPrefix("+") { sign = rest.removeFirst() == "-" ? -1 : 1 }
        if rest == "0" { return 0 }
        guard !rest.isEmpty else { return nil }
        var total = 0.0
        while !rest.isEmpty {
            let number = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            guard let value = Double(number) else { return nil }
            rest = rest.dropFirst(number.count)
            let unit = rest.prefix { !($0.isASCII && ($0.isNumber || $0 == ".")) }
            guard let factor = units.first(where: { $0.0 == unit })?.1 else { return nil }
            rest = rest.dropFirst(unit.count)
            total += value * factor
        }
        return total < 9.2e18 ? Int64((sign * total).rounded()) : nil
    }

    /// `1m30s`, as Go prints it.
    package static func format(_ nanoseconds: Int64) -> String {
        if nanoseconds == 0 { return "0s" }
        if nanoseconds < 0 { return "-" + format(-nanoseconds) }
        if nanoseconds < 1000 { return "\(nanoseconds)ns" }
        if nanoseconds < 1_000_000 { return decimal(nanoseconds, 1000) + "µs" }
        if nanoseconds < 1_000_000_000 { return decimal(nanoseconds, 1_000_000) + "ms" }
        let hours = nanoseconds / 3_600_000_000_000
        let minutes = nanoseconds / 60_000_000_000 % 60
        let seconds = decimal(nanoseconds % 60_000_000_000, 1_000_000_000) + "s"
        if hours > 0 { return "\(hours)h\(minutes)m\(seconds)" }
        return minutes > 0 ? "\(minutes)m\(seconds)" : seconds
    }

    private static func decimal(_ value: Int64, _ unit: Int64) -> String {
        var fraction = String(value % unit)
        if value % unit == 0 { return String(value / unit) }
        fraction = String(repeating: "0", count: String(unit).utf8.count - 1 - fraction.utf8.count) + fraction
        while fraction.hasSuffix("0") { fraction.removeLast() }
        return "\(value / unit).\(fraction)"
    }
}
