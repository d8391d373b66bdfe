//! Collects the errors of a configuration.

use serde_json::{Value, json};

use super::examples::example;
use super::{FieldError, InvalidConfig};
use crate::names::HeaderName;

/// The errors found so far.
#[derive(Default)]
pub(super) struct Diagnostics(Vec<FieldError>);

// === impl Diagnostics ===

impl Diagnostics {
    /// Returns `config` if there are no errors.
    ///
    /// # Errors
    /// All errors found.
    pub fn into_result<T>(self, config: Option<T>) -> Result<T, InvalidConfig> {
        match config {
            Some(config) if self.0.is_empty() => Ok(config),
            _ => Err(InvalidConfig { errors: self.0 }),
        }
    }

    /// Adds an error.
    #[cold]
    pub fn push(&mut self, error: FieldError) {
        self.0.push(error);
    }

    /// Returns the result of `check`, or adds an error with the rule that `text` breaks.
    pub fn checked<T>(
        &mut self,
        field: &str,
        text: &str,
        check: impl FnOnce(&str) -> Result<T, &'static str>,
    ) -> Option<T> {
        match check(text) {
            Ok(valid) => Some(valid),
            Err(rule) => {
                self.push(FieldError::new(field, &Value::from(text), rule));
                None
            }
        }
    }

    /// Like [`checked`](Self::checked), for a required field.
    pub fn required<T>(
        &mut self,
        field: &str,
        text: Option<String>,
        check: impl FnOnce(&str) -> Result<T, &'static str>,
    ) -> Option<T> {
        let Some(text) = text else {
            self.push(FieldError::missing(field, example_of_section(field)));
            return None;
        };
        self.checked(field, &text, check)
    }

    /// Adds an error for each header that is used for two purposes, which would conflict.
    pub fn reject_shared_headers(&mut self, headers: &[(&str, &HeaderName)]) {
        for (index, (field, name)) in headers.iter().enumerate() {
            let earlier = headers.iter().take(index).find(|(_, other)| other == name);
            if let Some((other, _)) = earlier {
                let fix = if other == field {
                    "is listed twice; remove one".to_owned()
                } else {
                    format!("is already used for {other}; use another header")
                };
                self.push(FieldError::new(*field, &json!(name.as_str()), fix));
            }
        }
    }
}

/// How to write a required field: the example of the innermost section that has one.
fn example_of_section(field: &str) -> String {
    let sections = std::iter::successors(parent(field), |section| parent(section)).chain([field]);
    let found = sections.filter_map(|section| Some((section, example(section)?))).next();
    let (section, example) = found.unwrap_or((field, "…"));
    let name = section.rsplit('.').next().unwrap_or(section);
    format!("write \"{name}\": {example}")
}

fn parent(section: &str) -> Option<&str> {
    section.rsplit_once('.').map(|(parent, _)| parent)
}
