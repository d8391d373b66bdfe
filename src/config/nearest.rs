//! The name that was probably meant where another one is written.

/// The one of `known` that was probably meant by `name`: the two differ in one place only, by at
/// most two characters, and have as many characters in common.
///
/// This is cruder than an edit distance, which would add 1.7 KB to the `.wasm`.
#[cold]
pub(crate) fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    known.iter().copied().find(|it| is_near(name.as_bytes(), it.as_bytes()))
}

/// Drops what both begin and end with, and looks at how much is left.
#[cold]
fn is_near(mut a: &[u8], mut b: &[u8]) -> bool {
    let mut common = 0;
    while let ([first, a_rest @ ..], [other, b_rest @ ..]) = (a, b)
        && first.eq_ignore_ascii_case(other)
    {
        (a, b, common) = (a_rest, b_rest, common + 1);
    }
    while let ([a_rest @ .., last], [b_rest @ .., other]) = (a, b)
        && last.eq_ignore_ascii_case(other)
    {
        (a, b, common) = (a_rest, b_rest, common + 1);
    }
    a.len().max(b.len()) <= common.min(2)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_typing_error_is_recognised() {
        let known = ["rollout", "weights", "ramp", "pins", "cluster_header", "default_cluster"];
        for (written, meant) in [
            ("wieghts", Some("weights")),
            ("weight", Some("weights")),
            ("WEIGHTS", Some("weights")),
            ("rmap", Some("ramp")),
            ("clusterHeader", Some("cluster_header")),
            ("pin", Some("pins")),
            ("rampp", Some("ramp")),
            ("teal", None),
            ("", None),
            ("no_such_field", None),
        ] {
            assert_eq!(nearest(written, &known), meant, "{written}");
        }
    }
}
