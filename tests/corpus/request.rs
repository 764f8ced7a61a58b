//! From what a case says of a request to its bytes.

use super::case::Request;
use super::mint::Minted;
use super::template::fill;

/// What credentials a step sends.
#[derive(Clone)]
pub(super) struct Sent {
    pub(super) token: Minted,
    pub(super) proof: Option<Minted>,
}

impl Sent {
    /// What of it may not turn up again.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &String> {
        self.token.secrets().chain(self.proof.iter().flat_map(Minted::secrets))
    }
}

impl Request {
    pub(super) fn bytes(&self, sent: &Sent, look_up: &dyn Fn(&str) -> Option<Vec<u8>>) -> Vec<u8> {
        let look_up = |place: &str| match place {
            "token" => Some(sent.token.text.clone()),
            "proof" => sent.proof.as_ref().map(|proof| proof.text.clone()),
            place => look_up(place),
        };
        let fill = |text: &str| fill(text, &look_up);
        if let Some(raw) = &self.raw {
            return fill(raw);
        }
        let method = self.method.as_deref().unwrap_or("GET");
        let target = self.target.as_deref().unwrap_or("/api/me");
        let version = self.version.as_deref().unwrap_or("HTTP/1.1");
        let host = self.host.as_deref().unwrap_or("api.example.test");
        let mut bytes = fill(&format!("{method} {target} {version}\r\nHost: {host}\r\nConnection: close\r\n"));
        let (scheme, proofs) =
            if sent.proof.is_some() { ("DPoP", &["<<proof>>".to_owned()][..]) } else { ("Bearer", &[][..]) };
        let authorization = self.authorization.clone().unwrap_or_else(|| vec![format!("{scheme} <<token>>")]);
        let authorization: Vec<_> = authorization.iter().map(|value| format!("Authorization: {value}")).collect();
        let proofs = self.dpop.as_deref().unwrap_or(proofs);
        let proofs: Vec<_> = proofs.iter().map(|value| format!("DPoP: {value}")).collect();
        for line in self.lines_before.iter().chain(&authorization).chain(&proofs).chain(&self.lines) {
            bytes.extend(fill(line));
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend(fill(self.body.as_deref().unwrap_or_default()));
        bytes
    }
}
