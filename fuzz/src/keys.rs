//! What the sources that are compiled in name as `crate::keys`.

pub(crate) use self::discovery_error::DiscoveryError;
pub(crate) use self::issuer_url::{IssuerUrl, MetadataUrl};
pub(crate) use self::url_error::{Encryption, UrlError, fetchable, identifying, is_loopback};

#[path = "../../src/keys/remote/address.rs"]
mod address;
#[path = "../../src/keys/discovery_error.rs"]
mod discovery_error;
#[path = "../../src/keys/remote/issuer_url.rs"]
#[expect(dead_code, reason = "the crate uses all of it")]
mod issuer_url;
#[path = "../../src/keys/url_error.rs"]
mod url_error;
