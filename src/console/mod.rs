//! The operator's page: what it shows, and who may ask it for what.
//!
//! | file | concept |
//! |---|---|
//! | [`view`] | what there is to show, as data: the schema of `/state.json` |
//! | [`build_view`] | from what the filter knows to what is shown |
//! | [`build_analysis`] | the same of what the judge says |
//! | [`rejections`] | configurations that the filter rejected |
//! | [`problems`] | what is wrong, and what to do about it |
//! | [`access`] | who may ask for what |
//! | [`http_response`] | what is answered, and with which headers |
//! | [`mod@page`] | the whole page as HTML, and what the browser may do with it |
//! | [`mod@headline`] | the first line: whether the release is fine, in words |
//! | [`progress`] | shares, steps, and what the next decision waits for |
//! | [`gate_table`] | blue beside green, by each gate |
//! | [`interval_chart`] | a difference against its margin, as a picture |
//! | [`share_chart`] | green's share over time, as a picture |
//! | [`transitions`] | decisions, orders and problems |
//! | [`counters`] | what is counted, side by side |
//! | [`actions`] | the buttons |
//! | [`labels`] | what people call metrics and phases |
//! | [`numbers`] | numbers as people read them |
//! | [`time_format`] | times as people read them |
//! | [`html`] | text that cannot break out of its place |
//!
//! The page is a pure function of a [`View`]; what a part writes cannot fail but by what
//! it writes to.

pub mod access;
pub mod actions;
pub mod build_analysis;
pub mod build_view;
pub mod counters;
pub mod gate_table;
pub mod headline;
pub mod html;
pub mod http_response;
pub mod interval_chart;
pub mod labels;
pub mod numbers;
pub mod page;
pub mod problems;
pub mod progress;
pub mod rejections;
pub mod share_chart;
pub mod time_format;
pub mod transitions;
pub mod view;

pub use access::{ConsoleRequest, ConsoleRequestHead};
pub use build_view::{ControlState, ViewInputs};
pub use headline::{Headline, Tone, headline};
pub use http_response::HttpResponse;
pub use page::{NO_ROLLOUT, content_security_policy, page};
pub use rejections::{PluginKind, Rejection, Rejections};
pub use view::View;
