//! Proof Key for Code Exchange (RFC 7636): only the client that requested a code can redeem it.

use super::secrets;

/// What the client sends ahead: the SHA-256 of its verifier.
#[derive(Clone, Debug)]
pub(crate) struct Challenge(String);

impl Challenge {
    /// Every client needs one, and `plain` would show the verifier to anyone who sees the request (RFC 9700 §2.1.1).
    pub(crate) fn parse(challenge: Option<&str>, method: Option<&str>) -> Result<Self, &'static str> {
        let challenge = challenge.ok_or("code_challenge is required (PKCE, RFC 7636)")?;
        // Without a method it would be `plain` (§4.3).
        if method != Some("S256") {
            return Err("code_challenge_method must be S256");
        }
        // What becomes of 256 bits, with its alphabet (§4.2).
        if challenge.len() != 43 || !challenge.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        {
            return Err("code_challenge is not the base64url form of a SHA-256 hash");
        }
        Ok(Self(challenge.to_owned()))
    }

    /// Whether this is the verifier: 43 to 128 unreserved characters with the right digest (§4.1, §4.6).
    pub(crate) fn is_met_by(&self, verifier: &str) -> bool {
        let well_formed = (43..=128).contains(&verifier.len())
            && verifier.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
        well_formed && secrets::are_equal(&secrets::base64url(secrets::sha256(verifier).as_ref()), &self.0)
    }
}
