/// Counts durations in buckets that are at most 3 % wide, from one microsecond to hours.
struct Histogram: Sendable {
    private var counts: [Int] = Array(repeating: 0, count: 32 * 32)
    private(set) var count = 0
    private(set) var longest: Int64 = 0

    mutating func add(_ nanoseconds: Int64) {
        counts[Self.bucket(max(0, nanoseconds) / 1000)] += 1
        count += 1
        longest = max(longest, nanoseconds)
    }

    mutating func merge(_ other: Histogram) {
        for (i, value) in other.counts.enumerated() where value > 0 { counts[i] += value }
        count += other.count
        longest = max(longest, other.longest)
    }

    /// Milliseconds that so large a part of all durations did not exceed; 0 when there are none.
    func percentile(_ part: Double) -> Double {
        var left = Int((Double(count) * part).rounded(.up))
        for (bucket, value) in counts.enumerated() where value > 0 {
            left -= value
            if left <= 0 { return min(Double(Self.upperEnd(bucket)) / 1000, Double(longest) / 1e6) }
        }
        return Double(longest) / 1e6
    }

    /// 32 of one microsecond, then 32 for each power of two.
    private static func bucket(_ microseconds: Int64) -> Int {
        if microseconds < 32 { return Int(microseconds) }
        let power = 63 - microseconds.leadingZeroBitCount - 5
        return min(32 * (power + 1) + Int(microseconds >> Int64(power)) - 32, 32 * 32 - 1)
    }

    private static func upperEnd(_ bucket: Int) -> Int64 {
        if bucket < 32 { return Int64(bucket) + 1 }
        let power = bucket / 32 - 1
        return Int64(bucket % 32 + 33) << Int64(power)
    }
}
