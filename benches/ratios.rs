//! What the layer costs, as ratios to what nobody can go below: `cargo bench --bench ratios`.
//!
//! All cases are measured in turn, a few milliseconds each, round after round, and the figures are medians over the rounds:
//! what else the machine does then troubles all of them alike.
#![expect(clippy::unwrap_used, reason = "a bench that cannot go on ends")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "nanoseconds and counts of a bench"
)]

mod support;

use std::cell::RefCell;
use std::convert::Infallible;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::time::{Duration, Instant};

use http::{HeaderValue, Request, Response};
use siphasher::sip128::SipHasher24;
use tower::Service;
use tower_bearer::ResourceServer;
use tower_bearer::clock::Clock as _;
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::{TestClock, TestIssuer, TokenBuilder};
use tower_bearer::validation::TokenCache;

use support::{
    ALGORITHMS, Floor, Jsonwebtoken, bearer, call, call_bare, distinct, inner, issuer, large, protected, required,
    server, small,
};

/// How long one case is measured at a time, in nanoseconds: shorter than what a scheduler gives, so that most slices are
/// not interrupted.
const SLICE: f64 = 4e5;
/// How often every case is measured.
const ROUNDS: usize = 601;

/// Something to measure.
struct Case<'a> {
    name: String,
    run: Box<dyn FnMut() + 'a>,
    /// How often it is run at a time.
    times: u32,
    rounds: Vec<f64>,
}

#[derive(Default)]
struct Cases<'a>(Vec<Case<'a>>);

impl<'a> Cases<'a> {
    fn add(&mut self, name: impl Into<String>, run: impl FnMut() + 'a) {
        self.0.push(Case { name: name.into(), run: Box::new(run), times: 1, rounds: Vec::new() });
    }

    fn measure(&mut self, rounds: usize) {
        for case in &mut self.0 {
            // The first runs fill caches; then it is found out how many make up a slice.
            (0..100).for_each(|_| (case.run)());
            let one = case.slice(100);
            case.times = (SLICE / one).ceil() as u32;
        }
        for _ in 0..rounds {
            for case in &mut self.0 {
                let nanoseconds = case.slice(case.times);
                case.rounds.push(nanoseconds);
            }
        }
    }

    fn median(&self, name: &str) -> f64 {
        let mut rounds = self.0.iter().find(|case| case.name == name).unwrap().rounds.clone();
        rounds.sort_by(f64::total_cmp);
        rounds[rounds.len() / 2]
    }
}

impl Case<'_> {
    /// Nanoseconds for each of `times` runs.
    fn slice(&mut self, times: u32) -> f64 {
        let start = Instant::now();
        (0..times).for_each(|_| (self.run)());
        start.elapsed().as_nanos() as f64 / f64::from(times)
    }
}

/// What is measured together.
type Part = fn(&TestIssuer);

fn main() {
    let issuer = issuer();
    let parts: [(&str, Part); 7] = [
        ("first_use", first_use),
        ("repeats", repeats),
        ("slowest", slowest),
        ("admission", admission),
        ("refusals", refusals),
        ("two_threads", two_threads),
        ("end_to_end", end_to_end),
    ];
    // `cargo bench --bench ratios -- repeats` measures one part alone.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    for (name, measure) in parts {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            measure(&issuer);
        }
    }
}

