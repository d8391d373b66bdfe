//! The `:authority` of calls to a cluster.

use std::borrow::Cow;

/// The `:authority` of calls to a cluster: its name. Istio's names have characters that servers refuse
/// there, such as in `outbound|4318||otel.example`; they become dashes.
pub fn authority(cluster: &str) -> Cow<'_, str> {
    let is_in_host = |it: char| it.is_ascii_alphanumeric() || ".-_:".contains(it);
    match cluster.chars().all(is_in_host) {
        true => Cow::Borrowed(cluster),
        false => Cow::Owned(cluster.replace(|it| !is_in_host(it), "-")),
    }
}
