//! Tenants in a database: 10,000 rows of `SQLite`, of whom the table holds 64.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};
use tower_bearer::jose::JwkSet;
use tower_bearer::keys::{FetchFuture, FetchRequest, Fetched, KeySource};
use tower_bearer::tenants::{ResolveError, ResolveFuture, ResolvedTenant, TenantResolver, TenantSettings};
use tower_bearer::{Issuer, ResourceServer};

use super::{Database, Rig, iss};
use crate::harness::memory_source::keys;
use crate::harness::{AUDIENCE, small_issuer};

const TENANTS: usize = 10_000;
const IN_TABLE: usize = 64;
const IN_PROBATION: usize = 16;

/// A resolver that asks a database in a file.
#[derive(Clone)]
struct Sqlite(Arc<Inner>);

struct Inner {
    path: PathBuf,
    connection: Mutex<Connection>,
    keys: JwkSet,
    queries: AtomicUsize,
    fetches: Arc<AtomicUsize>,
    /// Each source of keys that is alive holds one …
    sources: Arc<()>,
    /// … and so does each row that is attached to a tenant.
    rows: Arc<()>,
}

/// What handlers get: a row.
struct Row {
    _audience: String,
    _alive: Arc<()>,
}

/// The keys of one tenant.
struct Keys {
    set: JwkSet,
    fetches: Arc<AtomicUsize>,
    _alive: Arc<()>,
}

impl Sqlite {
    /// With the tenants `t0`, `t1`, …
    fn new(keys: JwkSet) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("tenants-{:016x}.sqlite", fastrand::u64(..)));
        let mut connection = Connection::open(&path).unwrap();
        // A reader waits for a writer that has locked the file.
        connection.busy_timeout(Duration::from_secs(60)).unwrap();
        let filling = connection.transaction().unwrap();
        filling.execute("CREATE TABLE tenants (iss TEXT PRIMARY KEY, audience TEXT NOT NULL)", ()).unwrap();
        let mut insert = filling.prepare("INSERT INTO tenants VALUES (?, ?)").unwrap();
        for id in 0..TENANTS {
            insert.execute((iss(id), audience(id))).unwrap();
        }
        drop(insert);
        filling.commit().unwrap();
        let (queries, fetches) = (AtomicUsize::new(0), Arc::default());
        let (sources, rows) = (Arc::new(()), Arc::new(()));
        let connection = Mutex::new(connection);
        Self(Arc::new(Inner { path, connection, keys, queries, fetches, sources, rows }))
    }

    /// How many queries and how many fetches there were.
    fn counts(&self) -> (usize, usize) {
        (self.0.queries.load(Ordering::Relaxed), self.0.fetches.load(Ordering::Relaxed))
    }

    /// How many tenants are in memory, by their sources of keys and by their rows.
    fn alive(&self) -> [usize; 2] {
        [&self.0.sources, &self.0.rows].map(|held| Arc::strong_count(held) - 1)
    }
}

impl Inner {
    /// The audience of the tenant.
    fn query(&self, iss: &str) -> Result<Option<String>, rusqlite::Error> {
        self.queries.fetch_add(1, Ordering::Relaxed);
        let connection = self.connection.lock().unwrap();
        connection.query_row("SELECT audience FROM tenants WHERE iss = ?", [iss], |row| row.get(0)).optional()
    }

    fn tenant(&self, iss: &str) -> Result<Option<ResolvedTenant>, ResolveError> {
        let Some(audience) = self.query(iss).map_err(ResolveError::new)? else { return Ok(None) };
        let (set, fetches) = (self.keys.clone(), Arc::clone(&self.fetches));
        let source = Keys { set, fetches, _alive: Arc::clone(&self.sources) };
        let issuer = Issuer::keys(iss, source).map_err(ResolveError::new)?.audiences([&audience]);
        Ok(Some(ResolvedTenant::new(issuer).value(Row { _audience: audience, _alive: Arc::clone(&self.rows) })))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.path));
    }
}

impl TenantResolver for Sqlite {
    fn resolve<'a>(&'a self, iss: &'a str) -> ResolveFuture<'a> {
        let (inner, iss) = (Arc::clone(&self.0), iss.to_owned());
        let query = tokio::task::spawn_blocking(move || inner.tenant(&iss));
        Box::pin(async move { query.await.map_err(ResolveError::new)? })
    }
}

impl KeySource for Keys {
    fn fetch<'a>(&'a self, _: FetchRequest<'a>) -> FetchFuture<'a> {
        self.fetches.fetch_add(1, Ordering::Relaxed);
        // For longer than a test takes, so that no keys are refreshed.
        Box::pin(async { Ok(Fetched::keys(self.set.clone()).lifetime(Duration::from_secs(60 * 60))) })
    }
}

fn rig() -> (Arc<Rig>, Sqlite) {
    let signer = small_issuer();
    let sqlite = Sqlite::new(keys(&signer));
    let settings = TenantSettings::new(sqlite.clone()).max_tenants(IN_TABLE);
    let api = ResourceServer::builder(AUDIENCE).trust_resolved(settings).build().unwrap();
    (Arc::new(Rig { signer, database: Database::new(), api }), sqlite)
}

