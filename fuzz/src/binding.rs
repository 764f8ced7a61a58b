//! The sources of the crate's private module `binding` that read what a stranger wrote.

pub(crate) use self::forwarded::ForwardedHeaders;
pub(crate) use self::public_url::PublicUrl;
pub(crate) use self::target_uri::TargetUri;

#[path = "../../src/binding/dpop/forwarded.rs"]
#[expect(dead_code, reason = "the crate uses all of it")]
mod forwarded;
#[path = "../../src/binding/dpop/host_and_port.rs"]
mod host_and_port;
#[path = "../../src/binding/dpop/invalid_public_url.rs"]
mod invalid_public_url;
#[path = "../../src/binding/dpop/network.rs"]
mod network;
#[path = "../../src/binding/dpop/origin.rs"]
mod origin;
#[path = "../../src/binding/dpop/public_path.rs"]
#[cfg_attr(not(test), expect(dead_code, reason = "the crate uses all of it"))]
mod public_path;
#[path = "../../src/binding/dpop/public_url.rs"]
#[expect(dead_code, reason = "the crate uses all of it")]
mod public_url;
#[path = "../../src/binding/dpop/target_uri.rs"]
mod target_uri;
#[path = "../../src/binding/dpop/target_uri_error.rs"]
mod target_uri_error;
#[path = "../../src/binding/dpop/uri_path.rs"]
mod uri_path;
