//! The same measurements for this crate and for its peers, side by side: see the README beside this package.

mod issuer;
mod link;
mod load;
mod machine;
mod peer;
mod peers;
mod rows;
mod sections;
mod statistics;
mod subject;
mod table;
mod worker;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => {
            machine::describe();
            sections::speed::run();
            sections::proofs::run();
            sections::e2e::run();
            sections::counts::run();
        }
        ["speed"] => sections::speed::run(),
        ["proofs"] => sections::proofs::run(),
        ["e2e"] => sections::e2e::run(),
        ["counts"] => sections::counts::run(),
        // The driver starts itself once more for every row and algorithm.
        [worker::COMMAND, row] => rows::named(row).work(),
        _ => {
            eprintln!("usage: cargo run --release [-- speed | proofs | e2e | counts]");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
