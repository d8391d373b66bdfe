//! A thumb or a score, in the body of a request.

use serde_json::value::RawValue;

use super::pointers::FeedbackPointers;
use crate::json::JsonPointer;
use crate::json::splice::parse_string;

/// Feedback on one answer: a thumb, a score, or both.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FeedbackEvent {
    /// The thumb of a user.
    pub thumb: Option<Thumb>,
    /// A score from 0 (bad) to 1 (good).
    pub score: Option<f32>,
}

/// The verdict of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thumb {
    /// The answer was good.
    Up,
    /// The answer was bad.
    Down,
}

// === impl FeedbackEvent ===

impl FeedbackEvent {
    /// Parses the feedback that `body` has at `pointers`.
    ///
    /// # Errors
    /// A message to the client, where the body is not JSON, has neither a thumb nor a score,
    /// or has another value in their place.
    ///
    /// ```
    /// use verdigris::feedback::{FeedbackEvent, FeedbackPointers, Thumb};
    /// use verdigris::json::JsonPointer;
    /// let pointers =
    ///     FeedbackPointers { thumb: JsonPointer::parse("/thumb"), ..FeedbackPointers::default() };
    /// let event = FeedbackEvent::parse(br#"{"thumb": "down"}"#, &pointers).unwrap();
    /// assert_eq!(event, FeedbackEvent { thumb: Some(Thumb::Down), score: None });
    /// assert_eq!(
    ///     FeedbackEvent::parse(b"{}", &pointers),
    ///     Err("the body has no thumb: write \"up\" or \"down\" at /thumb".into()),
    /// );
    /// ```
    pub fn parse(body: &[u8], pointers: &FeedbackPointers) -> Result<Self, String> {
        let not_json = || "the body is not JSON".to_owned();
        let body = str::from_utf8(body).map_err(|_| not_json())?;
        serde_json::from_str::<&RawValue>(body).map_err(|_| not_json())?;
        let find = |pointer: &Option<JsonPointer>| {
            // Many clients write `null` for what the user did not give.
            pointer.as_ref()?.find(body).filter(|json| *json != "null")
        };
        let invalid = |json: &str, kind| {
            let excerpt: String = json.chars().take(40).collect();
            format!("{excerpt} is not a valid {kind}: {}", pointers.instruction())
        };
        let thumb = find(&pointers.thumb)
            .map(|json| Thumb::from_json(json).ok_or_else(|| invalid(json, "thumb")));
        let score = find(&pointers.score)
            .map(|json| score_from_json(json).ok_or_else(|| invalid(json, "score")));
        let event = Self { thumb: thumb.transpose()?, score: score.transpose()? };
        if event.thumb.is_some() || event.score.is_some() {
            return Ok(event);
        }
        let missing = match (&pointers.thumb, &pointers.score) {
            (Some(_), Some(_)) => "thumb and no score",
            (None, _) => "score",
            (_, None) => "thumb",
        };
        Err(format!("the body has no {missing}: {}", pointers.instruction()))
    }

    /// The score in thousandths, rounded.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 1")]
    pub fn score_milli(&self) -> Option<u64> {
        self.score.map(|score| (score * 1000.0).round() as u64)
    }
}

#[allow(clippy::cast_possible_truncation, reason = "from 0 to 1")]
fn score_from_json(json: &str) -> Option<f32> {
    let score: f64 = serde_json::from_str(json).ok()?;
    (0.0..=1.0).contains(&score).then_some(score as f32)
}

// === impl Thumb ===

impl Thumb {
    /// Whether the verdict is bad.
    pub fn is_down(self) -> bool {
        self == Self::Down
    }

    /// The thumb in any of the forms that clients write.
    fn from_json(json: &str) -> Option<Self> {
        let text = parse_string(json);
        let value = text.as_deref().unwrap_or(json);
        let is_any = |forms: &[&str]| forms.iter().any(|form| value.eq_ignore_ascii_case(form));
        let (up, down): (&[&str], &[&str]) = match text {
            Some(_) => (
                &["up", "thumbs_up", "like", "positive"],
                &["down", "thumbs_down", "dislike", "negative"],
            ),
            None => (&["1", "true"], &["0", "-1", "false"]),
        };
        if is_any(up) { Some(Self::Up) } else { is_any(down).then_some(Self::Down) }
    }
}