fn first_use(issuer: &TestIssuer) {
    println!("\nFirst use, through the layer; times the bare verification\n");
    println!("| token | bytes | bare, ns | jsonwebtoken | cache off | cache on | off, ns more | on, ns more |");
    println!("|---|---:|---:|---:|---:|---:|---:|---:|");
    for algorithm in ALGORITHMS {
        for (size, token) in [("small", small(issuer, algorithm)), ("large", large(issuer, algorithm))] {
            // Each comes once: the admission filter has forgotten it when it comes again.
            let tokens: Vec<String> = distinct(&token, 500).collect();
            let length = tokens[0].len();
            let floors = Floor::of_all(issuer, algorithm, &tokens);
            let credentials: Vec<HeaderValue> = tokens.iter().map(|token| bearer(token)).collect();
            let off = server(issuer).token_cache(TokenCache::off()).build().unwrap();
            // With as few entries as this no token is still known when it comes again.
            let on = server(issuer).token_cache(TokenCache::default().entries(16)).build().unwrap();
            let jwt = Jsonwebtoken::new(issuer, algorithm);
            let (mut layer_off, mut layer_on) = (protected(&off), protected(&on));
            let mut next = [0; 4].map(|_| (0..500).cycle());
            let [floor_next, jwt_next, off_next, on_next] = &mut next;
            let mut cases = Cases::default();
            cases.add("floor", || floors[floor_next.next().unwrap()].verify());
            cases.add("jwt", || jwt.decode(&tokens[jwt_next.next().unwrap()]));
            cases.add("off", || assert_eq!(call(&mut layer_off, &credentials[off_next.next().unwrap()]), 200));
            cases.add("on", || assert_eq!(call(&mut layer_on, &credentials[on_next.next().unwrap()]), 200));
            cases.measure(ROUNDS);
            let [floor, jwt, off_ns, on_ns] = ["floor", "jwt", "off", "on"].map(|name| cases.median(name));
            drop(cases);
            let hits = on.token_cache_status().unwrap().hit_rate();
            assert!(hits < 0.02, "{hits}");
            println!(
                "| {algorithm} {size} | {length} | {floor:.0} | {:.3} | {:.3} | {:.3} | {:.0} | {:.0} |",
                jwt / floor,
                off_ns / floor,
                on_ns / floor,
                off_ns - floor,
                on_ns - floor
            );
        }
    }
}

fn repeats(issuer: &TestIssuer) {
    println!("\nRepeats through the layer, large ES256 tokens\n");
    println!(
        "| distinct tokens | service alone, ns | behind the layer, ns more | and `Require` | hash alone | cache alone | hit rate |"
    );
    println!("|---:|---:|---:|---:|---:|---:|---:|");
    for count in [1, 1000, 100_000] {
        let credentials: Vec<HeaderValue> =
            distinct(&large(issuer, Algorithm::ES256), count).map(|token| bearer(&token)).collect();
        let room = TokenCache::default().entries(400_000).bytes(1 << 30);
        let api = server(issuer).token_cache(room).build().unwrap();
        let (mut plain, mut layer, mut require) = (inner(), protected(&api), required(&api));
        for _ in 0..3 {
            for credentials in &credentials {
                assert_eq!(call(&mut layer, credentials), 200);
            }
        }
        let before = api.token_cache_status().unwrap();
        let mut random = [1, 2, 3, 4, 5, 6].map(fastrand::Rng::with_seed);
        let [one, two, three, four, five, six] = &mut random;
        let found: quick_cache::sync::Cache<u128, Arc<[u8; 1000]>> = quick_cache::sync::Cache::new(400_000);
        (0..count as u128).for_each(|key| found.insert(key, Arc::new([0; 1000])));
        let hasher = SipHasher24::new_with_key(&[7; 16]);
        let mut cases = Cases::default();
        cases.add("service", || assert_eq!(call(&mut plain, &copy(one.choice(&credentials).unwrap())), 200));
        cases.add("layer", || assert_eq!(call(&mut layer, &copy(two.choice(&credentials).unwrap())), 200));
        cases.add("require", || assert_eq!(call(&mut require, &copy(three.choice(&credentials).unwrap())), 200));
        cases.add("cache", || {
            let found = found.get(&six.u128(..count as u128));
            std::hint::black_box(found.map(|entry| entry[0]));
        });
        cases.add("copy", || drop(std::hint::black_box(copy(five.choice(&credentials).unwrap()))));
        cases.add("hash", || {
            let credentials = copy(four.choice(&credentials).unwrap());
            std::hint::black_box(hasher.hash(&credentials.as_bytes()[7..]));
        });
        cases.measure(ROUNDS);
        let [copied, service, layer, require, hash, cache] =
            ["copy", "service", "layer", "require", "hash", "cache"].map(|name| cases.median(name));
        drop(cases);
        let after = api.token_cache_status().unwrap();
        let hits = (after.hits - before.hits) as f64;
        println!(
            "| {count} | {service:.0} | {:.0} | {:.0} | {:.0} | {cache:.0} | {:.4} |",
            layer - service,
            require - service,
            hash - copied,
            hits / (hits + (after.misses - before.misses) as f64)
        );
    }
}

