package import Basics

/// `GET /containers/json` is what scripts ask most often, and its answer grows with the containers.
extension ContainerSummary: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("Command", command)
            $0.member("Created", created)
            $0.member("HostConfig", hostConfig)
            $0.member("Id", id)
            $0.member("Image", image)
            $0.member("ImageID", imageID)
            $0.member("Labels", labels)
            $0.member("Mounts", mounts)
            $0.member("Names", names)
            $0.member("NetworkSettings", networkSettings)
            $0.member("Ports", ports)
            $0.member("SizeRootFs", sizeRootFs)
            $0.member("SizeRw", sizeRw)
            $0.member("State", state)
            $0.member("Status", status)
        }
    }
}

extension HostConfigSummary: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("Annotations", annotations)
            $0.member("NetworkMode", networkMode)
        }
    }
}

extension NetworkSettingsSummary: JSONWritable {
    package func write(to json: inout JSONWriter) { json.object { $0.member("Networks", networks) } }
}

extension EndpointSettings: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("Aliases", aliases)
            $0.member("DNSNames", dnsNames)
            $0.member("DriverOpts", driverOptions)
            $0.member("EndpointID", endpointID)
            $0.member("Gateway", gateway)
            $0.member("GlobalIPv6Address", globalIPv6Address)
            $0.member("GlobalIPv6PrefixLen", globalIPv6PrefixLength)
            $0.member("GwPriority", gatewayPriority)
            $0.member("IPAMConfig", ipamConfig)
            $0.member("IPAddress", ipAddress)
            $0.member("IPPrefixLen", ipPrefixLength)
            $0.member("IPv6Gateway", ipv6Gateway)
            $0.member("Links", links)
            $0.member("MacAddress", macAddress)
            $0.member("NetworkID", networkID)
        }
    }
}

extension EndpointIPAMConfig: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("IPv4Address", ipv4Address)
            $0.member("IPv6Address", ipv6Address)
            $0.member("LinkLocalIPs", linkLocalIPs)
        }
    }
}

extension PortSummary: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("IP", ip)
            $0.member("PrivatePort", privatePort)
            $0.member("PublicPort", publicPort)
            $0.member("Type", type)
        }
    }
}

extension MountPoint: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("Destination", destination)
            $0.member("Driver", driver)
            $0.member("Mode", mode)
            $0.member("Name", name)
            $0.member("Propagation", propagation)
            $0.member("RW", writable)
            $0.member("Source", source)
            $0.member("Type", type)
        }
    }
}
