//! The operator's page and `/state.json`.
//!
//! | file | concept |
//! |---|---|
//! | [`access`] | which request may read the page, and which may run a command |
//! | [`access_at_path`] | the same at a path of the release's listener |
//! | [`refused_requests`] | the limit on requests that are refused, such as those with a wrong token |
//! | [`http_response`] | responses and their security headers |
//! | [`view`], [`view_of_differences`], [`view_of_fleet`], [`view_of_history`], [`view_of_judge`], [`view_of_shadow`] | the schema of `/state.json` |
//! | [`build_view`], [`build_analysis`], [`build_differences`] | the view of a rollout, from its state, its analysis and their history |
//! | [`build_fleet`], [`fleet_table`] | the Envoys that share a rollout |
//! | [`build_shadow`], [`shadow_table`], [`shadow_headline`] | the step of a ramp in which no user is on green |
//! | [`build_judge`], [`judge_summary`], [`judge_problems`] | the judge of sampled answers |
//! | [`version_about`] | what a version is: its cluster, and what it changes |
//! | [`health`] | whether a rollout gets what it needs |
//! | [`outlook`] | whether a step will have enough evidence, and when |
//! | [`outlook_log`] | which of that is logged |
//! | [`problems`] | problems of a rollout, and how to fix them |
//! | [`rejections`] | configurations that the filter rejected |
//! | [`mod@page`] | the HTML page and its Content-Security-Policy |
//! | [`mod@headline`] | the one-sentence status of a rollout |
//! | [`actions`] | the buttons for operator commands |
//! | [`progress`] | the traffic split, the ramp's steps, and what the next decision waits for |
//! | [`gate_table`], [`interval_chart`] | blue and green by gate, with the interval of their difference |
//! | [`gate_sentence`] | a gate in one plain sentence |
//! | [`share_chart`], [`difference_chart`], [`time_axis`] | green's share and each gate's difference over time |
//! | [`transitions`] | decisions, the operator command in force, and problems |
//! | [`step_totals`], [`counters`] | totals of the step, and counters since Envoy started |
//! | [`labels`], [`numbers`], [`time_format`], [`html`] | display names, number and time formats, escaping |
//!
//! The page is a pure function of a [`View`]. Functions that write a part of it fail only if
//! the writer does.

pub mod access;
pub mod access_at_path;
pub mod actions;
pub mod build_analysis;
mod build_differences;
mod build_fleet;
mod build_judge;
mod build_shadow;
pub mod build_view;
pub mod counters;
mod difference_chart;
pub mod fleet_table;
pub mod gate_sentence;
pub mod gate_table;
pub mod headline;
pub mod health;
pub mod html;
pub mod http_response;
pub mod interval_chart;
mod judge_problems;
pub mod judge_summary;
pub mod labels;
pub mod numbers;
pub mod outlook;
pub mod outlook_log;
pub mod page;
pub mod problems;
pub mod progress;
pub mod refused_requests;
pub mod rejections;
mod shadow_headline;
pub mod shadow_table;
pub mod share_chart;
pub mod step_totals;
mod time_axis;
pub mod time_format;
pub mod transitions;
pub mod version_about;
pub mod view;
mod view_of_differences;
mod view_of_fleet;
mod view_of_history;
mod view_of_judge;
mod view_of_shadow;

pub use access::{
    COMMAND_HEADER, ConsoleRequest, ConsoleRequestHead, ROLLOUT_QUERY, TOKEN_VARIABLE,
};
pub use build_judge::JudgeSpending;
pub use build_view::{ControlState, ViewInputs};
pub use headline::{Headline, Tone, headline};
pub use http_response::HttpResponse;
pub use page::{NO_ROLLOUT, content_security_policy, page};
pub use refused_requests::{Refusal, RefusedRequests};
pub use rejections::{Acceptance, PluginKind, Rejection, Rejections};
pub use view::View;
