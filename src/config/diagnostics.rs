//! The problems of one configuration, as they are found.

use serde_json::{Value, json};

use super::examples::example;
use super::{FieldError, InvalidConfig};
use crate::names::HeaderName;

/// The problems found so far.
#[derive(Default)]
pub(super) struct Diagnostics(Vec<FieldError>);

// === impl Problems ===

impl Diagnostics {
    /// `config`, if it could be built and no problem was noted.
    pub fn into_result<T>(self, config: Option<T>) -> Result<T, InvalidConfig> {
        match config {
            Some(config) if self.0.is_empty() => Ok(config),
            _ => Err(InvalidConfig { errors: self.0 }),
        }
    }

    #[cold]
    pub fn push(&mut self, problem: FieldError) {
        self.0.push(problem);
    }

    /// What `check` makes of `text`, or a note of the rule that it breaks.
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

    /// As [`checked`](Self::checked), of a field without which nothing runs.
    pub fn required<T>(
        &mut self,
        field: &str,
        text: Option<String>,
        check: impl FnOnce(&str) -> Result<T, &'static str>,
    ) -> Option<T> {
        let Some(text) = text else {
            let top = field.split('.').next().unwrap_or(field);
            let example = example(top).unwrap_or_default();
            self.push(FieldError::missing(field, format!("write \"{top}\": {example}")));
            return None;
        };
        self.checked(field, &text, check)
    }

    /// Two uses of one header would read or overwrite each other.
    pub fn refuse_shared_headers(&mut self, headers: &[(&str, &HeaderName)]) {
        for (index, (field, name)) in headers.iter().enumerate() {
            let earlier = headers.iter().take(index).find(|(_, other)| other == name);
            if let Some((other, _)) = earlier {
                let mend = if other == field {
                    "is listed twice; name it once".to_owned()
                } else {
                    format!("is {other} already; use another header")
                };
                self.push(FieldError::new(*field, &json!(name.as_str()), mend));
            }
        }
    }
}
