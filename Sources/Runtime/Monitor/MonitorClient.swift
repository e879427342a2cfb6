import Kernel
import Supervision

/// Somebody connected to the monitor. May be slow, may be gone: it gets what it takes at once, or is dropped.
final class MonitorClient {
    let number: UInt32
    let channel: MonitorChannel
    private(set) var isGone = false

    init(_ number: UInt32, _ channel: consuming MonitorChannel) {
        self.number = number
        self.channel = channel
    }

    func send(_ message: MonitorMessage, descriptors: [Int32] = []) {
        if isGone { return }
        // A queue that is full of answers it did not read: it will not come to read this one.
        if (try? channel.send(message, descriptors: descriptors)) != true { isGone = true }
    }
}
