//! Changes of single fields in the file that Envoy watches.
//!
//! | file | concept |
//! |---|---|
//! | `editable_file` | a file with one rollout, and edits of its fields |
//! | `field_edit` | the new value of a field, and the edit of a text |
//! | `yaml_text` | a configuration as YAML, and its edits |
//! | `unquoted` | JSON text within YAML quotes, and its positions there |
//! | `replace_file` | replacing a file by a rename |
//! | `file_change` | the report of a change |

mod editable_file;
mod field_edit;
mod file_change;
mod replace_file;
mod unquoted;
mod yaml_text;

pub use editable_file::{ChangedField, EditableFile};
pub use field_edit::FieldEdit;
pub use file_change::FileChange;
