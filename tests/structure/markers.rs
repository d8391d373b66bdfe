//! The markers `// === impl X ===`, which say whose `impl` blocks come next.

/// The markers of a file after which, up to the next marker, no `impl` block has the type that they name.
pub fn stale(text: &str) -> Vec<&str> {
    let sections = text.split("// === impl ").skip(1);
    let stale = sections.flat_map(|section| {
        let (names, code) = section.split_once(" ===\n").unwrap_or((section, ""));
        let is_stale = move |name: &&str| !impl_headers(code).any(|it| has_word(it, name));
        names.split(", ").filter(is_stale)
    });
    stale.collect()
}

/// What each `impl` block that is not inside of another item begins with, up to its brace.
fn impl_headers(code: &str) -> impl Iterator<Item = &str> {
    let is_impl = |at: &usize| *at == 0 || code[..*at].ends_with('\n');
    let begins = code.match_indices("impl").map(|(at, _)| at).filter(is_impl);
    begins.filter_map(|at| code[at..].split('{').next())
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|it: char| !it.is_alphanumeric() && it != '_').any(|it| it == word)
}
