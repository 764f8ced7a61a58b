use std::time::Duration;

/// Sleeps for a random time: so many seconds at least and at most.
pub(crate) async fn pause(random: &mut fastrand::Rng, [least, most]: [f64; 2]) {
    tokio::time::sleep(Duration::from_secs_f64(least + (most - least) * random.f64())).await;
}
