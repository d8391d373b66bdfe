//! What Envoy's bootstrap says that a rollout must agree with.

use std::rc::Rc;

use super::source::Remark;
use super::yaml::Node;
use crate::assign::Version;
use crate::config::Config;

/// What Envoy's configuration says, of one file or of several.
#[derive(Clone, Debug, Default)]
pub struct Bootstrap {
    /// Whether it is Envoy's configuration at all.
    pub is_envoy: bool,
    /// The static clusters, where there is a bootstrap.
    clusters: Option<Vec<String>>,
    /// Whether there may be other clusters: a CDS server has them.
    has_others: bool,
    /// What early header mutation puts: names and values.
    early: Vec<(String, String)>,
}

/// Takes in a document.
pub fn add(document: &Node, to: &mut Bootstrap) {
    let is_envoy = ["static_resources", "dynamic_resources", "admin", "node", "resources"];
    to.is_envoy |= is_envoy.iter().any(|name| document.get(name).is_some());
    if let Some(clusters) = document.at(&["static_resources", "clusters"]) {
        let names = clusters.items().iter().filter_map(|it| it.get("name")?.text());
        to.clusters.get_or_insert_default().extend(names.map(str::to_owned));
    }
    to.has_others |= document.at(&["dynamic_resources", "cds_config"]).is_some();
    to.has_others |= document.at(&["dynamic_resources", "ads_config"]).is_some();
    document.walk(&mut |node| {
        let early = node.get("early_header_mutation_extensions");
        for extension in early.map(|it| it.items()).unwrap_or_default() {
            let mutations = extension.at(&["typed_config", "mutations"]);
            let puts = |mutation: &Rc<Node>| {
                let header = mutation.at(&["append", "header"])?;
                let text = |name| Some(header.get(name)?.text()?.to_owned());
                Some((text("key")?.to_ascii_lowercase(), text("value")?))
            };
            to.early.extend(mutations.iter().flat_map(|it| it.items()).filter_map(puts));
        }
    });
}

// === impl Bootstrap ===

impl Bootstrap {
    /// With what another file says.
    pub fn and(mut self, other: &Self) -> Self {
        self.is_envoy |= other.is_envoy;
        self.has_others |= other.has_others;
        if let Some(clusters) = &other.clusters {
            self.clusters.get_or_insert_default().extend_from_slice(clusters);
        }
        self.early.extend_from_slice(&other.early);
        self
    }

    /// In what a rollout does not agree with it: fields, values and mends.
    pub fn disagreements(&self, config: &Config) -> Vec<(String, String, String)> {
        let mut found = Vec::new();
        for version in Version::ALL {
            let cluster = config.cluster(version).as_str();
            let Some(known) = self.clusters.as_ref().filter(|_| !self.has_others) else { break };
            if !known.iter().any(|it| it == cluster) {
                let mend =
                    format!("is no cluster of the bootstrap, which has {}", known.join(", "));
                found.push((format!("versions.{version}.cluster"), format!("{cluster:?}"), mend));
            }
        }
        if self.early.is_empty() {
            return found;
        }
        let put = |name: &str| self.early.iter().find(|(it, _)| it == name).map(|(_, it)| it);
        let wanted = [
            ("cluster_header", config.cluster_header.as_str(), config.default_cluster.as_str()),
            ("version_header", config.version_header.as_str(), Version::Blue.as_str()),
        ];
        for (field, header, value) in wanted {
            let mend = match put(header) {
                Some(is) if is == value => continue,
                Some(is) if field == "cluster_header" => format!(
                    "early header mutation puts {is:?} there, and default_cluster is {value:?}: \
                     they are to be one"
                ),
                Some(is) => format!("early header mutation puts {is:?} there, and not {value:?}"),
                None => format!(
                    "no early header mutation puts {value:?} there, so a client may choose: let \
                     one overwrite it"
                ),
            };
            found.push((field.to_owned(), format!("{header:?}"), mend));
        }
        found
    }

    /// As remarks on a plugin configuration in a file.
    pub fn remarks(
        &self,
        config: &Config,
        file: &str,
        line: impl Fn(&str) -> usize,
    ) -> Vec<Remark> {
        let found = self.disagreements(config).into_iter();
        let remark = |(field, value, mend): (String, String, String)| Remark {
            file: file.to_owned(),
            line: line(&field),
            field,
            value: Some(value),
            mend,
        };
        found.map(remark).collect()
    }
}