/// Single requests, because a median hides what happens now and then.
fn slowest(issuer: &TestIssuer) {
    println!("\nRepeats one by one, 1,000 large ES256 tokens, ns, the request itself counted\n");
    let api = server(issuer).build().unwrap();
    let credentials: Vec<HeaderValue> =
        distinct(&large(issuer, Algorithm::ES256), 1000).map(|token| bearer(&token)).collect();
    let (mut plain, mut layer) = (inner(), protected(&api));
    for _ in 0..3 {
        for credentials in &credentials {
            assert_eq!(call(&mut layer, credentials), 200);
        }
    }
    let mut times = [Vec::new(), Vec::new()];
    for credentials in credentials.iter().cycle().take(200_000) {
        let start = Instant::now();
        call(&mut plain, credentials);
        let middle = Instant::now();
        call(&mut layer, credentials);
        times[0].push((middle - start).as_nanos());
        times[1].push(middle.elapsed().as_nanos());
    }
    for (name, mut times) in ["service alone", "behind the layer"].into_iter().zip(times) {
        times.sort_unstable();
        let [median, p99, p999] = [50.0, 99.0, 99.9].map(|part| times[(times.len() as f64 * part / 100.0) as usize]);
        println!("{name}: median {median}, p99 {p99}, p99.9 {p999}");
    }
}

/// What the admission filter of the token cache saves: the server against `quick_cache` with as many entries and no filter.
///
/// 800 tokens are used again and again while one-time tokens come, in equal numbers or nine times as many.
fn admission(issuer: &TestIssuer) {
    const ENTRIES: u64 = 1_000;
    const USES: usize = 5_000;
    println!("\nThe admission filter: 800 ES256 tokens that are used again, among others that are used once\n");
    println!("| one-time tokens | hit rate of the others | … without the filter | an insert, ns | of a first use |");
    println!("|---:|---:|---:|---:|---:|");
    let token = small(issuer, Algorithm::ES256);
    let often: Vec<String> = distinct(&token, 800).collect();
    for once_of_ten in [5, 9] {
        let api = server(issuer).token_cache(TokenCache::default().entries(ENTRIES)).build().unwrap();
        let unfiltered = without_filter(ENTRIES);
        let other = token.clone().subject("once");
        let mut once = distinct(&other, 40 * USES);
        let mut random = fastrand::Rng::with_seed(1);
        let (mut hits, mut uses, mut one_time) = (0, 0, 0_u64);
        let mut before = 0;
        while uses < 2 * USES {
            if random.u8(..10) < once_of_ten {
                one_time += 1;
                api.try_verify(&once.next().unwrap()).unwrap();
                unfiltered.insert(1_000 + one_time, Arc::new([0; 1000]));
                continue;
            }
            let which = random.usize(..often.len());
            api.try_verify(&often[which]).unwrap();
            uses += 1;
            let is_hit = unfiltered.get(&(which as u64)).is_some();
            if !is_hit {
                unfiltered.insert(which as u64, Arc::new([0; 1000]));
            }
            // The first half fills both.
            if uses > USES {
                hits += u32::from(is_hit);
            } else {
                before = api.token_cache_status().unwrap().hits;
            }
        }
        let filtered = (api.token_cache_status().unwrap().hits - before) as f64 / USES as f64;
        let off = server(issuer).token_cache(TokenCache::off()).build().unwrap();
        let mut next = 1_000_000..;
        let mut cases = Cases::default();
        cases.add("insert", || unfiltered.insert(next.next().unwrap(), Arc::new([0; 1000])));
        cases.add("allocate", || drop(std::hint::black_box(Arc::new([0_u8; 1000]))));
        cases.add("first", || drop(off.try_verify(&often[0]).unwrap()));
        cases.measure(ROUNDS);
        let [insert, allocate, first] = ["insert", "allocate", "first"].map(|name| cases.median(name));
        drop(cases);
        let without = f64::from(hits) / USES as f64;
        let insert = insert - allocate;
        println!("| {once_of_ten} of 10 | {filtered:.3} | {without:.3} | {insert:.0} | {:.4} |", insert / first);
    }
}

