/// Durations for people, in Docker's words: `Less than a second`, `5 seconds`, `About a minute`, `2 hours`,
/// `3 weeks`. Used by the daemon for the status of a container and by the command line for ages.
package enum HumanDuration {
    package static func format(seconds: Int64) -> String {
        let hours = (Double(seconds) / 3600).rounded()
        switch seconds {
        case ..<1: return "Less than a second"
        case 1: return "1 second"
        case ..<60: return "\(seconds) seconds"
        case ..<120: return "About a minute"
        case ..<3600: return "\(seconds / 60) minutes"
        default: break
        }
        if hours == 1 { return "About an hour" }
        if hours < 48 { return "\(Int(hours)) hours" }
        if hours < 24 * 7 * 2 { return "\(Int(hours / 24)) days" }
        if hours < 24 * 30 * 2 { return "\(Int(hours / 24 / 7)) weeks" }
        if hours < 24 * 365 * 2 { return "\(Int(hours / 24 / 30)) months" }
        return "\(Int(Double(seconds) / 3600 / 24 / 365)) years"
    }
}
