import Basics
import Deployment
import Testing

@testable import Routing

@Suite struct RouteTests {
    @Test func portsInWords() {
        #expect(RoutedPort(name: "http", port: 80, target: 3000).description == "80/tcp")
        let bound = RoutedPort(name: "dns", transport: .udp, address: IPAddress("::1"), port: 53, target: 53)
        #expect(bound.description == "[::1]:53/udp")
    }
}
