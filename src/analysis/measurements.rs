//! What is known of one response, metric by metric.

use serde::{Deserialize, Serialize};

use super::censored_value::CensoredValue;
use super::metric::Metric;
use super::request_class::RequestClass;

/// What is known of a response, metric by metric.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measurements {
    known: u32,
    bad: u32,
    /// The bits of metrics, and [`HAS_ENDED`].
    missing: u32,
    /// Values that are only a lower bound.
    censored: u32,
    is_rate_limited: bool,
    /// Whether [`Self::of_slow_response`] has reported already that the response is slow.
    is_slow_reported: bool,
    /// Whether all but how the response has failed is left out, and says nothing.
    has_failures_only: bool,
    /// Whether the times are left out, and say nothing.
    is_without_times: bool,
    /// Whether the tokens and the cost are left out, and say nothing.
    is_without_sizes: bool,
    /// The class of the request.
    class: RequestClass,
    values: [f32; VALUE_METRICS],
}

/// The metrics whose values can be censored.
const TIMES: [Metric; 2] = [Metric::Duration, Metric::Ttft];

/// Among the missing metrics: a response has ended, and nothing is known of it.
const HAS_ENDED: u32 = 1 << 31;

/// The bit of [`HAS_ENDED`] in encoded measurements.
const ENCODED_HAS_ENDED: u16 = 1 << 15;

/// The number of metrics that are quantiles. They are the last ones.
const QUANTILES: u32 = 6;

/// The number of metrics that have values.
const VALUE_METRICS: usize = 5;

// === impl Measurements ===

impl Measurements {
    /// The length of encoded measurements, in bytes.
    pub(super) const ENCODED_BYTES: usize = 2 + 2 + 2 + 1 + 4 * VALUE_METRICS;

    /// Adds whether the response is a bad one by `metric`.
    #[must_use]
    pub fn with_rate(mut self, metric: Metric, is_bad: bool) -> Self {
        self.known |= bit(metric);
        if is_bad {
            self.bad |= bit(metric);
        }
        self
    }

    /// Adds the response's value of `metric`. Ignores a value that is negative or not finite.
    #[must_use]
    pub fn with_value(mut self, metric: Metric, value: f32) -> Self {
        let slot = value_index(metric).and_then(|index| self.values.get_mut(index));
        if let (Some(slot), true) = (slot, value.is_finite() && value >= 0.0) {
            *slot = value;
            self.known |= bit(metric);
        }
        self
    }

    /// Adds a lower bound of the response's time: it lasted at least `at_least_ms` milliseconds.
    /// Ignores a bound that is negative or not finite, and metrics that are not a time.
    #[must_use]
    pub fn with_censored_time(mut self, metric: Metric, at_least_ms: f32) -> Self {
        if TIMES.contains(&metric) {
            self = self.with_value(metric, at_least_ms);
            self.censored |= self.known & bit(metric);
        }
        self
    }

    /// Adds that the response should reveal `metric` and does not, or not completely: its body
    /// could not be read, or does not contain the value.
    #[must_use]
    pub fn with_missing(mut self, metric: Metric) -> Self {
        self.missing |= bit(metric);
        self
    }

    /// Removes what is known of these metrics, and marks them as missing.
    #[must_use]
    pub fn with_all_missing(self, metrics: impl Iterator<Item = Metric>) -> Self {
        metrics.fold(self, |measurements, metric| {
            Self { known: measurements.known & !bit(metric), ..measurements }.with_missing(metric)
        })
    }

    /// Adds whether the response exceeds the threshold of a quantile: that of the test of harm and
    /// that of the test of non-inferiority. `None` where that is not known.
    #[must_use]
    pub(super) fn with_quantile(
        mut self,
        metric: Metric,
        is_harm: Option<bool>,
        is_beyond_tolerance: Option<bool>,
    ) -> Self {
        for (bit, is_bad) in [(bit(metric), is_harm), (tolerance_bit(metric), is_beyond_tolerance)]
        {
            self.known |= if is_bad.is_some() { bit } else { 0 };
            self.bad |= if is_bad == Some(true) { bit } else { 0 };
        }
        self
    }

    /// The measurements of a response that is still open after the objective: it is slow, and
    /// nothing else is known.
    pub fn of_slow_response() -> Self {
        Self::default().with_rate(Metric::SlowRate, true)
    }

    /// The measurements of a response that ended and revealed nothing. They are no evidence, and end the
    /// request in the windows of tripwires.
    pub fn of_ended_response() -> Self {
        Self { missing: HAS_ENDED, ..Self::default() }
    }

    /// The measurements of whether and how the response has failed.
    #[must_use]
    pub(super) fn failures_only(mut self) -> Self {
        let failures = bit(Metric::ErrorRate) | bit(Metric::ClientErrorRate);
        for bits in [&mut self.known, &mut self.bad, &mut self.missing, &mut self.censored] {
            *bits &= failures;
        }
        self.has_failures_only = true;
        if self.is_response() { self } else { Self::default() }
    }

