//! Networks of proxies, in CIDR notation.

use std::net::IpAddr;

use crate::redact::Excerpt;

/// Networks that contain the addresses of proxies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Networks(Vec<Network>);

impl Networks {
    pub(super) fn parse<I>(texts: I) -> Result<Self, InvalidNetwork>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let networks: Vec<_> = texts.into_iter().map(|text| Network::parse(text.as_ref())).collect::<Result<_, _>>()?;
        if networks.is_empty() { Err(InvalidNetwork::None) } else { Ok(Self(networks)) }
    }

    /// An unknown address is in none. An IPv4 address may be written as an IPv6 address, as a socket for both families
    /// does.
    pub(super) fn contain(&self, address: Option<IpAddr>) -> bool {
        address.is_some_and(|address| self.0.iter().any(|network| network.contains(address.to_canonical())))
    }
}

/// Why a text is not a network whose proxies can be trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidNetwork {
    /// The list is empty, so no proxy would be trusted.
    #[error("the list of networks is empty, expected at least one")]
    None,
    /// Neither an address nor a network in CIDR notation (RFC 4632 §3.1, RFC 4291 §2.3).
    #[error(
        "\"{found}\" is not a network, expected an address, or an address, a slash and the length of the prefix in bits"
    )]
    #[non_exhaustive]
    Text {
        /// The text.
        found: Excerpt,
    },
    /// A prefix that is longer than the address.
    #[error("the prefix of \"{found}\" is too long, expected at most {max} bits")]
    #[non_exhaustive]
    PrefixLength {
        /// The text.
        found: Excerpt,
        /// The maximum length, in bits.
        max: u8,
    },
    /// An address with bits beyond the prefix. Perhaps the prefix is wrong, and the network is larger than it was meant
    /// to be.
    #[error("\"{found}\" has bits beyond its prefix, expected the first address of the network, as in {expected}")]
    #[non_exhaustive]
    BitsBeyondPrefix {
        /// The text.
        found: Excerpt,
        /// The network of this prefix.
        expected: Box<str>,
    },
    /// All addresses. Every client would be a trusted proxy.
    #[error("\"{found}\" contains every address, expected the network of the proxies")]
    #[non_exhaustive]
    Everyone {
        /// The text.
        found: Excerpt,
    },
}

/// The first address, without bits beyond the prefix, and the length of the prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Network {
    first: IpAddr,
    prefix: u8,
}

