/// Numbers with a fixed count of decimals, without Foundation.
enum HumanNumber {
    /// As C's `%.<digits>f`. Beyond 2^53 the decimals are zeros.
    static func fixed(_ value: Double, digits: Int) -> String {
        guard value.isFinite else { return value.isNaN ? "NaN" : value < 0 ? "-Inf" : "+Inf" }
        let digits = min(max(digits, 0), 15)
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let scaled = (abs(value) * scale).rounded(.toNearestOrEven)
        guard scaled < 9e18 else { return String(value) }
        let sign = value < 0 && scaled > 0 ? "-" : ""
        let whole = Int64(scaled)
        if digits == 0 { return sign + String(whole) }
        let unit = Int64(scale)
        let fraction = String(whole % unit)
        return "\(sign)\(whole / unit)." + String(repeating: "0", count: digits - fraction.utf8.count) + fraction
    }
}
