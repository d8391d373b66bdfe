//! Suggestions for misspelled names.

/// The first of `known` that `name` may be a misspelling of.
///
/// Both differ in one place only, by at most two characters, and have at least as many
/// characters in common. An edit distance would be more precise, but adds 1.7 KB to the `.wasm`.
#[cold]
pub(crate) fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    known.iter().copied().find(|candidate| is_near(name.as_bytes(), candidate.as_bytes()))
}

/// The beginning of a fix with the name that was probably meant; empty without one.
#[cold]
pub(crate) fn did_you_mean(name: Option<&str>) -> String {
    name.map(|name| format!("did you mean {name}? ")).unwrap_or_default()
}

/// Strips the common prefix and suffix, and compares the lengths of what remains.
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
    fn suggests_the_known_name_for_a_typing_error() {
        let known = ["rollout", "weights", "ramp", "pins", "cluster_header", "default_cluster"];
        for (written, suggestion) in [
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
            assert_eq!(nearest(written, &known), suggestion, "{written}");
        }
    }
}
