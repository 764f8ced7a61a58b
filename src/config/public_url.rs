//! The settings of the URL that clients use for the service.

use http::HeaderName;

use super::path::Path;
use super::reader::{Node, Reader, Table};
use super::stand_in;
use crate::binding::dpop::{ForwardedHeaders, InvalidPublicUrl, PublicUrl};
use crate::server::ConfigError;

/// The sets of headers, by the names of their variants.
const FORWARDED_HEADERS: [(&str, ForwardedHeaders); 3] = [
    ("x_forwarded", ForwardedHeaders::XForwarded),
    ("x_forwarded_with_prefix", ForwardedHeaders::XForwardedWithPrefix),
    ("forwarded", ForwardedHeaders::Forwarded),
];

/// The URL that the settings of a table describe.
pub(super) fn read(reader: &mut Reader, table: &mut Table) -> PublicUrl {
    let url = table.require(reader, "url", "the URL by which clients know the service");
    let url = url.and_then(|node| of_text(reader, &node, "public URL", PublicUrl::new));
    let mut url = url.unwrap_or_else(|| PublicUrl::new(stand_in::URL).expect("a URL that is accepted"));
    if let Some(node) = table.get("mounted_at") {
        let mounted = |path: &str| url.clone().mounted_at(path);
        url = of_text(reader, &node, "path of the service", mounted).unwrap_or(url);
    }
    with_proxies(reader, table, url)
}

/// What a text makes, if it is neither blank nor a template.
fn of_text(
    reader: &mut Reader,
    node: &Node,
    what: &'static str,
    make: impl Fn(&str) -> Result<PublicUrl, InvalidPublicUrl>,
) -> Option<PublicUrl> {
    let text = reader.string(node)?;
    reader.accept(&node.path, ConfigError::check_text(what, text))?;
    reader.accept(&node.path, make(text))
}

/// The URL with the proxies that name it, or that ask about requests. Both kinds are one list.
fn with_proxies(reader: &mut Reader, table: &mut Table, mut url: PublicUrl) -> PublicUrl {
    let proxies = table.get("trusted_proxies");
    let (headers, forward_auth) = (table.get("forwarded_headers"), table.get("forward_auth"));
    match (&proxies, headers.as_ref().or(forward_auth.as_ref())) {
        (Some(node), None) => {
            reader.refuse(&node.path, "without effect, expected forwarded_headers or forward_auth too");
        }
        (None, Some(dependent)) => {
            let message = "without effect, expected trusted_proxies too, with the networks of the proxies";
            reader.refuse(&dependent.path, message);
        }
        _ => {}
    }
    let networks = proxies.map_or_else(|| vec![stand_in::NETWORK], |node| networks(reader, &node));
    if let Some(headers) = headers.and_then(|node| reader.one_of(&node, &FORWARDED_HEADERS)) {
        url = url.clone().trust_proxies(&networks, headers).unwrap_or(url);
    }
    if let Some((target, method)) = forward_auth.and_then(|node| target_and_method(reader, &node)) {
        url = url.clone().forward_auth(&networks, target, method).unwrap_or(url);
    }
    url
}

/// The networks of a list, with a stand-in in the place of each that is none.
pub(super) fn networks<'t>(reader: &mut Reader, node: &Node<'t>) -> Vec<&'t str> {
    let texts = reader.strings(node, stand_in::NETWORK);
    if texts.is_empty() {
        reader.accept(&node.path, check_networks(&[]));
    }
    let network = |(path, text): (Path, &'t str)| match reader.accept(&path, check_networks(&[text])) {
        Some(()) => text,
        None => stand_in::NETWORK,
    };
    texts.into_iter().map(network).collect()
}

fn check_networks(networks: &[&str]) -> Result<(), InvalidPublicUrl> {
    PublicUrl::new(stand_in::URL)?.trust_proxies(networks, ForwardedHeaders::XForwarded).map(drop)
}

/// The headers in which a proxy names the request that it asks about.
fn target_and_method(reader: &mut Reader, node: &Node) -> Option<(HeaderName, HeaderName)> {
    let mut table = reader.table(node, "a table with target and method")?;
    let target = table.require(reader, "target", "the name of the header with the target of the request");
    let method = table.require(reader, "method", "the name of the header with the method of the request");
    table.finish(reader);
    let method_path = method.as_ref().map(|node| node.path.clone());
    let target = target.and_then(|node| header(reader, &node));
    let method = method.and_then(|node| header(reader, &node));
    let (target, method) = target.zip(method)?;
    if target == method {
        reader.refuse(&method_path?, format_args!("{method} is also the header of the target, expected another one"));
        return None;
    }
    Some((target, method))
}

pub(super) fn header(reader: &mut Reader, node: &Node) -> Option<HeaderName> {
    let name = HeaderName::from_bytes(reader.string(node)?.as_bytes());
    if name.is_err() {
        reader.expect(node, "the name of a header");
    }
    name.ok()
}
