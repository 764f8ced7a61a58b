//! The configuration files of the API, which are replaced every few seconds by others that say the same.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::opaque::{LIFETIME, PREFIX};
use crate::pause::pause;
use crate::realm::AUDIENCE;

/// How often the API reads them.
pub(crate) const READ_EVERY: Duration = Duration::from_millis(300);
/// How long the API takes at most to find a file that is new: it reads it twice.
const FOUND_WITHIN: Duration = Duration::from_millis(1500);
/// How often they are replaced.
const CHANGES: [f64; 2] = [1.0, 3.0];

/// The files, and how often they were replaced.
pub(crate) struct Settings {
    pub(crate) files: [PathBuf; 2],
    forms: [[String; 2]; 2],
    reloads: AtomicU32,
}

/// Who is trusted by the API, and by the part of it that keeps all in memory.
pub(crate) struct Trusted<'i> {
    pub(crate) by_keys: Vec<&'i str>,
    pub(crate) opaque: &'i str,
    pub(crate) local: &'i str,
}

impl Settings {
    pub(crate) fn write(folder: &Path, trusted: &Trusted<'_>) -> io::Result<Arc<Self>> {
        let files = ["api.json", "local.json"].map(|name| folder.join(name));
        let forms = [[plain(trusted).to_string(), explicit(trusted)], local(trusted.local)];
        for (file, [first, _]) in files.iter().zip(&forms) {
            fs::write(file, first)?;
        }
        Ok(Arc::new(Self { files, forms, reloads: AtomicU32::new(0) }))
    }

    /// How often the API has surely read new ones.
    pub(crate) fn reloads(&self) -> u32 {
        self.reloads.load(Ordering::Relaxed)
    }

    /// They are replaced now and then, until it is aborted.
    pub(crate) async fn change(self: Arc<Self>, mut random: fastrand::Rng, start: Instant, is_verbose: bool) {
        for form in (0..2).cycle().skip(1) {
            pause(&mut random, CHANGES).await;
            for (file, forms) in self.files.iter().zip(&self.forms) {
                let new = file.with_extension("new");
                if let Err(error) = fs::write(&new, &forms[form]).and_then(|()| fs::rename(&new, file)) {
                    println!("the settings cannot be replaced: {error}");
                }
            }
            if is_verbose {
                println!("{:8.3} settings: form {form}", start.elapsed().as_secs_f64());
            }
            tokio::time::sleep(FOUND_WITHIN).await;
            self.reloads.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// As short as can be.
fn plain(trusted: &Trusted<'_>) -> Value {
    let by_keys = trusted.by_keys.iter().map(|issuer| json!(issuer));
    json!({
        "audience": AUDIENCE,
        // Full within the first seconds, so that its growth is not mistaken for a leak.
        "token_cache": { "entries": 200, "bytes": 512 * 1024 },
        "dpop": { "url": AUDIENCE },
        "issuers": by_keys.chain([introspected(trusted.opaque)]).collect::<Vec<_>>(),
    })
}

/// With defaults, in another order, and on several lines.
fn explicit(trusted: &Trusted<'_>) -> String {
    let mut settings = plain(trusted);
    let by_keys = trusted.by_keys.iter().rev().map(|issuer| json!({ "issuer": issuer, "insecure_http": false }));
    settings["issuers"] = [introspected(trusted.opaque)].into_iter().chain(by_keys).collect();
    settings["leeway"] = json!(30);
    settings["profile"] = json!("generic");
    settings["dpop"]["window"] = json!(60);
    format!("{settings:#}\n")
}

fn introspected(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "introspection": {
            "client_id": "test-api",
            "client_secret": "test-secret",
            "token_prefixes": [PREFIX],
            "lifetime": LIFETIME.as_secs(),
            "memory": 512 * 1024,
        },
    })
}

fn local(issuer: &str) -> [String; 2] {
    let cache = json!({ "entries": 100, "bytes": 256 * 1024 });
    let plain = json!({ "audience": AUDIENCE, "token_cache": cache, "dpop": { "url": AUDIENCE }, "issuers": [issuer] });
    let explicit = json!({
        "issuers": [{ "issuer": issuer }], "dpop": { "url": format!("{AUDIENCE}/") },
        "token_cache": cache, "realm": AUDIENCE, "audience": AUDIENCE,
    });
    [plain.to_string(), format!("{explicit:#}")]
}