    /// The measurements without the times.
    #[must_use]
    pub(super) fn without_times(mut self) -> Self {
        self.forget(&[Metric::Duration, Metric::Ttft, Metric::SlowRate]);
        self.is_without_times = true;
        self
    }

    /// The measurements without the tokens and the cost.
    #[must_use]
    pub(super) fn without_sizes(mut self) -> Self {
        self.forget(&[Metric::OutputTokens, Metric::Cost]);
        self.is_without_sizes = true;
        self
    }

    fn forget(&mut self, metrics: &[Metric]) {
        let forgotten = metrics.iter().fold(0, |bits, metric| bits | bit(*metric));
        for bits in [&mut self.known, &mut self.bad, &mut self.missing, &mut self.censored] {
            *bits &= !forgotten;
        }
    }

    /// The measurements without whether the response is slow, because [`Self::of_slow_response`]
    /// has reported that it is.
    #[must_use]
    pub fn without_reported_slowness(mut self) -> Self {
        self.known &= !bit(Metric::SlowRate);
        self.bad &= !bit(Metric::SlowRate);
        self.missing &= !bit(Metric::SlowRate);
        self.is_slow_reported = true;
        self
    }

    /// Adds that the response hit a rate limit, which both versions may share.
    #[must_use]
    pub fn with_rate_limited(mut self) -> Self {
        self.is_rate_limited = true;
        self
    }

    /// Adds the class of the request.
    #[must_use]
    pub fn with_request_class(self, class: RequestClass) -> Self {
        Self { class, ..self }
    }

    /// The class of the request.
    pub fn request_class(&self) -> RequestClass {
        self.class
    }

    /// The measurements with the value of `metric`, if it has one, multiplied by a factor.
    #[must_use]
    pub(super) fn scaled(mut self, metric: Metric, factor: f32) -> Self {
        if let Some(slot) = value_index(metric).and_then(|index| self.values.get_mut(index)) {
            *slot *= factor;
        }
        self
    }

    /// Whether the response should reveal `metric` and does not.
    pub fn is_missing(&self, metric: Metric) -> bool {
        self.missing & bit(metric) != 0
    }

    /// Whether the response hit a rate limit, which both versions may share.
    pub fn is_rate_limited(&self) -> bool {
        self.is_rate_limited
    }

    /// Whether these are measurements of a response: an assignment or a vote alone has none.
    pub fn is_response(&self) -> bool {
        let votes = bit(Metric::ThumbsDownRate) | bit(Metric::Score) | bit(Metric::Preference);
        (self.known | self.missing) & !(votes | HAS_ENDED) != 0
    }

    /// Whether they say anything of a response, or are a vote: an assignment alone and
    /// [`Self::of_ended_response`] do not.
    pub(super) fn is_data(&self) -> bool {
        Self { missing: self.missing & !HAS_ENDED, ..*self } != Self::default()
    }

    /// Whether this observation ends the request for `metric`: it reveals it or says that it stays
    /// unknown.
    pub(super) fn ends_request(&self, metric: Metric) -> bool {
        let has_ended = self.missing & HAS_ENDED != 0;
        let is_reported = metric == Metric::SlowRate && self.is_slow_reported;
        self.may_reveal(metric) || (has_ended && !is_reported)
    }

    /// Whether `metric` is known.
    pub fn is_known(&self, metric: Metric) -> bool {
        self.known & bit(metric) != 0
    }

    /// Whether the response is a bad one by `metric`; `None` where that is not known.
    pub fn is_bad(&self, metric: Metric) -> Option<bool> {
        self.is_known(metric).then_some(self.bad & bit(metric) != 0)
    }

    /// Whether the response is a bad one by `metric` for the test of non-inferiority; `None` where
    /// that is not known.
    pub(super) fn is_beyond_tolerance(&self, metric: Metric) -> Option<bool> {
        let bit = tolerance_bit(metric);
        (self.known & bit != 0).then_some(self.bad & bit != 0)
    }

    /// Whether this observation of the response says whether `metric` is known. Where an open
    /// response is reported as slow, one observation says whether it is slow, and a later one all
    /// the rest.
    pub(super) fn may_reveal(&self, metric: Metric) -> bool {
        let is_elsewhere = match metric {
            Metric::SlowRate => self.is_slow_reported,
            _ => self.is_open(),
        };
        let is_failure = matches!(metric, Metric::ErrorRate | Metric::ClientErrorRate);
        let is_left_out = (self.has_failures_only && !is_failure)
            || (self.is_without_times && metric.is_of_time())
            || (self.is_without_sizes && metric.is_of_size());
        self.is_response() && !is_elsewhere && !is_left_out
    }

