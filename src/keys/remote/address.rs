//! The addresses that a remote issuer must not lead to: those of this machine, of its link, and of a cloud's metadata service
//! (RFC 8725bis §3.10). Private networks are not among them. No I/O.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A kind of address that leads to this machine or to a service of its own link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum LocalAddress {
    #[error("this machine")]
    ThisMachine,
    #[error("a link-local address")]
    LinkLocal,
    #[error("the metadata service of a cloud")]
    CloudMetadata,
}

/// Where clouds serve credentials to their machines. Most do so at 169.254.169.254, which is link-local.
const CLOUD_METADATA: [IpAddr; 10] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    // Alibaba Cloud
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    // Oracle Cloud
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    // Azure's WireServer
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    // AWS, and its pod identities
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
    // Google Cloud
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
    // Oracle Cloud
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe)),
    // Scaleway
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42)),
    // OpenStack
    IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe)),
];

impl LocalAddress {
    /// The kind of `address`, or of an IPv4 address embedded in it; `None` for other addresses.
    pub(super) fn of(address: IpAddr) -> Option<Self> {
        if CLOUD_METADATA.contains(&address) {
            return Some(Self::CloudMetadata);
        }
        match address {
            // RFC 1122 §3.2.1.3: 0.0.0.0/8 is this host on this network, and systems connect to themselves by 0.0.0.0.
            IpAddr::V4(v4) if v4.is_loopback() || v4.octets()[0] == 0 => Some(Self::ThisMachine),
            IpAddr::V4(v4) => v4.is_link_local().then_some(Self::LinkLocal),
            IpAddr::V6(v6) if v6.is_loopback() || v6.is_unspecified() => Some(Self::ThisMachine),
            IpAddr::V6(v6) if v6.is_unicast_link_local() => Some(Self::LinkLocal),
            IpAddr::V6(v6) => embedded(v6).into_iter().flatten().find_map(|v4| Self::of(v4.into())),
        }
    }
}

