//! The program for the library in this package.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    me::main().await
}
