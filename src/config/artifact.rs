//! The builds of the filter, and which configurations the smaller one can run.

use serde_json::json;

use super::plugin::Plugin;
use super::{Config, FieldError, InvalidConfig};
use crate::patch::{BodyPatch, RequestPatch};

/// A build of the filter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Artifact {
    /// `verdigris.wasm`, which has everything.
    #[default]
    Full,
    /// `verdigris-route.wasm`, which assigns, routes and counts requests by their headers. Envoy does
    /// not call it for bodies and responses.
    Route,
}

// === impl Artifact ===

impl Artifact {
    /// Checks that this build can run a configuration.
    ///
    /// # Errors
    /// Each field that needs the full build.
    ///
    /// ```
    /// use verdigris::config::{Artifact, Plugin};
    /// let console = Plugin::parse(br#"{"role": "console"}"#)?;
    /// assert!(Artifact::Full.check(&console).is_ok());
    /// assert!(Artifact::Route.check(&console).is_err());
    /// # Ok::<(), verdigris::config::InvalidConfig>(())
    /// ```
    pub fn check(self, plugin: &Plugin) -> Result<(), InvalidConfig> {
        let errors = match (self, plugin) {
            (Self::Full, _) => Vec::new(),
            (Self::Route, Plugin::Rollout(config)) => beyond_routing(config),
            (Self::Route, Plugin::Console(_)) => {
                let fix = "verdigris-route.wasm has no page: load verdigris.wasm";
                vec![FieldError::new("role", &json!("console"), fix)]
            }
        };
        if errors.is_empty() { Ok(()) } else { Err(InvalidConfig { errors }) }
    }
}

/// An error for each field that needs bodies or responses.
fn beyond_routing(config: &Config) -> Vec<FieldError> {
    let is_shadow = config.is_shadow();
    // A ramp, a shadow, a judge and an export observe responses without `answers` too.
    let is_answers = config.ramp.is_none()
        && config.shadow.is_none()
        && config.judge.is_none()
        && config.samples.is_none()
        && !is_shadow;
    let conversation = config.conversation.as_ref();
    let changes_body = |patch: &Option<RequestPatch>| {
        patch.as_ref().is_some_and(|patch| patch.body != BodyPatch::default())
    };
    let responses =
        "verdigris-route.wasm does not see responses: load verdigris.wasm, or remove this";
    let bodies = "verdigris-route.wasm does not see bodies: load verdigris.wasm, or";
    let ramp = "a ramp needs responses, which verdigris-route.wasm does not see: load verdigris.wasm, or \
                set \"weights\" instead";
    let marker = "a marker is sent with responses, which verdigris-route.wasm does not see: write [], or load \
                  verdigris.wasm";
    let page = "verdigris-route.wasm has no page: load verdigris.wasm, or remove this".to_owned();
    let fields = [
        ("role", is_shadow, responses.to_owned()),
        ("ramp", config.ramp.is_some(), ramp.to_owned()),
        ("fleet", config.fleet.is_some(), responses.to_owned()),
        ("answers", is_answers && config.answers.is_some(), responses.to_owned()),
        ("shadow", config.shadow.is_some(), responses.to_owned()),
        ("versions.green.failover", config.green_failover.is_some(), responses.to_owned()),
        ("console", config.console.is_some(), page),
        ("judge", config.judge.is_some(), responses.to_owned()),
        ("samples", config.samples.is_some(), responses.to_owned()),
        ("feedback", config.feedback.is_some(), format!("{bodies} remove this")),
        (
            "conversation.id",
            conversation.is_some_and(|it| !it.pointers.is_empty()),
            format!("{bodies} name headers and cookies alone"),
        ),
        (
            "conversation.marker",
            conversation.is_some_and(|it| !it.markers.is_empty()),
            marker.to_owned(),
        ),
        (
            "versions.blue.request",
            changes_body(&config.blue_request),
            format!("{bodies} change headers alone"),
        ),
        (
            "versions.green.request",
            changes_body(&config.green_request),
            format!("{bodies} change headers alone"),
        ),
    ];
    let errors = fields.into_iter().filter(|(_, is_set, _)| *is_set);
    errors.map(|(field, _, fix)| FieldError::unneeded(field, fix)).collect()
}