impl Network {
    fn parse(text: &str) -> Result<Self, InvalidNetwork> {
        let invalid = || InvalidNetwork::Text { found: text.into() };
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().map_err(|_| invalid())?;
        let max = width(address);
        let prefix = match prefix {
            None => max,
            Some(digits) => {
                let is_plain =
                    digits.bytes().all(|digit| digit.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
                digits.parse().ok().filter(|_| is_plain).ok_or_else(invalid)?
            }
        };
        if prefix > max {
            return Err(InvalidNetwork::PrefixLength { found: text.into(), max });
        }
        let first = masked(address, prefix);
        if first != address {
            return Err(InvalidNetwork::BitsBeyondPrefix {
                found: text.into(),
                expected: format!("{first}/{prefix}").into(),
            });
        }
        match Self::canonical(first, prefix) {
            Self { prefix: 0, .. } => Err(InvalidNetwork::Everyone { found: text.into() }),
            network => Ok(network),
        }
    }

    /// A network of IPv4 addresses that are written as IPv6 addresses is one of IPv4 addresses. Its prefix has at least
    /// the 96 bits that make them so, because bits beyond the prefix are refused.
    fn canonical(first: IpAddr, prefix: u8) -> Self {
        let canonical = first.to_canonical();
        Self { first: canonical, prefix: prefix.saturating_sub(width(first) - width(canonical)) }
    }

    fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.first.is_ipv4() && masked(address, self.prefix) == self.first
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The address with zeros beyond the prefix.
fn masked(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            IpAddr::V4((address.to_bits() & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
            IpAddr::V6((address.to_bits() & mask).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_contains_the_addresses_with_its_prefix() {
        for (network, inside, outside) in [
            (
                "10.0.0.0/8",
                &["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"][..],
                &["9.255.255.255", "11.0.0.0", "::a00:1"][..],
            ),
            ("192.0.2.7", &["192.0.2.7", "::ffff:c000:207"], &["192.0.2.6", "192.0.2.8"]),
            ("192.0.2.7/32", &["192.0.2.7"], &["192.0.2.6"]),
            ("192.0.2.128/25", &["192.0.2.128", "192.0.2.255"], &["192.0.2.127", "192.0.3.128"]),
            ("128.0.0.0/1", &["255.0.0.1"], &["127.0.0.1"]),
            ("2001:db8::/32", &["2001:db8::1", "2001:db8:ffff::"], &["2001:db9::", "2001:db7:ffff::", "192.0.2.1"]),
            ("::1", &["::1"], &["::2", "127.0.0.1", "::ffff:0.0.0.1", "0.0.0.1"]),
            ("::1/128", &["::1"], &["::"]),
            ("fe80::/10", &["febf::1"], &["fec0::1"]),
            ("8000::/1", &["ffff::"], &["7fff::", "255.0.0.1"]),
            ("::/64", &["::1:2"], &["10.0.0.1", "::ffff:10.0.0.1"]),
            ("::ffff:10.0.0.0/104", &["10.1.2.3", "::ffff:10.1.2.3"], &["11.0.0.0", "::ffff:11.0.0.0"]),
            ("::ffff:10.0.0.1", &["10.0.0.1"], &["10.0.0.2"]),
        ] {
            let networks = Networks::parse([network]).unwrap();
            for address in inside {
                assert!(networks.contain(Some(address.parse().unwrap())), "{address} in {network}");
            }
            for address in outside {
                assert!(!networks.contain(Some(address.parse().unwrap())), "{address} in {network}");
            }
            assert!(!networks.contain(None), "{network}");
        }
        let two = Networks::parse(["10.0.0.0/8".to_owned(), "::1".to_owned()]).unwrap();
        assert!(
            two.contain("10.0.0.1".parse().ok()) && two.contain("::1".parse().ok()) && !two.contain("::2".parse().ok())
        );
    }

    #[test]
    fn a_text_that_is_no_network_is_refused() {
        for text in [
            "",
            "/",
            "/8",
            "10.0.0.0/",
            "10.0.0.0/ 8",
            "10.0.0.0/+8",
            "10.0.0.0/08",
            "10.0.0.0/-1",
            "10.0.0.0/8/8",
            "10.0.0.0/300",
            "10.0.0/8",
            "10/8",
            "010.0.0.0/8",
            "localhost",
            "*",
            "fe80::1%eth0",
            "[::1]",
            "10.0.0.1:80",
            "10.0.0.0/255.0.0.0",
        ] {
            assert_eq!(Networks::parse([text]), Err(InvalidNetwork::Text { found: text.into() }), "{text}");
        }
        assert_eq!(Networks::parse([""; 0]), Err(InvalidNetwork::None));
        for (text, max) in [("10.0.0.0/33", 32), ("::/129", 128)] {
            assert_eq!(Networks::parse([text]), Err(InvalidNetwork::PrefixLength { found: text.into(), max }));
        }
        for (text, expected) in [
            ("10.0.0.1/8", "10.0.0.0/8"),
            ("10.0.0.1/0", "0.0.0.0/0"),
            ("2001:db8::1/32", "2001:db8::/32"),
            ("::ffff:10.0.0.0/8", "::/8"),
            ("::ffff:0:0/95", "::fffe:0:0/95"),
        ] {
            let expected = InvalidNetwork::BitsBeyondPrefix { found: text.into(), expected: expected.into() };
            assert_eq!(Networks::parse([text]), Err(expected));
        }
        for text in ["0.0.0.0/0", "::/0", "::ffff:0:0/96"] {
            assert_eq!(Networks::parse([text]), Err(InvalidNetwork::Everyone { found: text.into() }));
        }
    }
}
