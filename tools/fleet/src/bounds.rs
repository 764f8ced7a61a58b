//! The bounds that the crate defines in files that are not compiled in here, and a check at compile time that they are the same there.

use std::time::Duration;

/// Defines the constants, and fails to compile if a source does not define the same value.
macro_rules! bounds {
    ($($(#[$doc:meta])* $name:ident: $type:ty = $value:expr, as $file:literal $source:literal;)+) => {$(
        $(#[$doc])*
        pub(crate) const $name: $type = $value;
        const _: () = assert!(
            contains(include_str!(concat!("../../../", $file)), concat!("const ", $source, " = ", stringify!($value), ";")),
            concat!($file, " has no ", $source, " = ", stringify!($value)),
        );
    )+};
}

bounds! {
    /// How long an answer about an opaque token counts, by default.
    ANSWER: Duration = Duration::from_secs(60), as "src/introspection/introspection.rs" "LIFETIME: Duration";
    /// How long a refused token is remembered.
    REFUSED_FOR: Duration = Duration::from_secs(5), as "src/validation/introspection/answers.rs" "REFUSED_FOR: Duration";
    /// How long nobody asks again about a token after a question about it has failed.
    FAILED_FOR: Duration = Duration::from_secs(1), as "src/validation/introspection/answers.rs" "FAILED_FOR: Duration";
    /// How long a call without an answer takes, for keys or of an introspection endpoint.
    FETCH_TIMEOUT: Duration = Duration::from_secs(5), as "src/keys/remote/timeouts.rs" "FETCH_TIMEOUT: Duration";
    /// The part of that for metadata that are read again.
    REREAD_PART: f64 = 0.4, as "src/keys/remote/discovered_url.rs" "REREAD_PART: f64";
    METADATA_LIFETIME: Duration = Duration::from_secs(60 * 60), as "src/keys/remote/discovered_url.rs" "METADATA_LIFETIME: Duration";
    REREAD_INTERVAL: Duration = Duration::from_secs(5 * 60), as "src/keys/remote/discovered_url.rs" "REREAD_INTERVAL: Duration";
    FAILURES_BEFORE_REREAD: u32 = 2, as "src/keys/remote/discovered_url.rs" "FAILURES_BEFORE_REREAD: u32";
    /// How long a request waits.
    PATIENCE: Duration = Duration::from_secs(6), as "src/server/validator.rs" "MAX_WAIT: Duration";
    MAX_TENANTS: usize = 1000, as "src/tenants/tenant_settings.rs" "DEFAULT_MAX_TENANTS: u64";
    IDLE_AFTER: Duration = Duration::from_secs(60 * 60), as "src/tenants/tenant_settings.rs" "DEFAULT_IDLE_AFTER: Duration";
    /// How many times the task that removes idle tenants looks within `IDLE_AFTER`.
    LOOKS: u32 = 4, as "src/tenants/janitor.rs" "LOOKS: u32";
    /// How many tenants fetch their first keys at once.
    MAX_FETCHES: usize = 32, as "src/tenants/tenant_table.rs" "MAX_FETCHES: usize";
    /// The time to the next first fetch, after as many as there are places.
    FIRST_FETCH_INTERVAL: Duration = Duration::from_millis(100), as "src/tenants/tenant_table.rs" "FETCH_INTERVAL: Duration";
    /// How long it counts that a tenant could not be loaded.
    TENANT_FAILED_FOR: Duration = Duration::from_secs(1), as "src/tenants/recent_answers.rs" "FAILED_FOR: Duration";
    /// How long a read of the stream waits at Redis.
    XREAD_WAIT: Duration = Duration::from_secs(1), as "redis/src/revocations/follow_task.rs" "WAIT: Duration";
    /// How many entries it returns at most.
    BATCH: u32 = 200, as "redis/src/revocations/follow_task.rs" "BATCH: usize";
    /// How often a process looks whether the stream has lost entries …
    CHECK_INTERVAL: Duration = Duration::from_secs(1), as "redis/src/revocations/follow_task.rs" "CHECK_INTERVAL: Duration";
    /// … and trims it.
    TRIM_INTERVAL: Duration = Duration::from_secs(60), as "redis/src/revocations/follow_task.rs" "TRIM_INTERVAL: Duration";
    /// That of the record whose length is modelled.
    RECORD_VERSION: u32 = 1, as "src/revocation/revocation_record.rs" "VERSION: u32";
}

const fn contains(text: &str, part: &str) -> bool {
    let (text, part) = (text.as_bytes(), part.as_bytes());
    let mut at = 0;
    while at + part.len() <= text.len() {
        let mut length = 0;
        while length < part.len() && text[at + length] == part[length] {
            length += 1;
        }
        if length == part.len() {
            return true;
        }
        at += 1;
    }
    false
}
