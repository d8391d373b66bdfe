//! The operator's page: what it shows, and who may ask it for what.
//!
//! | file | concept |
//! |---|---|
//! | [`view`] | what there is to show, as data: the schema of `/state.json` |
//! | [`known`] | from what the filter knows to what is shown |
//! | [`judged`] | the same of what the judge says |
//! | [`rejections`] | configurations that the filter rejected |
//! | [`problems`] | what is wrong, and what to do about it |
//! | [`ask`] | who may ask for what |
//! | [`answer`] | what is answered, and with which headers |
//! | [`page`] | the whole page as HTML, and what the browser may do with it |
//! | [`headline`] | the first line: whether the release is fine, in words |
//! | [`standing`] | shares, steps, and what the next decision waits for |
//! | [`gates`] | blue beside green, by each gate |
//! | [`interval`] | a difference against its margin, as a picture |
//! | [`shares`] | green's share over time, as a picture |
//! | [`decisions`] | decisions, orders and problems |
//! | [`counters`] | what is counted, side by side |
//! | [`steering`] | the buttons |
//! | [`words`] | what people call metrics and phases |
//! | [`figures`] | numbers as people read them |
//! | [`time`] | times as people read them |
//! | [`html`] | text that cannot break out of its place |
//!
//! The page is a pure function of a [`View`]; what a part writes cannot fail but by what
//! it writes to.

pub mod answer;
pub mod ask;
pub mod counters;
pub mod decisions;
pub mod figures;
pub mod gates;
pub mod headline;
pub mod html;
pub mod interval;
pub mod judged;
pub mod known;
pub mod page;
pub mod problems;
pub mod rejections;
pub mod shares;
pub mod standing;
pub mod steering;
pub mod time;
pub mod view;
pub mod words;

pub use answer::Answer;
pub use ask::{Ask, Head};
pub use headline::{Headline, Tone, headline};
pub use known::{Known, Standing};
pub use page::{NO_ROLLOUT, content_security_policy, page};
pub use rejections::{Kind, Rejection, Rejections};
pub use view::View;
