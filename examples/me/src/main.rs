//! The program of the library beside it.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    me::main().await
}
