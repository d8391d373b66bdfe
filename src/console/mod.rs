//! The operator's page: what it shows.
//!
//! | file | concept |
//! |---|---|
//! | [`view`] | what there is to show, as data: the schema of `/state.json` |

pub mod view;

pub use view::View;
