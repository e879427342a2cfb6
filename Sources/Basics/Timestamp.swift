/// A moment in UTC with nanoseconds, written as Docker writes it (RFC 3339, `2026-11-21T08:00:00.123456789Z`).
package struct Timestamp: Hashable, Comparable, Sendable, CustomStringConvertible {
    package var nanosecondsSince1970: Int64

    package init(nanosecondsSince1970: Int64) { self.nanosecondsSince1970 = nanosecondsSince1970 }

    package static func < (a: Timestamp, b: Timestamp) -> Bool { a.nanosecondsSince1970 < b.nanosecondsSince1970 }

    /// Go's zero time, which Docker shows for "never".
    package static let never = "0001-01-01T00:00:00Z"

    package var seconds: Int64 { floorDivide(nanosecondsSince1970, 1_000_000_000) }
    package var nanoseconds: Int64 { nanosecondsSince1970 - seconds * 1_000_000_000 }

    /// RFC 3339 with as many digits of the fraction as needed (Go's RFC3339Nano).
    package var description: String { format(fixedFraction: false) }
    /// Always nine digits, so that lines align: `logs --timestamps`.
    package var fixedWidth: String { format(fixedFraction: true) }

    private func format(fixedFraction: Bool) -> String {
        let days = floorDivide(seconds, 86400)
        let (year, month, day) = civil(fromDays: days)
        let time = Int(seconds - days * 86400)
        var text = pad(Int(year), 4) + "-" + pad(month, 2) + "-" + pad(day, 2) + "T"
        text += pad(time / 3600, 2) + ":" + pad(time / 60 % 60, 2) + ":" + pad(time % 60, 2)
        if fixedFraction || nanoseconds != 0 {
            var fraction = pad(Int(nanoseconds), 9)
            if !fixedFraction { while fraction.hasSuffix("0") { fraction.removeLast() } }
            text += "." + fraction
        }
        return text + "Z"
    }

    /// RFC 3339 (zone `Z` or `±hh:mm`; date alone or without seconds or zone too, then UTC), or seconds since
    /// 1970 with an optional fraction: what Docker takes for `--since`.
    package init?(_ text: String) {
        if let unix = Timestamp.parseUnix(text) {
            self.init(nanosecondsSince1970: unix)
            return
        }
        var scanner = Scanner(text)
        guard let year = scanner.number(4), scanner.take("-"), let month = scanner.number(2), scanner.take("-"),
            let day = scanner.number(2), (1...12).contains(month), (1...31).contains(day)
        else { return nil }
        var seconds = days(fromCivil: Int64(year), month, day) * 86400
        var nanoseconds: Int64 = 0
        if !scanner.atEnd {
            guard scanner.take("T") || scanner.take("t") || scanner.take(" "), let hour = scanner.number(2), hour < 24,
                scanner.take(":"), let minute = scanner.number(2), minute < 60
            else { return nil }
            seconds += Int64(hour * 3600 + minute * 60)
            if scanner.take(":") {
                guard let second = scanner.number(2), second <= 60 else { return nil }
                seconds += Int64(second)
                if scanner.take(".") {
                    guard let fraction = scanner.fraction() else { return nil }
                    nanoseconds = fraction
                }
            }
            if scanner.take("+") || scanner.peek == UInt8(ascii: "-") {
                let sign: Int64 = scanner.take("-") ? 1 : -1
                guard let hour = scanner.number(2), scanner.take(":"), let minute = scanner.number(2) else {
                    return nil
                }
                seconds += sign * Int64(hour * 3600 + minute * 60)
            } else {
                _ = scanner.take("Z") || scanner.take("z")
            }
        }
        guard scanner.atEnd, abs(seconds) < 9_000_000_000 else { return nil }
        self.init(nanosecondsSince1970: seconds * 1_000_000_000 + nanoseconds)
    }

    private static func parseUnix(_ text: String) -> Int64? {
        var scanner = Scanner(text)
        let sign: Int64 = scanner.take("-") ? -1 : 1
        guard let whole = scanner.digits(), whole < 9_000_000_000 else { return nil }
        var nanoseconds: Int64 = 0
        if scanner.take(".") {
            guard let fraction = scanner.fraction() else { return nil }
            nanoseconds = fraction
        }
        // "2026" alone is a second count, as in Docker; "2026-01-01" is not at its end here.
        return scanner.atEnd ? sign * (Int64(whole) * 1_000_000_000 + nanoseconds) : nil
    }
}

extension Timestamp: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let value = Timestamp(text) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "\"\(text.prefix(60))\" is no RFC 3339 time")
        }
        self = value
    }
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

private struct Scanner {
    private var rest: Substring.UTF8View
    init(_ text: String) { rest = Substring(text).utf8 }
    var atEnd: Bool { rest.isEmpty }
    var peek: UInt8? { rest.first }
    mutating func take(_ c: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: c) else { return false }
        rest.removeFirst()
        return true
    }
    mutating func number(_ width: Int) -> Int? {
        let part = rest.prefix(width)
        guard part.count == width, part.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        rest.removeFirst(width)
        return part.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }
    mutating func digits() -> Int? {
        let part = rest.prefix { (0x30...0x39).contains($0) }
        guard !part.isEmpty, part.count <= 18 else { return nil }
        rest.removeFirst(part.count)
        return part.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }
    mutating func fraction() -> Int64? {
        let part = rest.prefix { (0x30...0x39).contains($0) }
        guard !part.isEmpty else { return nil }
        rest.removeFirst(part.count)
        var value: Int64 = 0
        var count = 0
        for digit in part.prefix(9) {
            value = value * 10 + Int64(digit - 0x30)
            count += 1
        }
        while count < 9 {
            value *= 10
            count += 1
        }
        return value
    }
}

private func pad(_ value: Int, _ width: Int) -> String {
    let text = String(value)
    return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
}
private func floorDivide(_ a: Int64, _ b: Int64) -> Int64 { a >= 0 ? a / b : -((-a + b - 1) / b) }

/// Days since 1970-01-01 of a date in the proleptic Gregorian calendar, and back; both by counting in eras of
/// 400 years that begin on the first of March.
private func days(fromCivil year: Int64, _ month: Int, _ day: Int) -> Int64 {
    let y = month <= 2 ? year - 1 : year
    let era = floorDivide(y, 400)
    let yearOfEra = y - era * 400
    let dayOfYear = Int64((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1)
    return era * 146097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719468
}
private func civil(fromDays days: Int64) -> (year: Int64, month: Int, day: Int) {
    let z = days + 719468
    let era = floorDivide(z, 146097)
    let dayOfEra = z - era * 146097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = Int((5 * dayOfYear + 2) / 153)
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, Int(dayOfYear) - (153 * shifted + 2) / 5 + 1)
}

extension Timestamp: JSONWritable {
    package func write(to json: inout JSONWriter) { description.write(to: &json) }
}
