//! The states of all consoles, as text and as JSON.

use serde::ser::SerializeSeq as _;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::status_of_console::StatusOfConsole;
use super::wait::WaitResult;
use crate::command::output::{HEAD, Report, ReportOutcome, styled};

/// The states of all consoles.
pub struct StatusReport {
    pub(super) all: Vec<StatusOfConsole>,
    /// How a wait ended.
    pub(super) waited: Option<WaitResult>,
}

/// A console in a list, as JSON.
#[derive(Serialize)]
struct ListedConsole<'a> {
    console: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

// === impl StatusReport ===

impl Serialize for StatusReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let [StatusOfConsole { state: Ok(state), .. }] = self.all.as_slice() {
            return state.json.serialize(serializer);
        }
        let mut list = serializer.serialize_seq(Some(self.all.len()))?;
        for StatusOfConsole { address, state } in &self.all {
            list.serialize_element(&ListedConsole {
                console: address,
                state: state.as_ref().ok().map(|it| &*it.json),
                error: state.as_ref().err().map(String::as_str),
            })?;
        }
        list.end()
    }
}

impl Report for StatusReport {
    fn text(&self) -> String {
        let texts: Vec<_> = match self.all.as_slice() {
            [only] => vec![only.text()],
            all => {
                let text =
                    |it: &StatusOfConsole| format!("{}\n{}", styled(HEAD, &it.address), it.text());
                all.iter().map(text).collect()
            }
        };
        let waited = self.waited.as_ref().map(|it| format!("\n{}", it.text())).unwrap_or_default();
        texts.join("\n") + &waited
    }

    fn beside_json(&self) -> Option<String> {
        self.waited.as_ref().map(WaitResult::text)
    }

    fn outcome(&self) -> ReportOutcome {
        if self.all.iter().any(|it| it.state.is_err()) {
            return ReportOutcome::Unreachable;
        }
        let is_ok = match &self.waited {
            Some(result) => matches!(result, WaitResult::Reached(_)),
            None => !self.all.iter().any(StatusOfConsole::is_bad),
        };
        if is_ok { ReportOutcome::Ok } else { ReportOutcome::Findings }
    }
}
