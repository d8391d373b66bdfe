//! Changes of single fields in the file that Envoy watches.
//!
//! | file | concept |
//! |---|---|
//! | `editable_file` | a file with one rollout, and edits of its fields |
//! | `unquoted` | JSON text within YAML quotes, and its positions there |
//! | `replace_file` | replacing a file by a rename |
//! | `file_change` | the report of a change |

mod editable_file;
mod file_change;
mod replace_file;
mod unquoted;

pub use editable_file::{ChangedField, EditableFile, FieldEdit};
pub use file_change::FileChange;
