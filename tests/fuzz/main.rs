//! The targets of `make fuzz`, on the inputs that it has found, and on changes of them. This needs no nightly
//! compiler.
//!
//! `make corpora` writes the inputs into `tests/data/fuzz`, one file a target, one input a line.

#![allow(clippy::duplicate_mod, reason = "targets are crates that share a file")]

// The targets name the crate that fuzzes them.
extern crate self as libfuzzer_sys;

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use proptest::prelude::*;

/// Makes a function of a target. As in `libfuzzer-sys`, bytes that are no input of its type are left out.
#[macro_export]
macro_rules! fuzz_target {
    (|$bytes:ident: &[u8]| $body:block) => {
        pub fn run($bytes: &[u8]) $body
    };
    (|$input:ident: $type:ty| $body:block) => {
        pub fn run(bytes: &[u8]) {
            let bytes = arbitrary::Unstructured::new(bytes);
            if let Ok($input) = <$type as arbitrary::Arbitrary>::arbitrary_take_rest(bytes) {
                $body
            }
        }
    };
}

macro_rules! targets {
    ($($name:ident: $path:literal,)*) => {
        $(
            #[path = $path]
            #[allow(unused_attributes, unused_imports, reason = "when it is fuzzed, it is a crate")]
            mod $name;
        )*

        /// The targets.
        const TARGETS: &[(&str, fn(&[u8]))] = &[$((stringify!($name), $name::run),)*];
    };
}

targets! {
    amazon: "../../fuzz/fuzz_targets/amazon.rs",
    assignment: "../../fuzz/fuzz_targets/assignment.rs",
    config: "../../fuzz/fuzz_targets/config.rs",
    console: "../../fuzz/fuzz_targets/console.rs",
    export: "../../fuzz/fuzz_targets/export.rs",
    feedback: "../../fuzz/fuzz_targets/feedback.rs",
    fleet: "../../fuzz/fuzz_targets/fleet.rs",
    formats: "../../fuzz/fuzz_targets/formats.rs",
    headers: "../../fuzz/fuzz_targets/headers.rs",
    json: "../../fuzz/fuzz_targets/json.rs",
    judge: "../../fuzz/fuzz_targets/judge.rs",
    patch: "../../fuzz/fuzz_targets/patch.rs",
    sse: "../../fuzz/fuzz_targets/sse.rs",
    store: "../../fuzz/fuzz_targets/store.rs",
}

/// The inputs that are kept of a target.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/fuzz");
    let text = std::fs::read_to_string(folder.join(target).with_extension("txt")).unwrap();
    text.lines().map(|line| BASE64.decode(line).unwrap()).collect()
}

#[test]
fn every_kept_input_passes() {
    for (name, run) in TARGETS {
        let corpus = corpus(name);
        assert!(corpus.len() >= 20, "{name}: {}", corpus.len());
        corpus.iter().for_each(|input| run(input));
    }
}

/// The fuzzer, this test and the Makefile have the same targets.
#[test]
fn all_targets_are_fuzzed() {
    let makefile = include_str!("../../Makefile");
    let fuzzed = makefile.lines().find_map(|line| line.strip_prefix("FUZZED := ")).unwrap();
    let mut fuzzed: Vec<&str> = fuzzed.split(' ').collect();
    fuzzed.sort_unstable();
    let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, fuzzed);
    let manifest = include_str!("../../fuzz/Cargo.toml");
    assert_eq!(manifest.matches("[[bin]]").count(), names.len());
}

proptest! {
    /// Kept inputs with some bytes replaced, and cut.
    #[test]
    fn changed_inputs_pass(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        size in any::<prop::sample::Index>(),
        is_cut: bool,
    ) {
        for (name, run) in TARGETS {
            let corpus = corpus(name);
            let mut input = which.get(&corpus).clone();
            if input.is_empty() {
                continue;
            }
            for (at, byte) in &changes {
                let at = at.index(input.len());
                input[at] = *byte;
            }
            if is_cut {
                input.truncate(size.index(input.len()));
            }
            run(&input);
        }
    }
}
