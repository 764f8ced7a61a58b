//! Thumbprints in the RFCs (RFC 7638).

use super::rfc::{ED25519, RSA_MODULUS};
use super::thumbprint;

/// Row E31.
#[test]
fn the_published_thumbprints() {
    let rsa = format!(r#"{{"kty":"RSA","n":"{RSA_MODULUS}","e":"AQAB","alg":"RS256","kid":"2011-04-29"}}"#);
    assert_eq!(thumbprint(&rsa), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs", "RFC 7638 3.1");
    assert_eq!(thumbprint(ED25519), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", "RFC 8037 A.3");
}

/// Row E31.
#[test]
fn only_the_required_members_count() {
    let rsa = |rest: &str| thumbprint(&format!(r#"{{"e":"AQAB",{rest}"n":"{RSA_MODULUS}","kty":"RSA"}}"#));
    let plain = rsa("");
    assert_eq!(rsa(r#""kid":"x","use":"sig","alg":"PS512","x5c":["x"],"#), plain);
    // A leading zero is another spelling of the same number.
    let padded = thumbprint(&format!(r#"{{"kty":"RSA","n":"{RSA_MODULUS}","e":"AAEAAQ"}}"#));
    assert_eq!(padded, plain);
    let other = thumbprint(&format!(r#"{{"kty":"RSA","n":"{RSA_MODULUS}","e":"Aw"}}"#));
    assert_ne!(other, plain);
}