/// The cache as the server has it, but for the filter.
fn without_filter(entries: u64) -> quick_cache::sync::Cache<u64, Arc<[u8; 1000]>> {
    let options = quick_cache::OptionsBuilder::new()
        .weight_capacity(entries)
        .estimated_items_capacity(usize::try_from(entries).unwrap())
        .hot_allocation(0.7)
        .build()
        .unwrap();
    let lifecycle = quick_cache::sync::DefaultLifecycle::default();
    quick_cache::sync::Cache::with_options(
        options,
        quick_cache::UnitWeighter,
        quick_cache::DefaultHashBuilder::default(),
        lifecycle,
    )
}

/// An axum server with one worker, and clients that keep their connections.
struct Served {
    connections: Vec<TcpStream>,
    request: Vec<u8>,
    /// Where the system says how long the worker has run, if it does.
    schedule: PathBuf,
}

impl Served {
    fn start(app: axum::Router, credentials: &HeaderValue) -> Self {
        let (ready, started) = mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                let thread = std::fs::read_link("/proc/thread-self").unwrap_or_default();
                ready.send((listener.local_addr().unwrap(), thread)).unwrap();
                axum::serve(listener, app).await.unwrap();
            });
        });
        let (address, thread) = started.recv().unwrap();
        let request = format!(
            "GET /me HTTP/1.1\r\nhost: api.example.com\r\naccept: */*\r\nauthorization: {}\r\n\r\n",
            credentials.to_str().unwrap()
        );
        let connect = |_| {
            let connection = TcpStream::connect(address).unwrap();
            connection.set_nodelay(true).unwrap();
            connection
        };
        let connections = (0..16).map(connect).collect();
        Self { connections, request: request.into(), schedule: Path::new("/proc").join(thread).join("schedstat") }
    }

    /// One request on each connection.
    fn round(&mut self) {
        for connection in &mut self.connections {
            connection.write_all(&self.request).unwrap();
        }
        for connection in &mut self.connections {
            let mut answer = [0; 1024];
            let length = connection.read(&mut answer).unwrap();
            assert!(answer.starts_with(b"HTTP/1.1 200") && answer[..length].ends_with(b"hello"), "a whole answer");
        }
    }

    /// Microseconds of wall time for each request, and of the worker's own time.
    fn slice(&mut self) -> (f64, f64) {
        const ROUNDS: u32 = 40;
        let (start, before) = (Instant::now(), self.worked());
        (0..ROUNDS).for_each(|_| self.round());
        let requests = f64::from(ROUNDS) * self.connections.len() as f64;
        (start.elapsed().as_secs_f64() * 1e6 / requests, (self.worked() - before) / 1e3 / requests)
    }

    /// How long the worker has run, in nanoseconds; 0 where the system does not say.
    fn worked(&self) -> f64 {
        let schedule = std::fs::read_to_string(&self.schedule).unwrap_or_default();
        schedule.split(' ').next().and_then(|run| run.parse().ok()).unwrap_or_default()
    }
}