/// Each tenant has an audience, which only its row tells.
fn audience(id: usize) -> String {
    format!("https://t{id}.example.test")
}

fn token(rig: &Rig, id: usize) -> String {
    rig.token(&iss(id)).audience(&audience(id)).sign()
}

/// All of them, one after the other.
#[tokio::test(start_paused = true)]
async fn ten_thousand_tenants_cost_a_query_and_a_fetch_each_and_the_memory_of_eighty() {
    const BLOCK: usize = 1000;
    let (rig, sqlite) = rig();
    for block in 0..TENANTS / BLOCK {
        let mut least_alive = [usize::MAX; 2];
        for id in block * BLOCK..(block + 1) * BLOCK {
            assert_eq!(rig.status(&token(&rig, id)).await, 200, "{id}");
            // The budget of fetches is not the point here.
            tokio::time::advance(Duration::from_millis(100)).await;
            if id >= IN_TABLE {
                let alive = sqlite.alive();
                least_alive = std::array::from_fn(|at| least_alive[at].min(alive[at]));
                assert!(alive.iter().all(|alive| *alive <= BLOCK), "{alive:?}");
            }
        }
        // What has left the table is dropped a little later, when no thread can be reading it any more.
        let is_bounded = |least: &usize| (IN_TABLE..=IN_TABLE + IN_PROBATION).contains(least);
        assert!(least_alive.iter().all(is_bounded), "{least_alive:?}");
    }
    assert_eq!(sqlite.counts(), (TENANTS, TENANTS));
    let mut last: Vec<_> = (TENANTS - IN_TABLE..TENANTS).map(iss).collect();
    last.sort();
    assert_eq!(rig.active(), last);
    for id in TENANTS - IN_TABLE..TENANTS {
        assert_eq!(rig.status(&token(&rig, id)).await, 200, "{id}");
    }
    assert_eq!(sqlite.counts(), (TENANTS, TENANTS), "those in the table cost nothing");
}

/// Also of a tenant that nobody has signed a token of: only as many are in memory as may be.
#[tokio::test(start_paused = true)]
async fn a_thousand_tenants_that_only_strangers_name_have_sixteen_places() {
    let (rig, sqlite) = rig();
    for id in 0..IN_TABLE {
        assert_eq!(rig.status(&token(&rig, id)).await, 200, "{id}");
    }
    for id in IN_TABLE..IN_TABLE + 1000 {
        tokio::time::advance(Duration::from_millis(100)).await;
        assert_eq!(rig.status(&rig.forged(&iss(id))).await, 401, "{id}");
        assert!(sqlite.alive().iter().all(|alive| *alive <= IN_TABLE + IN_PROBATION), "{:?}", sqlite.alive());
    }
    assert_eq!(sqlite.alive(), [IN_TABLE + IN_PROBATION; 2]);
    assert_eq!(sqlite.counts(), (IN_TABLE + 1000, IN_TABLE + 1000));
}

#[tokio::test(start_paused = true)]
async fn the_first_requests_of_a_tenant_are_one_query_and_one_fetch_however_many_come_at_once() {
    let (rig, sqlite) = rig();
    let requests = (0..1000).map(|number| {
        let (rig, token) = (Arc::clone(&rig), token(&rig, number % 5));
        tokio::spawn(async move { rig.status(&token).await })
    });
    for request in requests.collect::<Vec<_>>() {
        assert_eq!(request.await.unwrap(), 200);
    }
    assert_eq!(sqlite.counts(), (5, 5));
    // A name that no row has: one query too.
    let requests = (0..100).map(|_| {
        let (rig, token) = (Arc::clone(&rig), token(&rig, TENANTS));
        tokio::spawn(async move { rig.status(&token).await })
    });
    for request in requests.collect::<Vec<_>>() {
        assert_eq!(request.await.unwrap(), 401);
    }
    assert_eq!(sqlite.counts(), (6, 5));
}

/// A writer has locked the database, and a request of another tenant waits for it.
#[tokio::test(start_paused = true)]
async fn known_tenants_do_not_wait_for_the_database() {
    let (rig, sqlite) = rig();
    for id in 0..IN_TABLE {
        assert_eq!(rig.status(&token(&rig, id)).await, 200, "{id}");
    }
    tokio::time::advance(Duration::from_secs(1)).await;
    let writer = Connection::open(&sqlite.0.path).unwrap();
    writer.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let waiting = tokio::spawn({
        let (rig, token) = (Arc::clone(&rig), token(&rig, IN_TABLE));
        async move { rig.status(&token).await }
    });
    while sqlite.counts().0 == IN_TABLE {
        assert!(!waiting.is_finished());
        tokio::task::yield_now().await;
    }
    for _ in 0..3 {
        for id in 0..IN_TABLE {
            // It does not wait.
            assert_eq!(rig.api.try_verify(&token(&rig, id)).unwrap().issuer(), iss(id));
        }
    }
    assert_eq!(sqlite.counts(), (IN_TABLE + 1, IN_TABLE));
    assert!(!waiting.is_finished());
    writer.execute_batch("COMMIT").unwrap();
    assert_eq!(waiting.await.unwrap(), 200);
    assert_eq!(sqlite.counts(), (IN_TABLE + 1, IN_TABLE + 1));
}
