//! Checks that Envoy's bootstrap has the receiver of exported samples.

use super::bootstrap::Bootstrap;
use super::findings::Findings;
use super::plugin::ParsedPlugin;

const FIELD: &str = "samples.cluster";

/// Checks a rollout's export of samples.
pub fn check(bootstrap: &Bootstrap, plugin: &ParsedPlugin<'_>, findings: &mut Findings) {
    let Some(samples) = plugin.release().and_then(|it| it.samples.as_ref()) else { return };
    let name = samples.cluster.as_str();
    if let Some(fix) = bootstrap.lacks_cluster(name) {
        let fix = format!(
            "{fix}: no sample is exported; add a cluster with the OpenTelemetry receiver, or write \
             its name"
        );
        findings.problems.push(plugin.finding_at_field(FIELD, &format!("{name:?}"), fix));
    }
}
