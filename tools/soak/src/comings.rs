//! How tenants come and go, rest, and are named by strangers.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::client::{self, Shared};
use crate::pause::pause;
use crate::tenants::{Tenant, Tenants, Told};

/// How long a tenant that comes and goes is there, and how long it is gone.
const STAYS: [f64; 2] = [0.5, 2.0];
const IS_GONE: [f64; 2] = [0.5, 7.0];
/// After how long without use a tenant must have left the table, which keeps it for a minute, and how much longer it rests.
const IDLE: Duration = Duration::from_millis(60_500);
const RESTS: Duration = Duration::from_secs(2);
/// How long the pauses between the uses of a tenant in use are.
const USED: [f64; 2] = [2.0, 20.0];
/// How many names that no tenant has come at once, and how often.
const FLOOD: u64 = 250;
const FLOODS: [f64; 2] = [12.0, 25.0];
const FLOOD_LASTS: Duration = Duration::from_millis(1500);

/// One after the other is removed and added, until it is aborted.
pub(crate) async fn come_and_go(tenants: Arc<Tenants>, mut random: fastrand::Rng) {
    loop {
        let tenant = Arc::clone(tenants.changing(&mut random));
        pause(&mut random, STAYS).await;
        told(tenants.remove(&tenant, Told::AtOnce).await);
        pause(&mut random, IS_GONE).await;
        let how = if random.u32(..4) == 0 { Told::Never } else { Told::AtOnce };
        told(tenants.add(&tenant, how).await);
    }
}

/// The database loses two tenants without a word to the API. One is used on and stays; the other is not, and must be gone after a minute.
pub(crate) async fn rest(shared: Arc<Shared>, mut random: fastrand::Rng) {
    let [in_use, idle] = &shared.supply.tenants.local;
    tokio::join!(use_on(&shared, in_use, random.fork()), be_idle(&shared, idle, random));
}

async fn use_on(shared: &Shared, tenant: &Arc<Tenant>, mut random: fastrand::Rng) {
    ask(shared, "tenant, in memory, in use", tenant, &mut random).await;
    told(shared.supply.tenants.remove(tenant, Told::Never).await);
    loop {
        pause(&mut random, USED).await;
        ask(shared, "tenant, in memory, in use", tenant, &mut random).await;
    }
}

async fn be_idle(shared: &Shared, tenant: &Arc<Tenant>, mut random: fastrand::Rng) {
    loop {
        ask(shared, "tenant, in memory, at first", tenant, &mut random).await;
        told(shared.supply.tenants.remove(tenant, Told::Never).await);
        sleep(IDLE).await;
        tenant.must_be_known(false);
        for _ in 0..4 {
            sleep(RESTS / 2).await;
            ask(shared, "tenant, in memory, idle", tenant, &mut random).await;
        }
        told(shared.supply.tenants.add(tenant, Told::Never).await);
        sleep(Duration::from_secs(6)).await;
    }
}

/// Strangers name hundreds of tenants at once, until it is aborted.
pub(crate) async fn flood(shared: Arc<Shared>, mut random: fastrand::Rng) {
    loop {
        pause(&mut random, FLOODS).await;
        shared.supply.tenants.flood(true);
        for _ in 0..FLOOD {
            let (shared, mut random) = (Arc::clone(&shared), random.fork());
            tokio::spawn(async move {
                let presentation = shared.supply.unknown_tenant(&mut random);
                client::ask(&shared, None, presentation, None, &mut random).await;
            });
        }
        sleep(FLOOD_LASTS).await;
        shared.supply.tenants.flood(false);
    }
}

async fn ask(shared: &Shared, kind: &'static str, tenant: &Arc<Tenant>, random: &mut fastrand::Rng) {
    let presentation = shared.supply.tenants.local(kind, tenant, shared.supply.number());
    client::ask(shared, None, presentation, None, random).await;
}

/// What goes wrong here is the soak's own trouble, and shows as a wrong answer too.
fn told(outcome: std::io::Result<()>) {
    if let Err(error) = outcome {
        println!("a tenant cannot be changed: {error}");
    }
}
