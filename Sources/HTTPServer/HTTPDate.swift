import Basics
import Kernel
import Synchronization

/// The `Date` field of responses: `Sat, 21 Nov 2026 08:00:00 GMT`.
enum HTTPDate {
    private static let last = Mutex((second: Int64.min, text: ""))

    static func now() -> String {
        let second = Clock.realtime() / 1_000_000_000
        return last.withLock { last in
            if last.second != second { last = (second, format(second)) }
            return last.text
        }
    }

    static func format(_ second: Int64) -> String {
        // 2026-11-21T08:00:00Z
        let text = Timestamp(nanosecondsSince1970: second * 1_000_000_000).description
        let date = text.prefix(10).split(separator: "-")
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
        let month = months[((Int(date[1]) ?? 1) - 1) % 12]
        return "\(days[Int(second / 86400 % 7)]), \(date[2]) \(month) \(date[0]) \(text.dropFirst(11).prefix(8)) GMT"
    }
}

/// A JSON string with its quotes.
func jsonString(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": result += "\\\""
        case "\\": result += "\\\\"
        case "\n": result += "\\n"
        case "\t": result += "\\t"
        case _ where scalar.value < 0x20:
            result += "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result + "\""
}
