//! Checks that Envoy's bootstrap has the clusters that `judge` and `samples` call.

use super::bootstrap::Bootstrap;
use super::findings::Findings;
use super::plugin::ParsedPlugin;

/// Checks a rollout's judge and its export of samples.
pub fn check(bootstrap: &Bootstrap, plugin: &ParsedPlugin<'_>, findings: &mut Findings) {
    let Some(config) = plugin.release() else { return };
    if let Some(judge) = &config.judge {
        let fix = "without it nothing is judged; add the cluster of envoy/judge.yaml with the \
                   endpoints of the judge";
        plugin.check_cluster(bootstrap, "judge.cluster", judge.cluster.as_str(), fix, findings);
    }
    if let Some(samples) = &config.samples {
        let fix = "no sample is exported; add a cluster with the OpenTelemetry receiver, or write \
                   its name";
        plugin.check_cluster(bootstrap, "samples.cluster", samples.cluster.as_str(), fix, findings);
    }
}
