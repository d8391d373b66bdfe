//! What the requests of a world reveal before they are answered.

use rand::RngExt;
use rand::rngs::SmallRng;

use crate::analysis::RequestClass;

/// How much the class of a request makes its values larger than usual.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct RequestDeviation {
    pub class: RequestClass,
    /// The standardised deviation of the class.
    deviation: f64,
    /// The fraction of the variance that it explains.
    explained: f64,
}

/// The number of classes, which are equally frequent. Their deviations are equally spaced.
const CLASSES: u8 = 16;

// === impl RequestDeviation ===

impl RequestDeviation {
    /// A random request in a world where the class explains this fraction of the variance.
    pub fn draw(explained: f64, random: &mut SmallRng) -> Self {
        if explained <= 0.0 {
            return Self::default();
        }
        let class = random.random_range(0..CLASSES);
        let classes = f64::from(CLASSES);
        // The variance of the numbers below n is (n² − 1)/12.
        let spread = ((classes * classes - 1.0) / 12.0).sqrt();
        let deviation = (f64::from(class) - (classes - 1.0) / 2.0) / spread;
        Self { class: RequestClass::new(class), deviation, explained }
    }

    /// The standardised deviation of a value, of which `rest` is what the class does not explain.
    pub fn and(self, rest: f64) -> f64 {
        self.explained.sqrt() * self.deviation + (1.0 - self.explained).sqrt() * rest
    }
}