fn end_to_end(issuer: &TestIssuer) {
    println!("\nEnd to end: axum, one worker, 16 connections that are kept, one large ES256 token\n");
    let credentials = bearer(&large(issuer, Algorithm::ES256).sign());
    let app = || axum::Router::new().route("/me", axum::routing::get(async || "hello"));
    let (on, off) = (server(issuer).build().unwrap(), server(issuer).token_cache(TokenCache::off()).build().unwrap());
    let kinds = ["without the layer", "with it", "with it, cache off"];
    let mut served =
        [app(), app().layer(on.layer()), app().layer(off.layer())].map(|app| Served::start(app, &credentials));
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    for served in &mut served {
        served.slice();
    }
    for _ in 0..ROUNDS {
        for (served, times) in served.iter_mut().zip(&mut times) {
            times.push(served.slice());
        }
    }
    let median = |mut rounds: Vec<f64>| {
        rounds.sort_by(f64::total_cmp);
        rounds[ROUNDS / 2]
    };
    let alone = times[0].clone();
    for (kind, times) in kinds.iter().zip(&times) {
        let rate = 1e6 / median(times.iter().map(|(wall, _)| *wall).collect());
        let worked = median(times.iter().map(|(_, worked)| *worked).collect());
        // Round by round, so that both had the same neighbours.
        let more =
            |of: fn(&(f64, f64)) -> f64| median(times.iter().zip(&alone).map(|(one, two)| of(one) - of(two)).collect());
        let (wall_more, worked_more) = (more(|times| times.0), more(|times| times.1));
        println!(
            "{kind}: {rate:.0} requests/s, {wall_more:.2} µs more; the worker {worked:.2} µs, {worked_more:.2} more"
        );
    }
}

/// The same credentials as if they had been read from a socket: wherever they were before, their bytes are near now.
fn copy(credentials: &HeaderValue) -> HeaderValue {
    HeaderValue::from_bytes(credentials.as_bytes()).unwrap()
}

fn refusals(issuer: &TestIssuer) {
    println!("\nRefusals through the layer, ES256 tokens, ns, the request itself counted\n");
    for (size, token) in [("small", small(issuer, Algorithm::ES256)), ("large", large(issuer, Algorithm::ES256))] {
        refusals_of(issuer, size, &token);
    }
}

