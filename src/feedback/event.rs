//! A thumb or a score, in the body of a request.

use serde_json::value::RawValue;

use crate::json::pointer;
use crate::json::splice::unquoted;

/// Where in a body a vote stands, by JSON pointers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedbackPointers {
    /// The thumb.
    pub thumb: Option<Vec<Box<str>>>,
    /// The score.
    pub score: Option<Vec<Box<str>>>,
    /// The receipt, where the request's header does not have it.
    pub step: Option<Vec<Box<str>>>,
}

/// What was thought of an answer: a thumb, a score, or both.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FeedbackEvent {
    /// By a user.
    pub thumb: Option<Thumb>,
    /// From 0, bad, to 1, good.
    pub score: Option<f32>,
}

/// A user's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thumb {
    /// Good.
    Up,
    /// Bad.
    Down,
}

// === impl Vote ===

impl FeedbackEvent {
    /// The vote that a body has in these places.
    ///
    /// # Errors
    /// What is wrong with the body, for who has sent it.
    ///
    /// ```
    /// use verdigris::feedback::{Thumb, FeedbackEvent, FeedbackPointers};
    /// let places = FeedbackPointers { thumb: Some(vec!["thumb".into()]), ..FeedbackPointers::default() };
    /// let vote = FeedbackEvent::parse(br#"{"thumb": "down"}"#, &places).unwrap();
    /// assert_eq!(vote, FeedbackEvent { thumb: Some(Thumb::Down), score: None });
    /// assert_eq!(FeedbackEvent::parse(b"{}", &places), Err("no thumb: write \"up\" or \"down\" at /thumb".into()));
    /// ```
    pub fn parse(body: &[u8], places: &FeedbackPointers) -> Result<Self, String> {
        let no_json = || "the body is no JSON".to_owned();
        let body = str::from_utf8(body).map_err(|_| no_json())?;
        serde_json::from_str::<&RawValue>(body).map_err(|_| no_json())?;
        let at = |place: &Option<Vec<Box<str>>>| {
            // Many clients write `null` for what their user has not given.
            pointer::value_at(body, place.as_ref()?).filter(|json| *json != "null")
        };
        let wrong = |json: &str, what| {
            let shown: String = json.chars().take(40).collect();
            format!("{shown} is no {what}: {}", said(places))
        };
        let thumb =
            at(&places.thumb).map(|json| Thumb::of_json(json).ok_or_else(|| wrong(json, "thumb")));
        let score =
            at(&places.score).map(|json| score_of_json(json).ok_or_else(|| wrong(json, "score")));
        let vote = Self { thumb: thumb.transpose()?, score: score.transpose()? };
        if vote.thumb.is_some() || vote.score.is_some() {
            return Ok(vote);
        }
        let what = match (&places.thumb, &places.score) {
            (Some(_), Some(_)) => "no thumb and no score",
            (None, _) => "no score",
            (_, None) => "no thumb",
        };
        Err(format!("{what}: {}", said(places)))
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 1")]
impl FeedbackEvent {
    /// The score in thousandths, rounded.
    pub fn score_milli(&self) -> Option<u64> {
        self.score.map(|score| (score * 1000.0).round() as u64)
    }
}

/// What a body should have.
fn said(places: &FeedbackPointers) -> String {
    let thumb = places.thumb.as_ref().map(|it| format!("\"up\" or \"down\" at {}", written(it)));
    let score = places.score.as_ref().map(|it| format!("a number from 0 to 1 at {}", written(it)));
    let said: Vec<String> = thumb.into_iter().chain(score).collect();
    format!("write {}", said.join(", or "))
}

/// The pointer as it was written, but for its escapes.
fn written(tokens: &[Box<str>]) -> String {
    tokens.iter().map(|token| format!("/{token}")).collect()
}

fn score_of_json(json: &str) -> Option<f32> {
    let score: f64 = serde_json::from_str(json).ok()?;
    (0.0..=1.0).contains(&score).then_some(score as f32)
}

// === impl Thumb ===

impl Thumb {
    /// Whether it is a bad word.
    pub fn is_down(self) -> bool {
        self == Self::Down
    }

    /// The thumb that a client means: the ways of writing it that are about.
    fn of_json(json: &str) -> Option<Self> {
        let text = unquoted(json);
        let word = text.as_deref().unwrap_or(json);
        let is = |words: &[&str]| words.iter().any(|it| word.eq_ignore_ascii_case(it));
        let (ups, downs): (&[&str], &[&str]) = match text {
            Some(_) => (
                &["up", "thumbs_up", "like", "positive"],
                &["down", "thumbs_down", "dislike", "negative"],
            ),
            None => (&["1", "true"], &["0", "-1", "false"]),
        };
        if is(ups) { Some(Self::Up) } else { is(downs).then_some(Self::Down) }
    }
}
