//! What the filter costs, against what else could split the traffic.
//!
//!     cargo bench --bench cost -- count [--accept] [contestant…]

mod contestant;
mod count;
mod gateway;
mod http;
mod upstream;

#[path = "../filter/artifacts.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod artifacts;
#[path = "../filter/envoy/process.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod process;

use contestant::Contestant;

fn main() {
    // Cargo itself passes `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|it| it != "--bench").collect();
    let (flags, words): (Vec<_>, Vec<_>) =
        arguments.iter().map(String::as_str).partition(|it| it.starts_with('-'));
    let Some((&command, names)) = words.split_first() else {
        panic!("say what to measure: count");
    };
    let is_named = |contestant: &Contestant| {
        let name = contestant.name();
        names.is_empty()
            || *contestant == Contestant::Plain
            || names.iter().any(|named| name.contains(named))
    };
    let contestants: Vec<_> = Contestant::ALL.into_iter().filter(is_named).collect();
    match command {
        "count" => count::run(&contestants, flags.contains(&"--accept")),
        _ => panic!("{command:?} is nothing that is measured"),
    }
}
