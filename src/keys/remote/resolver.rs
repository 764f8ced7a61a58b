//! Refuses host names that resolve to addresses of this machine: the owner of a name may give it any address (RFC 8725bis §3.10).

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::Url;

use super::address::LocalAddress;

/// The variables that say which proxy the client uses.
const PROXY_VARIABLES: [&str; 6] = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// The system's resolver, but it refuses every name with a [local address](LocalAddress) among its addresses. One such address is
/// enough: with a mixed answer an attacker gets past a check that is followed by a second lookup.
///
/// Proxies are exempt, because the operator configured their addresses.
pub(crate) struct FilteringResolver {
    lookup: fn(&str) -> io::Result<Vec<SocketAddr>>,
    proxies: Vec<String>,
}

impl FilteringResolver {
    /// With the proxies of the process's environment.
    pub(crate) fn of_the_system() -> Self {
        let values = PROXY_VARIABLES.iter().filter_map(|name| std::env::var(name).ok());
        // The client sets the port.
        let lookup = |name: &str| Ok((name, 0).to_socket_addrs()?.collect());
        Self { lookup, proxies: values.filter_map(|value| host_of(&value)).collect() }
    }
}

#[cfg(test)]
impl FilteringResolver {
    /// Without proxies.
    pub(crate) fn with_lookup(lookup: fn(&str) -> io::Result<Vec<SocketAddr>>) -> Self {
        Self { lookup, proxies: Vec::new() }
    }
}

impl Resolve for FilteringResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (lookup, name) = (self.lookup, name.as_str().to_owned());
        let is_proxy = self.proxies.iter().any(|proxy| proxy.eq_ignore_ascii_case(&name));
        Box::pin(async move {
            // The system's resolver blocks.
            let (name, addresses) = tokio::task::spawn_blocking(move || {
                let addresses = lookup(&name);
                (name, addresses)
            })
            .await?;
            let addresses = addresses?;
            if !is_proxy {
                refuse_local(&name, &addresses)?;
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

fn refuse_local(name: &str, addresses: &[SocketAddr]) -> Result<(), RefusedName> {
    let refused = addresses.iter().find_map(|address| Some((address.ip(), LocalAddress::of(address.ip())?)));
    refused.map_or(Ok(()), |(address, local)| Err(RefusedName { name: name.to_owned(), address, local }))
}

/// The host of a proxy, which may be written without a scheme.
fn host_of(proxy: &str) -> Option<String> {
    let url = Url::parse(proxy).ok().filter(Url::has_host).or_else(|| Url::parse(&format!("http://{proxy}")).ok())?;
    url.host_str().map(str::to_owned)
}

#[derive(Debug, thiserror::Error)]
#[error("the name {name} resolves to {address}, which is {local}, but the issuer is elsewhere")]
struct RefusedName {
    name: String,
    address: IpAddr,
    local: LocalAddress,
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn resolve(name: &str, lookup: fn(&str) -> io::Result<Vec<SocketAddr>>) -> Result<Vec<String>, String> {
        let resolver = FilteringResolver { lookup, proxies: vec!["proxy.example.com".to_owned()] };
        match resolver.resolve(name.parse().unwrap()).await {
            Ok(addresses) => Ok(addresses.map(|address| address.to_string()).collect()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn addresses<const N: usize>(texts: [&str; N]) -> Vec<SocketAddr> {
        texts.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 0)).collect()
    }

    /// Row D16.
    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_is_refused() {
        let refused = |address: &str, what: &str| {
            Err(format!("the name id.example.com resolves to {address}, which is {what}, but the issuer is elsewhere"))
        };
        let name = "id.example.com";
        let found = resolve(name, |_| Ok(addresses(["127.0.0.1"]))).await;
        assert_eq!(found, refused("127.0.0.1", "this machine"));
        let found = resolve(name, |_| Ok(addresses(["64:ff9b::127.0.0.1"]))).await;
        assert_eq!(found, refused("64:ff9b::7f00:1", "this machine"));
        let found = resolve(name, |_| Ok(addresses(["203.0.113.7", "169.254.169.254"]))).await;
        assert_eq!(found, refused("169.254.169.254", "the metadata service of a cloud"), "one of several");
        let found = resolve(name, |_| Ok(addresses(["2001:db8::7", "fe80::1"]))).await;
        assert_eq!(found, refused("fe80::1", "a link-local address"), "one of several");
    }

    #[tokio::test]
    async fn names_of_other_machines_resolve() {
        let found = resolve("id.example.com", |_| Ok(addresses(["203.0.113.7", "10.0.0.1", "fc00::1"]))).await;
        assert_eq!(found.unwrap(), ["203.0.113.7:0", "10.0.0.1:0", "[fc00::1]:0"]);
        assert_eq!(
            resolve("id.example.com", |_| Err(io::Error::other("no such name"))).await.unwrap_err(),
            "no such name"
        );
        let asked = resolve("id.example.com", |name| Err(io::Error::other(name.to_owned()))).await;
        assert_eq!(asked.unwrap_err(), "id.example.com");
    }

    #[tokio::test]
    async fn a_proxy_may_be_on_this_machine() {
        assert!(resolve("proxy.example.com", |_| Ok(addresses(["127.0.0.1"]))).await.is_ok());
        assert!(resolve("Proxy.Example.com", |_| Ok(addresses(["127.0.0.1"]))).await.is_ok());
        for (value, host) in [
            ("http://localhost:3128", Some("localhost")),
            ("localhost:3128", Some("localhost")),
            ("user:secret@proxy.example.com:3128", Some("proxy.example.com")),
            ("socks5://proxy.example.com", Some("proxy.example.com")),
            ("proxy.example.com", Some("proxy.example.com")),
            ("", None),
        ] {
            assert_eq!(host_of(value).as_deref(), host, "{value}");
        }
    }
}
