//! Whether it is the etcd that answered before, with all its writes.
//!
//! A cluster that was wiped and started again has the same cluster id, if its members have the
//! same addresses, but begins at revision 1. A cluster that was restored from a backup continues at
//! an earlier revision. Only the revision shows both. etcd answers every request at a revision that is
//! no smaller than that of any answer before the request was sent.

use std::cell::{Cell, RefCell};

use super::message::ResponseHeader;

/// What the answers have said of the cluster.
#[derive(Debug, Default)]
pub struct Identity {
    cluster_id: Cell<Option<u64>>,
    revision: Cell<i64>,
    replacement: RefCell<Option<String>>,
}

/// What was known of the cluster when a request was sent.
#[derive(Clone, Copy, Debug)]
pub struct KnownBefore {
    cluster_id: Option<u64>,
    revision: i64,
}

// === impl Identity ===

impl Identity {
    /// What is known now, before a request is sent.
    pub fn before_request(&self) -> KnownBefore {
        KnownBefore { cluster_id: self.cluster_id.get(), revision: self.revision.get() }
    }

    /// Checks the header of an answer, and returns its revision.
    ///
    /// After another cluster has answered, that one is the known one. So each replacement is an
    /// error once, and [`Self::take_replacement`] returns it.
    ///
    /// # Errors
    /// A message: there is no header, or the cluster is another one, or has lost writes.
    pub fn check(
        &self,
        before: KnownBefore,
        header: Option<&ResponseHeader>,
    ) -> Result<u64, String> {
        let Some(header) = header else { return Err("the answer has no header".to_owned()) };
        let revision =
            u64::try_from(header.revision).ok().filter(|it| *it > 0).ok_or_else(|| {
                format!("the answer has revision {}: revisions begin at 1", header.revision)
            })?;
        let is_other_cluster = before.cluster_id.is_some_and(|it| it != header.cluster_id);
        let has_lost_writes = header.revision < before.revision;
        let now = self.before_request();
        let is_replaced_meanwhile = before.cluster_id.is_some_and(|it| now.cluster_id != Some(it))
            || now.revision < before.revision;
        if is_replaced_meanwhile {
            return Err("the request was sent before etcd was replaced".to_owned());
        }
        if !is_other_cluster && !has_lost_writes {
            self.cluster_id.set(Some(header.cluster_id));
            self.revision.set(now.revision.max(header.revision));
            return Ok(revision);
        }
        let message = if is_other_cluster {
            format!(
                "another etcd cluster answers, {:x} instead of {:x}",
                header.cluster_id,
                before.cluster_id.unwrap_or_default()
            )
        } else {
            format!(
                "etcd has lost writes: it is at revision {revision} and was at {}; it was wiped, or \
                 restored from a backup",
                before.revision
            )
        };
        self.cluster_id.set(Some(header.cluster_id));
        self.revision.set(header.revision);
        self.replacement.replace(Some(message.clone()));
        Err(message)
    }

    /// How the cluster was replaced since the last call; `None` where it was not.
    pub fn take_replacement(&self) -> Option<String> {
        self.replacement.take()
    }
}
