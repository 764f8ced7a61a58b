//! Makes DPoP proofs (RFC 9449) with [`TestClient`], for other libraries to verify.
//!
//! Each line of the standard input is a JSON object that says what proof is wanted. It is answered with a line: the proof, and the
//! thumbprint of the client's key.

use std::collections::HashMap;
use std::error::Error;
use std::io::{self, BufRead, Write};

use serde::Deserialize;
use serde_json::{Map, Value, json};
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::{ProofBuilder, TestClient};

/// What proof is wanted. Without the optional members it is a good one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    algorithm: String,
    method: String,
    url: String,
    /// Absent in a proof for a token request.
    token: Option<String>,
    /// The name of the client. Each has a key for each algorithm.
    #[serde(default)]
    client: String,
    /// The name of the client that signs instead.
    signer: Option<String>,
    /// Header parameters that differ. Those that are null are left out.
    #[serde(default)]
    header: Map<String, Value>,
    /// Claims that differ. Those that are null are left out.
    #[serde(default)]
    claims: Map<String, Value>,
    /// The payload as text, instead of the claims.
    payload: Option<String>,
}

/// By name and algorithm.
#[derive(Default)]
struct Clients(HashMap<(String, Algorithm), TestClient>);

fn main() -> Result<(), Box<dyn Error>> {
    let mut clients = Clients::default();
    for line in io::stdin().lock().lines() {
        let wanted: Wanted = serde_json::from_str(&line?)?;
        writeln!(io::stdout(), "{}", clients.answer(&wanted)?)?;
    }
    Ok(())
}

impl Clients {
    fn answer(&mut self, wanted: &Wanted) -> Result<Value, Box<dyn Error>> {
        let algorithm = wanted.algorithm.parse()?;
        let client = self.client(&wanted.client, algorithm);
        let jkt = client.jkt();
        let mut proof = client.proof(&wanted.method, &wanted.url, wanted.token.as_deref().unwrap_or_default());
        if wanted.token.is_none() {
            proof = proof.without_claim("ath");
        }
        proof = wanted.change(proof);
        if let Some(signer) = &wanted.signer {
            proof = proof.signed_by(self.client(signer, algorithm));
        }
        Ok(json!({ "proof": proof.sign(), "jkt": jkt }))
    }

    fn client(&mut self, name: &str, algorithm: Algorithm) -> &TestClient {
        self.0.entry((name.to_owned(), algorithm)).or_insert_with(|| TestClient::new(algorithm))
    }
}

impl Wanted {
    fn change(&self, proof: ProofBuilder) -> ProofBuilder {
        let proof = self.header.iter().fold(proof, |proof, (name, value)| match value {
            Value::Null => proof.without_header(name),
            value => proof.header(name, value),
        });
        let proof = self.claims.iter().fold(proof, |proof, (name, value)| match value {
            Value::Null => proof.without_claim(name),
            value => proof.claim(name, value),
        });
        match &self.payload {
            Some(text) => proof.raw_payload(text.as_bytes()),
            None => proof,
        }
    }
}