    /// Whether these are the measurements of a response that has not ended.
    pub(super) fn is_open(&self) -> bool {
        self.known == bit(Metric::SlowRate) && self.missing == 0
    }

    /// Whether the response is data of the test of harm: every value is, but only a bad response is
    /// data of a rate.
    pub(super) fn is_data_of_harm(&self, metric: Metric) -> bool {
        let counts_events = metric.comparison().counts_events();
        self.is_bad(metric).is_some_and(|is_bad| is_bad || !counts_events)
    }

    /// The value of `metric`, or its lower bound if it is censored; `None` where it is not known, or
    /// the metric is a rate.
    pub fn value_of(&self, metric: Metric) -> Option<f64> {
        let value = self.values.get(value_index(metric)?)?;
        self.is_known(metric).then_some(f64::from(*value))
    }

    /// Like [`Self::value_of`], with whether the value is only a lower bound.
    pub fn censored_value_of(&self, metric: Metric) -> Option<CensoredValue> {
        let value = self.value_of(metric)?;
        Some(CensoredValue { value, is_censored: self.censored & bit(metric) != 0 })
    }

    /// What [`Self::encode`] leaves out, as the low bits of a byte.
    pub(super) fn flags(&self) -> u8 {
        let censored = TIMES.map(|metric| u8::from(self.censored & bit(metric) != 0));
        let [duration, ttft] = censored;
        u8::from(self.is_rate_limited)
            | duration << 1
            | ttft << 2
            | u8::from(self.is_slow_reported) << 3
    }

    /// Appends the measurements without [`Self::flags`], which the observation has among its own.
    pub(super) fn encode(&self, to: &mut Vec<u8>) {
        // Quantiles are not measured: the leader derives them.
        let ended = if self.missing & HAS_ENDED != 0 { ENCODED_HAS_ENDED } else { 0 };
        for bits in [self.known as u16, self.bad as u16, self.missing as u16 | ended] {
            to.extend(bits.to_le_bytes());
        }
        to.push(self.class.get());
        self.values.iter().for_each(|value| to.extend(value.to_le_bytes()));
    }

    /// Decodes measurements. Returns them with the bytes that follow, or `None` where there are
    /// not enough bytes.
    pub(super) fn decode(bytes: &[u8], flags: u8) -> Option<(Self, &[u8])> {
        let (known, rest) = bytes.split_first_chunk()?;
        let (bad, rest) = rest.split_first_chunk()?;
        let (missing, rest) = rest.split_first_chunk()?;
        let missing = u16::from_le_bytes(*missing);
        let ended = if missing & ENCODED_HAS_ENDED != 0 { HAS_ENDED } else { 0 };
        let (class, mut rest) = rest.split_first()?;
        let mut values = [0.0; VALUE_METRICS];
        for value in &mut values {
            let (bytes, after) = rest.split_first_chunk()?;
            *value = f32::from_le_bytes(*bytes);
            rest = after;
        }
        let censored_if =
            |at: u8, metric: Metric| if flags >> at & 1 != 0 { bit(metric) } else { 0 };
        let measurements = Self {
            known: u16::from_le_bytes(*known).into(),
            bad: u16::from_le_bytes(*bad).into(),
            missing: u32::from(missing & !ENCODED_HAS_ENDED) | ended,
            censored: censored_if(1, Metric::Duration) | censored_if(2, Metric::Ttft),
            is_rate_limited: flags & 1 != 0,
            is_slow_reported: flags >> 3 & 1 != 0,
            // Nothing is left out before it is analysed.
            has_failures_only: false,
            is_without_times: false,
            is_without_sizes: false,
            class: RequestClass::new(*class),
            values,
        };
        Some((measurements, rest))
    }

    /// A key that sorts measurements by their content.
    pub(super) fn sort_key(&self) -> impl Ord + use<> {
        let Self {
            known,
            bad,
            missing,
            censored,
            is_rate_limited,
            is_slow_reported,
            has_failures_only,
            is_without_times,
            is_without_sizes,
            class,
            values,
        } = *self;
        let values = values.map(f32::to_bits);
        let left_out = (has_failures_only, is_without_times, is_without_sizes);
        let flags = (is_rate_limited, is_slow_reported, left_out);
        (known, bad, missing, censored, flags, class, values)
    }
}

fn bit(metric: Metric) -> u32 {
    1 << metric as u32
}

/// The bit of a quantile in the test of non-inferiority, which has a threshold of its own.
fn tolerance_bit(metric: Metric) -> u32 {
    match metric.quantile() {
        Some(_) => bit(metric) << QUANTILES,
        None => bit(metric),
    }
}

fn value_index(metric: Metric) -> Option<usize> {
    (metric as usize).checked_sub(Metric::Duration as usize)
}