/// The IPv4 addresses that an IPv6 address stands for.
fn embedded(address: Ipv6Addr) -> [Option<Ipv4Addr>; 2] {
    let bytes = address.octets();
    let at = |places: [usize; 4]| Some(Ipv4Addr::from(places.map(|place| bytes[place])));
    let last = at([12, 13, 14, 15]);
    match address.segments() {
        // IPv4-mapped and IPv4-compatible (RFC 4291 §2.5.5), IPv4-translated (RFC 2765 §2.1), and NAT64 by its well-known
        // prefix (RFC 6052 §2.1), …
        [0, 0, 0, 0, 0, 0xffff | 0, ..] | [0, 0, 0, 0, 0xffff, 0, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => [last, None],
        // … or by the one for local use (RFC 8215), which has room for prefixes of 48, 56, 64 and 96 bits. All but the last
        // leave a rest of zeros (RFC 6052 §2.2), which tells where the address ends.
        [0x64, 0xff9b, 1, ..] => match bytes[11..] {
            [0, 0, 0, 0, 0] => [at([6, 7, 9, 10]), None],
            [_, 0, 0, 0, 0] => [at([7, 9, 10, 11]), None],
            [_, _, 0, 0, 0] => [at([9, 10, 11, 12]), None],
            _ => [last, None],
        },
        // 6to4 (RFC 3056 §2).
        [0x2002, ..] => [at([2, 3, 4, 5]), None],
        // Teredo (RFC 4380 §4): the server, and the client with every bit turned over.
        [0x2001, 0, ..] => [at([4, 5, 6, 7]), last.map(|client| Ipv4Addr::from_bits(!client.to_bits()))],
        _ => [None, None],
    }
}

#[cfg(test)]
mod tests {
    use super::LocalAddress::{self, CloudMetadata, LinkLocal, ThisMachine};

    /// Row D16.
    #[test]
    fn which_addresses_are_local() {
        let rows = [
            ("127.0.0.1", Some(ThisMachine)),
            ("127.255.255.254", Some(ThisMachine)),
            ("0.0.0.0", Some(ThisMachine)),
            ("0.1.2.3", Some(ThisMachine)),
            ("::1", Some(ThisMachine)),
            ("::", Some(ThisMachine)),
            ("169.254.0.1", Some(LinkLocal)),
            ("169.254.170.2", Some(LinkLocal)),
            ("fe80::1", Some(LinkLocal)),
            ("febf:ffff::1", Some(LinkLocal)),
            ("169.254.169.254", Some(CloudMetadata)),
            ("100.100.100.200", Some(CloudMetadata)),
            ("192.0.0.192", Some(CloudMetadata)),
            ("168.63.129.16", Some(CloudMetadata)),
            ("fd00:ec2::254", Some(CloudMetadata)),
            ("fd00:ec2::23", Some(CloudMetadata)),
            ("fd20:ce::254", Some(CloudMetadata)),
            ("fd00:c1::a9fe:a9fe", Some(CloudMetadata)),
            ("fd00:42::42", Some(CloudMetadata)),
            ("fe80::a9fe:a9fe", Some(CloudMetadata)),
            // IPv4-mapped, IPv4-compatible, IPv4-translated
            ("::ffff:127.0.0.1", Some(ThisMachine)),
            ("::ffff:0.0.0.0", Some(ThisMachine)),
            ("::ffff:169.254.1.1", Some(LinkLocal)),
            ("::ffff:169.254.169.254", Some(CloudMetadata)),
            ("::127.0.0.1", Some(ThisMachine)),
            ("::2", Some(ThisMachine)),
            ("::169.254.169.254", Some(CloudMetadata)),
            ("::ffff:0:127.0.0.1", Some(ThisMachine)),
            ("::ffff:10.0.0.1", None),
            ("::8.8.8.8", None),
            ("::ffff:0:8.8.8.8", None),
            // NAT64
            ("64:ff9b::127.0.0.1", Some(ThisMachine)),
            ("64:ff9b::169.254.169.254", Some(CloudMetadata)),
            ("64:ff9b::8.8.8.8", None),
            ("64:ff9b::10.0.0.1", None),
            ("64:ff9b:1::127.0.0.1", Some(ThisMachine)),
            ("64:ff9b:1:2:3:4:127.0.0.1", Some(ThisMachine)),
            ("64:ff9b:1:7f00:0:100::", Some(ThisMachine)),
            ("64:ff9b:1:7f:0:1::", Some(ThisMachine)),
            ("64:ff9b:1:0:7f:0:100:0", Some(ThisMachine)),
            ("64:ff9b:1:a9fe:a9:fe00::", Some(CloudMetadata)),
            ("64:ff9b:1:a9:fe:a9fe::", Some(CloudMetadata)),
            ("64:ff9b:1::8.8.8.8", None),
            ("64:ff9b:1:808:8:800::", None),
            ("64:ff9b:1:87f:0:100::", None),
            // 6to4
            ("2002:7f00:1::", Some(ThisMachine)),
            ("2002:a9fe:a9fe::1", Some(CloudMetadata)),
            ("2002:808:808::1", None),
            // Teredo: 80ff:fffe is 127.0.0.1 turned over
            ("2001:0:808:808:0:0:80ff:fffe", Some(ThisMachine)),
            ("2001:0:7f00:1::f7f7:f7f7", Some(ThisMachine)),
            ("2001:0:808:808::f7f7:f7f7", None),
            // Elsewhere, private networks too
            ("8.8.8.8", None),
            ("10.0.0.1", None),
            ("172.16.0.1", None),
            ("192.168.0.1", None),
            ("100.100.100.201", None),
            ("128.0.0.1", None),
            ("169.253.255.255", None),
            ("2001:db8::1", None),
            ("fc00::1", None),
            ("fd00:ec2::253", None),
            ("fec0::1", None),
            ("64:ff9b:2::127.0.0.1", None),
        ];
        for (address, expected) in rows {
            assert_eq!(LocalAddress::of(address.parse().unwrap()), expected, "{address}");
        }
    }
}
