import Basics
import OCI
import Testing

@Suite struct ImageReferenceTests {
    static let hex = String(repeating: "0123456789abcdef", count: 4)

    /// Input, in full, as people write it.
    static let good: [(String, String, String)] = [
        ("busybox", "docker.io/library/busybox", "busybox"),
        ("busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36"),
        ("library/busybox", "docker.io/library/busybox", "busybox"),
        ("docker.io/busybox", "docker.io/library/busybox", "busybox"),
        ("index.docker.io/library/busybox", "docker.io/library/busybox", "busybox"),
        ("bitnami/redis:7", "docker.io/bitnami/redis:7", "bitnami/redis:7"),
        ("docker.io/a/b/c", "docker.io/a/b/c", "a/b/c"),
        ("library/a/b", "docker.io/library/a/b", "library/a/b"),
        ("localhost/app", "localhost/app", "localhost/app"),
        ("localhost:5000/app:v1", "localhost:5000/app:v1", "localhost:5000/app:v1"),
        ("127.0.0.1:5000/a/b", "127.0.0.1:5000/a/b", "127.0.0.1:5000/a/b"),
        ("[::1]:5000/app", "[::1]:5000/app", "[::1]:5000/app"),
        ("[2001:db8::1]/app", "[2001:db8::1]/app", "[2001:db8::1]/app"),
        ("quay.io/x/y_z:A.b-C_1", "quay.io/x/y_z:A.b-C_1", "quay.io/x/y_z:A.b-C_1"),
        ("Registry/app", "Registry/app", "Registry/app"),
        ("a__b/c---d/e.f", "docker.io/a__b/c---d/e.f", "a__b/c---d/e.f"),
        ("localhost", "docker.io/library/localhost", "localhost"),
        ("app@sha256:\(hex)", "docker.io/library/app@sha256:\(hex)", "app@sha256:\(hex)"),
        ("app:1@sha256:\(hex)", "docker.io/library/app:1@sha256:\(hex)", "app:1@sha256:\(hex)"),
        (
            String(repeating: "a", count: 247), "docker.io/library/" + String(repeating: "a", count: 247),
            String(repeating: "a", count: 247)
        ),
    ]

    @Test(arguments: good) func normalises(_ input: String, _ full: String, _ familiar: String) throws {
        let reference = try ImageReference(input)
        #expect(reference.description == full)
        #expect(reference.familiar == familiar)
        let again = try ImageReference(full)
        #expect(again == reference)
    }

    static let bad: [(String, String)] = [
        ("", "invalid reference format"),
        (":latest", "invalid reference format"),
        ("a:", "invalid reference format"),
        ("a:b:c", "invalid reference format"),
        ("-a", "invalid reference format"),
        ("a-", "invalid reference format"),
        ("a..b", "invalid reference format"),
        ("a___b", "invalid reference format"),
        ("a/../b", "invalid reference format"),
        ("../..", "invalid reference format"),
        ("a//b", "invalid reference format"),
        ("/a", "invalid reference format"),
        ("a/", "invalid reference format"),
        ("a b", "invalid reference format"),
        ("a\0", "invalid reference format"),
        ("a:/x", "invalid reference format"),
        ("a:.x", "invalid reference format"),
        ("a:" + String(repeating: "t", count: 129), "invalid reference format"),
        ("ho_st.io:5000/a", "invalid reference format"),
        ("host:port/a", "invalid reference format"),
        ("BusyBox", "invalid reference format: repository name (library/BusyBox) must be lowercase"),
        ("a@sha256:1234", "invalid reference format"),
        ("a@sha256:" + String(repeating: "a", count: 40), "invalid checksum digest length"),
        ("a@md5:d41d8cd98f00b204e9800998ecf8427e", "unsupported digest algorithm"),
        ("a@sha256:../../x", "invalid reference format"),
        ("a@sha256:" + hex.uppercased(), "invalid reference format"),
        (hex, "invalid repository name (\(hex)), cannot specify 64-byte hexadecimal strings"),
        (String(repeating: "a", count: 256), "repository name must not be more than 255 characters"),
    ]

    @Test(arguments: bad) func refuses(_ input: String, _ message: String) {
        #expect(throws: ReferenceError.invalid(message)) { try ImageReference(input) }
    }

    @Test func defaultTag() throws {
        let plain = try ImageReference("a")
        #expect(plain.withDefaultTag.familiar == "a:latest")
        let pinned = try ImageReference("a@sha256:\(Self.hex)")
        #expect(pinned.withDefaultTag == pinned)
    }
}
