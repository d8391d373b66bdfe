//! What who steers writes, and what is ordered by it.

use super::problems::Problems;
use super::reader::fields_of;
use super::valid::share;
use super::written::{WHOLE, WrittenWeights, json_of};
use super::{Problem, Refused};
use crate::steer::{Order, Verb};

/// An order, and the step that it is for where who gives it says so: what was meant for one
/// step is not to be done in the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ordered {
    /// The order.
    pub order: Order,
    /// The step, counted from 0.
    pub step: Option<u64>,
}

/// Reads an order of this name, such as `pause`, from the JSON text of its body: a `reason`,
/// `weights` where these are ordered, and a `step` if it is for that one only.
///
/// # Errors
/// Everything that is wrong with it; a name that is no order's.
///
/// ```
/// use verdigris::config::order;
/// let text = br#"{"reason": "more of it", "weights": {"blue": 75, "green": 25}}"#;
/// assert_eq!(order("weights", text, 0)?.order.to_string(), "by hand: weights: more of it");
/// # Ok::<(), verdigris::config::Refused>(())
/// ```
pub fn order(name: &str, text: &[u8], at_ms: u64) -> Result<Ordered, Refused> {
    let json = json_of(text).map_err(in_the_body)?;
    let mut problems = Problems::default();
    let read = fields_of(&json, |mut fields| {
        let reason = fields.text("reason");
        let step = fields.whole("step");
        let verb = match Verb::ALL.into_iter().find(|verb| verb.as_str() == name)? {
            Verb::Weights(_) => {
                let weights = fields.fields("weights").map(WrittenWeights::read);
                if weights.is_none() {
                    let mend = r#"write what green is to have, such as {"blue": 75, "green": 25}"#;
                    problems.note(Problem::missing("weights", mend));
                }
                Verb::Weights(share(weights, &mut problems)?)
            }
            verb => verb,
        };
        fields.end();
        let order = Order::new(verb, &reason.unwrap_or_default(), at_ms);
        if order.is_err() {
            let mend = "write why, in a line: others will read it in the log";
            problems.note(Problem::missing("reason", mend));
        }
        Some(Ordered { order: order.ok()?, step })
    });
    problems.refuse_or(read.map_err(in_the_body)?)
}

/// What is wrong with the text as a whole is said of the body.
fn in_the_body(mut refused: Refused) -> Refused {
    for problem in &mut refused.problems {
        if problem.field == WHOLE {
            *problem = Problem {
                field: "the body".into(),
                mend: r#"write one JSON object, such as {"reason": "green is slow"}"#.into(),
                ..problem.clone()
            };
        }
    }
    refused
}
