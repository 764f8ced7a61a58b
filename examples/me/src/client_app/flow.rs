//! A sign-in in progress: what the backend has to remember until the user comes back.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::authorization_server::secrets;

/// It waits in a cookie of this browser, because the way to the authorization server and back ends the page.
#[derive(Serialize, Deserialize)]
pub(super) struct Flow {
    /// Ties the answer to this browser (RFC 6749 §10.12).
    pub(super) state: String,
    /// Ties the ID token to this sign-in (OpenID Connect Core §3.1.2.1).
    pub(super) nonce: String,
    /// Redeems the code, and never leaves the backend and its cookie before that (RFC 7636 §4.1).
    pub(super) verifier: String,
    /// What the page does next, and the user who began it.
    pub(super) resume: Option<String>,
    pub(super) subject: Option<String>,
}

impl Flow {
    pub(super) fn begin(resume: Option<String>, subject: Option<String>) -> Self {
        Self { state: secrets::random(), nonce: secrets::random(), verifier: secrets::random(), resume, subject }
    }

    /// RFC 7636 §4.2, `S256`.
    pub(super) fn challenge(&self) -> String {
        secrets::base64url(secrets::sha256(&self.verifier).as_ref())
    }

    pub(super) fn to_cookie(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).expect("strings are JSON"))
    }

    pub(super) fn from_cookie(value: &str) -> Option<Self> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(value).ok()?).ok()
    }
}
