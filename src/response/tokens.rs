//! The token counts of an answer.

/// Token counts in one accounting for all providers: input includes the tokens that were read
/// from and written to a cache, output includes reasoning. `None` where the answer states no
/// count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// All tokens of the prompt.
    pub input: Option<u64>,
    /// Input tokens that were read from the provider's cache.
    pub cached: Option<u64>,
    /// Input tokens that were written to the provider's cache.
    pub cache_write: Option<u64>,
    /// All generated tokens.
    pub output: Option<u64>,
    /// Output tokens that are reasoning.
    pub reasoning: Option<u64>,
}

// === impl Tokens ===

impl Tokens {
    /// The largest count of one answer that is believed: 16,777,216 tokens. The largest context
    /// windows have 10 million. An upstream that states more has an error or lies, and one such
    /// answer would outweigh those of a year in the sums.
    pub const MAX_PLAUSIBLE: u64 = 1 << 24;

    /// Whether no count is larger than [`Self::MAX_PLAUSIBLE`].
    pub fn are_plausible(&self) -> bool {
        let Self { input, cached, cache_write, output, reasoning } = *self;
        let counts = [input, cached, cache_write, output, reasoning];
        counts.into_iter().flatten().all(|count| count <= Self::MAX_PLAUSIBLE)
    }

    /// Sets the input from the count of a provider that leaves out the tokens that were read
    /// from and written to its cache.
    pub fn set_input_without_cache(&mut self, uncached: Option<u64>) {
        self.input = uncached.map(|uncached| {
            uncached
                .saturating_add(self.cached.unwrap_or_default())
                .saturating_add(self.cache_write.unwrap_or_default())
        });
    }
}
