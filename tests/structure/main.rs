//! The structure of `src`: imports form no circle, files stay short, and markers name what follows.
//!
//! `make lint` runs this; it needs neither the `.wasm` nor Envoy.

mod imports;
mod markers;
mod tree;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tree::Tree;

/// The longest a file of `src` may be, in lines.
const MAX_FILE_LINES: usize = 400;

fn source_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let is_rust = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs");
    let nested = folders.iter().flat_map(|folder| source_files(folder));
    files.into_iter().filter(is_rust).chain(nested).collect()
}

/// The files of `src` by their path in it, such as `rollout/state.rs`. The native binary is a
/// crate of its own, and left out.
fn sources() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let path_in_src = |file: &Path| file.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
    source_files(&root)
        .into_iter()
        .map(|file| (path_in_src(&file), std::fs::read_to_string(&file).unwrap()))
        .filter(|(path, _)| !path.starts_with("bin/"))
        .collect()
}

/// A crate as files, and the circles that it has.
struct Example {
    name: &'static str,
    files: &'static [(&'static str, &'static str)],
    circles: &'static [&'static str],
}

#[test]
fn imports_form_no_circle() {
    let sources = sources();
    let tree = Tree::parse(sources.iter().map(|(path, text)| (path.as_str(), text.as_str())));
    let circles = tree.circles();
    assert!(circles.is_empty(), "imports form a circle:\n{}", circles.join("\n"));
}

#[test]
fn no_file_is_longer_than_400_lines() {
    let lengths = sources().into_iter().map(|(path, text)| (path, text.lines().count()));
    let long: Vec<_> = lengths.filter(|(_, lines)| *lines > MAX_FILE_LINES).collect();
    assert!(long.is_empty(), "split these: {long:?}");
}

#[test]
fn markers_of_impl_blocks_name_the_type_that_follows() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut stale = Vec::new();
    for file in ["src", "tests"].iter().flat_map(|folder| source_files(&root.join(folder))) {
        // These have markers as text.
        if !file.starts_with(root.join("tests/structure")) {
            let text = std::fs::read_to_string(&file).unwrap();
            let found = markers::stale(&text).into_iter().map(str::to_owned);
            stale.extend(found.map(|name| format!("{}: {name}", file.display())));
        }
    }
    assert!(stale.is_empty(), "markers without an impl of that name: {stale:#?}");
}

#[test]
fn stale_markers_are_found() {
    for (text, stale) in [
        ("// === impl A ===\n\nimpl A {}\n", &[] as &[&str]),
        ("// === impl A ===\n\nimpl<T> fmt::Display\n    for A<T> {}\n", &[]),
        ("// === impl A, B ===\n\nimpl A {}\nimpl B {}\n", &[]),
        ("// === impl A, B ===\n\nimpl A {}\n", &["B"]),
        ("// === impl A ===\n\nimpl Ab {}\n// === impl Ab ===\nimpl A {}\n", &["A", "Ab"]),
        ("// === impl A ===\n\nfn f() -> impl A {}\n", &["A"]),
    ] {
        assert_eq!(markers::stale(text), stale, "{text}");
    }
}

#[test]
fn circles_of_files_and_of_folders_are_found() {
    const LIB: (&str, &str) = ("lib.rs", "pub mod a; pub mod b; pub mod c;");
    let examples = [
        Example {
            name: "an import each",
            files: &[LIB, ("a.rs", "use crate::b::B; struct A;"), ("b.rs", "use crate::a::A;")],
            circles: &["a -> b -> a"],
        },
        Example {
            name: "a path in an expression",
            files: &[LIB, ("a.rs", "fn f() { crate::b::g() }"), ("b.rs", "use super::a::f;")],
            circles: &["a -> b -> a"],
        },
        Example {
            name: "a path in a macro",
            files: &[LIB, ("a.rs", "fn f() { print!(crate::b::G) }"), ("b.rs", "use super::a::f;")],
            circles: &["a -> b -> a"],
        },
        Example {
            name: "over three files, in a group",
            files: &[
                LIB,
                ("a.rs", "use super::{b::{self, B}, d};"),
                ("b.rs", "use crate::c as other;"),
                ("c.rs", "use crate::a::*;"),
            ],
            circles: &["a -> b -> c -> a"],
        },
        Example {
            name: "a parent that imports its child, which imports what the parent defines",
            files: &[
                ("lib.rs", "mod a;"),
                ("a/mod.rs", "mod b; fn f() { b::g() } struct A;"),
                ("a/b.rs", "use super::A;"),
            ],
            circles: &["a -> a::b -> a"],
        },
        Example {
            name: "folders, though their files form none",
            files: &[
                ("lib.rs", "mod a; mod b;"),
                ("a/mod.rs", "pub mod one; pub mod two;"),
                ("a/one.rs", "use crate::b::one::X;"),
                ("a/two.rs", ""),
                ("b/mod.rs", "pub mod one; pub mod two;"),
                ("b/one.rs", ""),
                ("b/two.rs", "use crate::a::two::X;"),
            ],
            circles: &["a -> b -> a; a::one imports b::one; b::two imports a::two"],
        },
        Example {
            name: "none: what a parent re-exports belongs to the file that defines it",
            files: &[
                ("lib.rs", "mod a;"),
                ("a/mod.rs", "mod b; mod c; pub use b::B; pub use c::C;"),
                ("a/b.rs", "use super::C; use crate::a::c::D;"),
                ("a/c.rs", "use std::fmt; struct C;"),
            ],
            circles: &[],
        },
        Example {
            name: "none: tests and documentation are no imports",
            files: &[
                LIB,
                (
                    "a.rs",
                    "/// [`crate::b::B`]\nstruct A; \
                     #[cfg(test)] mod tests { use crate::b::B; } pub(in crate::b) fn f() {}",
                ),
                ("b.rs", "use crate::a::A; fn f() -> impl Iterator<Item = A> + use<> { g() }"),
            ],
            circles: &[],
        },
    ];
    for Example { name, files, circles } in examples {
        assert_eq!(Tree::parse(files.iter().copied()).circles(), circles, "{name}");
    }
}
