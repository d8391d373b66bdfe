//! What tokens cost.

use super::answer::Tokens;

/// The price of a million tokens, by kind, in millionths of a US dollar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// Of the prompt, where neither of the next two holds.
    pub input: u64,
    /// Of what was read from the provider's cache.
    pub cached_input: u64,
    /// Of what was written to the provider's cache.
    pub cache_write: u64,
    /// Of what was generated, reasoning too.
    pub output: u64,
}

/// Prices by the model that an answer names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prices(Vec<(Pattern, Price)>);

/// A model's name, or the beginning of names.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    beginning: Box<[u8]>,
    is_whole: bool,
}

// === impl Price ===

impl Price {
    /// What these tokens cost, in millionths of a US dollar, rounded half up. A
    /// count that was not told costs nothing.
    pub fn cost(&self, tokens: &Tokens) -> u64 {
        let cached = tokens.cached.unwrap_or_default();
        let written = tokens.cache_write.unwrap_or_default();
        let input = tokens.input.unwrap_or_default().saturating_sub(cached).saturating_sub(written);
        let output = tokens.output.unwrap_or_default();
        let price = [
            (input, self.input),
            (cached, self.cached_input),
            (written, self.cache_write),
            (output, self.output),
        ];
        let sum: u128 =
            price.iter().map(|(count, price)| u128::from(*count) * u128::from(*price)).sum();
        u64::try_from((sum + 500_000) / 1_000_000).unwrap_or(u64::MAX)
    }
}

// === impl Prices ===

impl Prices {
    /// Adds the price of a model, or with a `*` at the end of all whose names begin
    /// so; whether `model` can be that.
    pub fn add(&mut self, model: &str, price: Price) -> bool {
        let (beginning, is_whole) = match model.strip_suffix('*') {
            Some(beginning) => (beginning, false),
            None => (model, true),
        };
        let valid = !model.is_empty() && !beginning.contains('*');
        if valid {
            let pattern = Pattern { beginning: beginning.as_bytes().into(), is_whole };
            // The longest first, a whole name before a beginning: the first that
            // fits is the closest, in whatever order they were written.
            let rank = |pattern: &Pattern| (pattern.beginning.len(), pattern.is_whole);
            let at = self.0.partition_point(|(it, _)| rank(it) >= rank(&pattern));
            self.0.insert(at, (pattern, price));
        }
        valid
    }

    /// The closest price for a model; of an answer that names none, the one of `*`.
    pub fn find(&self, model: &[u8]) -> Option<&Price> {
        self.0.iter().find(|(pattern, _)| pattern.fits(model)).map(|(_, price)| price)
    }
}

// === impl Pattern ===

impl Pattern {
    fn fits(&self, model: &[u8]) -> bool {
        if self.is_whole { *self.beginning == *model } else { model.starts_with(&self.beginning) }
    }
}
