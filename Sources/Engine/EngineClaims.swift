package import Networking

/// Who uses what the engine has, besides containers: services.
package protocol EngineClaims: Sendable {
    /// Identifiers of images that must stay, each with who says so.
    var images: [(image: String, holder: String)] { get }
    /// Who has a port of the host: `service "web"`.
    func owner(ofPort port: UInt16, _ transport: Transport) -> String?
}
