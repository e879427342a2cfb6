import CLinux
import Glibc

/// Clocks and randomness.
package enum Clock {
    private static func now(_ clock: clockid_t) -> Int64 {
        var t = timespec()
        clock_gettime(clock, &t)
        return Int64(t.tv_sec) * 1_000_000_000 + Int64(t.tv_nsec)
    }
    /// Nanoseconds since 1970 in UTC; may jump.
    package static func realtime() -> Int64 { now(CLOCK_REALTIME) }
    /// Nanoseconds since boot, suspended time included; for every deadline.
    package static func boottime() -> Int64 { now(CLOCK_BOOTTIME) }
    /// Blocks the calling thread; not for async code.
    @available(*, noasync)
    package static func sleep(nanoseconds: Int64) {
        var t = timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
        var left = timespec()
        while nanosleep(&t, &left) == -1 { t = left }
    }
    package static func randomBytes(_ count: Int) throws(SyscallError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            done += try check("getrandom") {
                bytes.withUnsafeMutableBytes { box_getrandom($0.baseAddress.map { $0 + done }, count - done) }
            }
        }
        return bytes
    }
}
