use std::process::Command;

/// Says on what and with what the figures were made.
pub fn describe() {
    let processor = std::fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    });
    let cores = std::thread::available_parallelism().map_or(0, Into::into);
    println!(
        "{}, {cores} cores, {}, {}\n",
        processor.as_deref().unwrap_or("a processor that does not say its name"),
        output("rustc", &["--version"]),
        output("date", &["-u", "+%Y-%m-%d"]),
    );
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map_or_else(|_| format!("no {program}"), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
