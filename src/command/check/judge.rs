//! Checks that Envoy's bootstrap has the cluster of the judge.

use super::bootstrap::Bootstrap;
use super::findings::Findings;
use super::plugin::ParsedPlugin;

const FIELD: &str = "judge.cluster";

/// Checks a rollout's judge.
pub fn check(bootstrap: &Bootstrap, plugin: &ParsedPlugin<'_>, findings: &mut Findings) {
    let Some(judge) = plugin.release().and_then(|it| it.judge.as_ref()) else { return };
    let name = judge.cluster.as_str();
    if let Some(fix) = bootstrap.lacks_cluster(name) {
        let fix = format!(
            "{fix}: without it nothing is judged; add the cluster of envoy/judge.yaml with the \
             endpoints of the judge"
        );
        findings.problems.push(plugin.finding_at_field(FIELD, &format!("{name:?}"), fix));
    }
}
