use std::error::Error;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::connection::Connection;
use crate::folder::Folder;
use crate::proofs::Place;
use crate::redis::Redis;
use crate::settings::Settings;
use crate::supply::Supply;

/// How often the API is asked for its first keys.
const ATTEMPTS: u32 = 50;

/// The process behind the layer.
pub(crate) struct ApiProcess {
    process: Child,
    pub(crate) address: SocketAddr,
}

impl ApiProcess {
    pub(crate) fn start(folder: &Folder, settings: &Settings, redis: &Redis) -> Result<Self, Box<dyn Error>> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("serve").args(&settings.files).arg(folder.database()).arg(redis.url());
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        Ok(Self { process, address: line.trim().parse()? })
    }

    /// Asks until it has the keys of the steady issuer, which are never in doubt after that.
    pub(crate) async fn has_keys(&self, supply: &Supply, random: &mut fastrand::Rng) -> Result<(), Box<dyn Error>> {
        for place in [Place::Redis, Place::Memory] {
            for _ in 0..ATTEMPTS {
                let mut connection = Connection::open(self.address).await?;
                connection.send(&supply.proofs.good(place, supply.number(), random).request()).await?;
                if connection.receive().await?.status == 200 {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        Ok(())
    }

    pub(crate) async fn status(&self) -> Result<Value, Box<dyn Error>> {
        let mut connection = Connection::open(self.address).await?;
        connection.send(b"GET /status HTTP/1.1\r\nHost: api.example.test\r\n\r\n").await?;
        Ok(serde_json::from_str(&connection.receive().await?.body)?)
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Ends it. Returns whether it had not ended by itself, and does so without an error.
    pub(crate) fn stop(&mut self) -> Result<bool, Box<dyn Error>> {
        let was_there = self.process.try_wait()?.is_none();
        drop(self.process.stdin.take());
        Ok(was_there && self.process.wait()?.success())
    }
}
