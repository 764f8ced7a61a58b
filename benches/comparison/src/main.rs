//! The same measurements for this crate and for its peers, side by side: see the README beside this package.

mod chart;
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

const USAGE: &str = "usage: cargo run --release [-- [speed | proofs | opaque | e2e | counts] [--chart FILE]]";

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    // The driver starts itself once more for every row and algorithm.
    if let [command, row] = &arguments[..]
        && command == worker::COMMAND
    {
        rows::named(row).work();
        return ExitCode::SUCCESS;
    }
    let chart = match chart_file(&mut arguments) {
        Ok(file) => file,
        Err(message) => {
            eprintln!("{message}\n{USAGE}");
            return ExitCode::FAILURE;
        }
    };
    let drawn = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => {
            machine::describe();
            let drawn = sections::speed::run();
            sections::proofs::run();
            sections::opaque::run();
            sections::e2e::run();
            sections::counts::run();
            Some(drawn)
        }
        ["speed"] => Some(sections::speed::run()),
        [section @ ("proofs" | "opaque" | "e2e" | "counts")] if chart.is_none() => {
            match section {
                "proofs" => sections::proofs::run(),
                "opaque" => sections::opaque::run(),
                "e2e" => sections::e2e::run(),
                _ => sections::counts::run(),
            }
            None
        }
        _ => {
            eprintln!("{USAGE}\nThe chart is of the section speed.");
            return ExitCode::FAILURE;
        }
    };
    if let (Some(file), Some(drawn)) = (chart, drawn)
        && let Err(error) = std::fs::write(&file, drawn.svg())
    {
        eprintln!("{file} cannot be written: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Takes the path after `--chart` out of the arguments.
fn chart_file(arguments: &mut Vec<String>) -> Result<Option<String>, &'static str> {
    let Some(at) = arguments.iter().position(|argument| argument == "--chart") else { return Ok(None) };
    let mut taken = arguments.drain(at..(at + 2).min(arguments.len())).skip(1);
    taken.next().map(Some).ok_or("--chart needs a file")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_the_chart_is_taken_out_of_the_arguments() {
        for (given, rest, file) in [
            (vec![], vec![], Ok(None)),
            (vec!["speed"], vec!["speed"], Ok(None)),
            (vec!["--chart", "a.svg"], vec![], Ok(Some("a.svg"))),
            (vec!["speed", "--chart", "a.svg"], vec!["speed"], Ok(Some("a.svg"))),
            (vec!["--chart", "a.svg", "speed"], vec!["speed"], Ok(Some("a.svg"))),
            (vec!["speed", "--chart"], vec!["speed"], Err("--chart needs a file")),
        ] {
            let mut arguments: Vec<_> = given.into_iter().map(String::from).collect();
            assert_eq!(chart_file(&mut arguments), file.map(|file: Option<&str>| file.map(String::from)));
            assert_eq!(arguments, rest);
        }
    }
}
