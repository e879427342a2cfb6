import Testing

@testable import Basics

@Suite struct TimestampTests {
    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0), ("2026-11-21T08:09:10.5Z", 1_795_248_550_500_000_000),
        ("2024-02-29T23:59:59.000000001Z", 1_709_251_199_000_000_001), ("1969-12-31T23:59:59Z", -1_000_000_000),
    ])
    func roundTrip(text: String, nanoseconds: Int64) {
        #expect(Timestamp(text)?.nanosecondsSince1970 == nanoseconds)
        #expect(Timestamp(nanosecondsSince1970: nanoseconds).description == text)
    }

    @Test func zonesAndSecondCounts() {
        #expect(Timestamp("2026-11-21T10:09:10+02:00") == Timestamp("2026-11-21T08:09:10Z"))
        #expect(Timestamp("1795248550.25")?.nanosecondsSince1970 == 1_795_248_550_250_000_000)
        #expect(Timestamp("2026-11-21") == Timestamp("2026-11-21T00:00:00Z"))
        for bad in ["", "yesterday", "2026-13-01", "2026-11-21T25:00:00Z", "2026-11-21T08:09:10Zx"] {
            #expect(Timestamp(bad) == nil)
        }
    }
}

@Suite struct UnitTests {
    @Test(arguments: [
        ("512m", 512 << 20), ("1g", 1 << 30), ("10MB", 10 << 20), ("1.5k", 1536), ("0", 0), ("100b", 100),
    ])
    func bytes(text: String, value: Int64) { #expect(ByteCount.parse(text) == value) }

    @Test(arguments: ["", "m", "-1", "1x", "99999999999999g", "1e5"])
    func notBytes(text: String) { #expect(ByteCount.parse(text) == nil) }

    @Test func shownSizes() {
        #expect(ByteCount.decimal(4_261_000) == "4.26MB")
        #expect(ByteCount.decimal(0) == "0B")
        #expect(ByteCount.decimal(123_456_789) == "123MB")
        #expect(ByteCount.binary(1536) == "1.5KiB")
    }

    @Test(arguments: [
        ("1m30s", 90_000_000_000), ("300ms", 300_000_000), ("1.5h", 5_400_000_000_000), ("0", 0),
        ("-1s", -1_000_000_000),
    ])
    func durations(text: String, value: Int64) { #expect(GoDuration.parse(text) == value) }

    @Test func durationText() {
        #expect(GoDuration.format(90_000_000_000) == "1m30s")
        #expect(GoDuration.format(1_500_000) == "1.5ms")
        #expect(GoDuration.format(3_600_000_000_000) == "1h0m0s")
        #expect(GoDuration.parse("10") == nil)
    }
}

@Suite struct DigestTests {
    @Test func onlyLowerCaseSha256() {
        let hex = String(repeating: "ab", count: 32)
        #expect(Digest("sha256:" + hex)?.hex == hex)
        for bad in ["sha256:../../x", "md5:" + hex, "sha256:" + hex.uppercased(), "sha256:" + hex + "0", hex] {
            #expect(Digest(bad) == nil)
        }
    }
}
