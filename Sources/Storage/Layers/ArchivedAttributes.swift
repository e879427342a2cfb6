import Archive
import Kernel

/// Which extended attributes belong to a file's content, and so go into layers and archives and come out of them.
///
/// Left out: `trusted.overlay.*`, the bookkeeping of an overlay mount, which an image could use to redirect a
/// directory; and labels of the host's own policy (`security.selinux`, `security.ima`, `security.apparmor`, …).
enum ArchivedAttributes {
    static func isContent(_ name: String) -> Bool {
        if name.hasPrefix("user.") || name == "security.capability" { return true }
        if name == "system.posix_acl_access" || name == "system.posix_acl_default" { return true }
        return name.hasPrefix("trusted.") && !name.hasPrefix("trusted.overlay.")
    }

    /// In the order of their names.
    static func read(_ file: borrowing FileDescriptor) throws(SyscallError) -> [ExtendedAttribute] {
        var result: [ExtendedAttribute] = []
        for name in try file.attributeNames().sorted() where isContent(name) {
            if let value = try file.attribute(name) { result.append(ExtendedAttribute(name: name, value: value)) }
        }
        return result
    }
}

/// How overlayfs marks what a layer hides of those below (Documentation/filesystems/overlayfs.rst, "whiteouts and
/// opaque directories"), and how image layers do (image-spec layer.md, "Whiteouts").
enum Whiteout {
    static let opaqueAttribute = "trusted.overlay.opaque"
    static let opaqueValue: [UInt8] = [UInt8(ascii: "y")]
    static let prefix = ".wh."
    static let opaqueName: BytePath = ".wh..wh..opq"

    /// A character device 0:0.
    static func isWhiteout(_ status: FileStatus) -> Bool {
        status.kind == .characterDevice && status.deviceMajor == 0 && status.deviceMinor == 0
    }

    static func isOpaque(_ directory: borrowing FileDescriptor) throws(SyscallError) -> Bool {
        try directory.attribute(opaqueAttribute) == opaqueValue
    }
}