fn refusals_of(issuer: &TestIssuer, size: &str, token: &TokenBuilder) {
    let clock = TestClock::new();
    let api = server(issuer).build().unwrap();
    let next_day = server(issuer).clock(clock.clone()).build().unwrap();
    let forger = support::issuer();
    let good = token.sign();
    (0..3).for_each(|_| drop(next_day.try_verify(&good).unwrap()));
    // The keys stay fresh: only the time of day moves.
    clock.set(clock.now() + Duration::from_secs(25 * 60 * 60));
    let kinds = [
        ("no credentials", None),
        ("garbage", Some(bearer("abc"))),
        ("expired, good before", Some(bearer(&good))),
        ("expired, never good", Some(bearer(&token.clone().expired_for(Duration::from_secs(600)).sign()))),
        ("wrong audience", Some(bearer(&token.clone().audience("https://other.example.com").sign()))),
        ("a kid that was absent a moment ago", Some(bearer(&token.clone().header("kid", "absent").sign()))),
        ("bad signature", Some(bearer(&token.clone().signed_by(&forger).sign()))),
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _entered = runtime.enter();
    // It is looked for once, and then known to be absent for 5 seconds.
    let absent = kinds[5].1.as_ref().unwrap().to_str().unwrap().trim_start_matches("Bearer ").to_owned();
    runtime.block_on(async { api.verify(&absent).await.unwrap_err() });
    for (kind, credentials) in kinds {
        let mut layer = protected(if kind == "expired, good before" { &next_day } else { &api });
        let mut cases = Cases::default();
        cases.add(kind, || {
            let status = match &credentials {
                Some(credentials) => call(&mut layer, credentials),
                None => call_bare(&mut layer),
            };
            assert_eq!(status, 401);
        });
        cases.measure(ROUNDS);
        println!("{size} {kind}: {:.0}", cases.median(kind));
    }
}

/// Runs `work` on so many threads, each with an index, and returns how often all of them together did it in a second.
fn rate(threads: usize, work: impl Fn(usize) + Sync) -> f64 {
    const TIME: Duration = Duration::from_millis(3);
    let barrier = Barrier::new(threads);
    let (barrier, work) = (&barrier, &work);
    std::thread::scope(|scope| {
        let run = |thread: usize| {
            move || {
                barrier.wait();
                let (start, mut count) = (Instant::now(), 0_u32);
                while start.elapsed() < TIME {
                    (0..50).for_each(|_| work(thread));
                    count += 50;
                }
                f64::from(count) / start.elapsed().as_secs_f64()
            }
        };
        let threads: Vec<_> = (0..threads).map(|thread| scope.spawn(run(thread))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    })
}

fn two_threads(issuer: &TestIssuer) {
    println!("\nTwo threads, times what one does; repeats of large ES256 tokens\n");
    let api = server(issuer).build().unwrap();
    let credentials: Vec<HeaderValue> =
        distinct(&large(issuer, Algorithm::ES256), 1000).map(|token| bearer(&token)).collect();
    for _ in 0..3 {
        for credentials in &credentials {
            assert_eq!(call(&mut protected(&api), credentials), 200);
        }
    }
    let hasher = SipHasher24::new_with_key(&[7; 16]);
    let hash = |credentials: &HeaderValue| {
        std::hint::black_box(hasher.hash(&credentials.as_bytes()[7..]));
    };
    thread_local! {
        static RANDOM: RefCell<fastrand::Rng> = RefCell::new(fastrand::Rng::new());
    }
    for count in [1, 1000] {
        let credentials = &credentials[..count];
        let any = |_| RANDOM.with_borrow_mut(|random| random.choice(credentials).unwrap());
        let service = || LayerPerThread::new(&api);
        let (one, two) = (service(), service());
        let layer = |thread: usize| one.or(&two, thread).send(any(thread));
        let mut rounds: Vec<[f64; 4]> = (0..ROUNDS)
            .map(|_| {
                let hash = |thread| hash(any(thread));
                [rate(1, hash), rate(2, hash), rate(1, layer), rate(2, layer)]
            })
            .collect();
        let mut median = |of: fn(&[f64; 4]) -> f64| {
            rounds.sort_by(|a, b| of(a).total_cmp(&of(b)));
            of(&rounds[rounds.len() / 2])
        };
        let [hash, layer] = [median(|r| r[1] / r[0]), median(|r| r[3] / r[2])];
        println!("{count} tokens: hash alone {hash:.3}, layer {layer:.3}: {:.3}", layer / hash);
    }
}

/// A service that only one thread at a time calls, as a server's connection does.
struct LayerPerThread<S>(Mutex<S>);

impl LayerPerThread<()> {
    fn new(
        api: &ResourceServer,
    ) -> LayerPerThread<impl Service<Request<()>, Response = Response<()>, Error = Infallible>> {
        LayerPerThread(Mutex::new(protected(api)))
    }
}

impl<S: Service<Request<()>, Response = Response<()>, Error = Infallible>> LayerPerThread<S> {
    fn or<'a>(&'a self, other: &'a Self, thread: usize) -> &'a Self {
        if thread == 0 { self } else { other }
    }

    fn send(&self, credentials: &HeaderValue) {
        assert_eq!(call(&mut *self.0.lock().unwrap(), credentials), 200);
    }
}
