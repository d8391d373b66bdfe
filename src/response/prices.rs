//! The prices of tokens, by model.

use super::tokens::Tokens;

/// The price of a million tokens of each kind, in millionths of a US dollar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// Of input that is neither read from nor written to the provider's cache.
    pub input: u64,
    /// Of input that is read from the provider's cache.
    pub cached_input: u64,
    /// Of input that is written to the provider's cache.
    pub cache_write: u64,
    /// Of output, including reasoning.
    pub output: u64,
}

/// Prices by model name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prices(Vec<PricedModels>);

/// The models that have one price: a name, or all names with a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
struct PricedModels {
    name: Box<[u8]>,
    is_prefix: bool,
    price: Price,
}

// === impl Price ===

impl Price {
    /// The cost of these tokens in millionths of a US dollar, rounded half up. A count that
    /// is not stated costs nothing.
    pub fn cost(&self, tokens: &Tokens) -> u64 {
        let cached = tokens.cached.unwrap_or_default();
        let written = tokens.cache_write.unwrap_or_default();
        let input = tokens.input.unwrap_or_default().saturating_sub(cached).saturating_sub(written);
        let output = tokens.output.unwrap_or_default();
        let priced_counts = [
            (input, self.input),
            (cached, self.cached_input),
            (written, self.cache_write),
            (output, self.output),
        ];
        let sum: u128 = priced_counts
            .iter()
            .map(|(count, price)| u128::from(*count) * u128::from(*price))
            .sum();
        u64::try_from((sum + 500_000) / 1_000_000).unwrap_or(u64::MAX)
    }
}

// === impl Prices ===

impl Prices {
    /// Adds the price of a model. A `*` at the end of `model` stands for any further
    /// characters. Returns whether `model` is valid: not empty, no other `*`.
    pub fn add(&mut self, model: &str, price: Price) -> bool {
        let (name, is_prefix) = match model.strip_suffix('*') {
            Some(prefix) => (prefix, true),
            None => (model, false),
        };
        let is_valid = !model.is_empty() && !name.contains('*');
        if is_valid {
            let models = PricedModels { name: name.as_bytes().into(), is_prefix, price };
            // The longest name comes first, and a whole name before an equal prefix. So the
            // first match is the closest one, whatever the order in the configuration.
            let rank = |models: &PricedModels| (models.name.len(), !models.is_prefix);
            let index = self.0.partition_point(|other| rank(other) >= rank(&models));
            self.0.insert(index, models);
        }
        is_valid
    }

    /// The closest price for a model. For an answer that names no model, `model` is empty,
    /// and only the price of `*` matches.
    pub fn find(&self, model: &[u8]) -> Option<&Price> {
        self.0.iter().find(|models| models.contain(model)).map(|models| &models.price)
    }
}

// === impl PricedModels ===

impl PricedModels {
    fn contain(&self, model: &[u8]) -> bool {
        if self.is_prefix { model.starts_with(&self.name) } else { *self.name == *model }
    }
}
