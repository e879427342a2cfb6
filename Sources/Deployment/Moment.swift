import Basics

/// A length of time in nanoseconds. Written as people do, `30s` or `1m30s`.
package struct Span: Hashable, Sendable, Codable, Comparable, CustomStringConvertible {
    package var nanoseconds: Int64

    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }
    package init(from decoder: any Decoder) throws {
        nanoseconds = try decoder.singleValueContainer().decode(Int64.self)
    }
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(nanoseconds)
    }

    package static let zero = Span(nanoseconds: 0)
    package static func milliseconds(_ count: Int) -> Span { Span(nanoseconds: Int64(count) * 1_000_000) }
    package static func seconds(_ count: Int) -> Span { Span(nanoseconds: Int64(count) * 1_000_000_000) }
    package static func minutes(_ count: Int) -> Span { seconds(60 * count) }

    /// With fractions, for people and machine output.
    package var seconds: Double { Double(nanoseconds) / 1e9 }
    package var description: String { GoDuration.format(nanoseconds) }

    package static func < (a: Span, b: Span) -> Bool { a.nanoseconds < b.nanoseconds }
    package static func + (a: Span, b: Span) -> Span { Span(nanoseconds: saturating(a.nanoseconds, b.nanoseconds)) }
    package static func += (a: inout Span, b: Span) { a = a + b }
    package static func * (a: Span, count: Int) -> Span {
        let (product, overflow) = a.nanoseconds.multipliedReportingOverflow(by: Int64(count))
        return Span(nanoseconds: overflow ? .max : product)
    }

    /// A deadline far away must not wrap round into the past.
    static func saturating(_ a: Int64, _ b: Int64) -> Int64 {
        let (sum, overflow) = a.addingReportingOverflow(b)
        return overflow ? (b > 0 ? .max : .min) : sum
    }
}

/// A point of the clock that only runs forwards, also while the daemon is away (CLOCK_BOOTTIME): no deadline here
/// sees a jump of the calendar.
package struct Moment: Hashable, Sendable, Codable, Comparable {
    package var nanoseconds: Int64

    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }
    package init(from decoder: any Decoder) throws {
        nanoseconds = try decoder.singleValueContainer().decode(Int64.self)
    }
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(nanoseconds)
    }

    package static let zero = Moment(nanoseconds: 0)
    package static func < (a: Moment, b: Moment) -> Bool { a.nanoseconds < b.nanoseconds }
    package static func + (a: Moment, b: Span) -> Moment {
        Moment(nanoseconds: Span.saturating(a.nanoseconds, b.nanoseconds))
    }
    package static func - (a: Moment, b: Moment) -> Span { Span(nanoseconds: a.nanoseconds - b.nanoseconds) }
}
