//! The problems of one configuration, as they are found.

use serde_json::{Value, json};

use super::names::HeaderName;
use super::written::example;
use super::{Problem, Refused};

/// The problems found so far.
#[derive(Default)]
pub(super) struct Problems(Vec<Problem>);

// === impl Problems ===

impl Problems {
    /// `config`, if it could be built and no problem was noted.
    pub fn refuse_or<T>(self, config: Option<T>) -> Result<T, Refused> {
        match config {
            Some(config) if self.0.is_empty() => Ok(config),
            _ => Err(Refused { problems: self.0 }),
        }
    }

    #[cold]
    pub fn note(&mut self, problem: Problem) {
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
                self.note(Problem::new(field, &Value::from(text), rule));
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
            self.note(Problem::missing(field, format!("write \"{top}\": {example}")));
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
                self.note(Problem::new(*field, &json!(name.as_str()), mend));
            }
        }
    }
}
