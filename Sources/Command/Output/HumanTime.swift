import Basics
import Glibc

/// Times as Docker shows them.
enum HumanTime {
    /// `Less than a second`, `5 seconds`, `About a minute`, `2 hours`, `3 weeks`.
    static func duration(seconds: Int64) -> String {
        let minutes = seconds / 60
        let hours = (seconds + 1800) / 3600
        switch true {
        case seconds < 1: return "Less than a second"
        case seconds == 1: return "1 second"
        case seconds < 60: return "\(seconds) seconds"
        case minutes == 1: return "About a minute"
        case minutes < 60: return "\(minutes) minutes"
        case hours == 1: return "About an hour"
        case hours < 48: return "\(hours) hours"
        case hours < 24 * 7 * 2: return "\(hours / 24) days"
        case hours < 24 * 30 * 2: return "\(hours / 24 / 7) weeks"
        case hours < 24 * 365 * 2: return "\(hours / 24 / 30) months"
        default: return "\(seconds / 3600 / 24 / 365) years"
        }
    }

    /// `2 hours ago`.
    static func ago(_ seconds: Int64, now: Int64) -> String { duration(seconds: now - seconds) + " ago" }

    /// `2026-11-21 08:00:00 +0000 UTC`: Go's default form of a time, in this host's zone.
    static func local(_ seconds: Int64) -> String {
        var time = time_t(seconds)
        var parts = tm()
        guard localtime_r(&time, &parts) != nil else { return String(seconds) }
        let offset = parts.tm_gmtoff / 60
        let zone = parts.tm_zone.map { String(cString: $0) } ?? ""
        return "\(date(parts)) \(offset < 0 ? "-" : "+")\(two(abs(offset) / 60))\(two(abs(offset) % 60)) \(zone)"
    }

    /// A time of RFC 3339 as Go prints it: `2026-11-21 08:00:00.5 +0000 UTC`.
    static func goTime(_ text: String) -> String {
        guard let stamp = Timestamp(text) else { return text }
        return stamp.description.dropLast().map { $0 == "T" ? " " : String($0) }.joined() + " +0000 UTC"
    }

    /// RFC 3339 in this host's zone, with nine digits: a line of `events`.
    static func localFixed(_ nanoseconds: Int64) -> String {
        let stamp = Timestamp(nanosecondsSince1970: nanoseconds)
        var time = time_t(stamp.seconds)
        var parts = tm()
        guard localtime_r(&time, &parts) != nil else { return stamp.fixedWidth }
        let fraction = String(stamp.nanoseconds)
        let offset = parts.tm_gmtoff / 60
        let zone = offset == 0 ? "Z" : "\(offset < 0 ? "-" : "+")\(two(abs(offset) / 60)):\(two(abs(offset) % 60))"
        let moment = date(parts, separator: "T")
        return moment + "." + String(repeating: "0", count: 9 - fraction.utf8.count) + fraction + zone
    }

    private static func date(_ parts: tm, separator: String = " ") -> String {
        "\(Int(parts.tm_year) + 1900)-\(two(Int(parts.tm_mon) + 1))-\(two(Int(parts.tm_mday)))\(separator)"
            + "\(two(Int(parts.tm_hour))):\(two(Int(parts.tm_min))):\(two(Int(parts.tm_sec)))"
    }
    private static func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
}
