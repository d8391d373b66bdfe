//! Another sequential test of two rates, to compare with. It does not use the probability that a
//! unit is on green, and has to estimate both rates instead.
//!
//! Source: Turner, Ly and Grünwald, *Generic e-variables for exact sequential k-sample
//! tests that allow for optional stopping*, 2024 (arXiv 2106.02693).

/// The e-process of a two-by-two contingency table.
pub struct TwoByTwo {
    prior: f64,
    /// The numbers of values and of bad ones so far, of blue and of green.
    counts: [(f64, f64); 2],
    e_value: f64,
}

impl TwoByTwo {
    pub fn new(prior: f64) -> Self {
        Self { prior, counts: [(0.0, 0.0); 2], e_value: 1.0 }
    }

    /// The e-value after a block, which has a number of values and of bad ones for each version.
    pub fn block(&mut self, blue: (f64, f64), green: (f64, f64)) -> f64 {
        let estimates = self.counts.map(|(n, bad)| (bad + self.prior) / (n + 2.0 * self.prior));
        let block = [blue, green];
        let all = blue.0 + green.0;
        let pooled: f64 = block.iter().zip(estimates).map(|((n, _), rate)| n * rate / all).sum();
        for (((n, bad), rate), counts) in block.iter().zip(estimates).zip(&mut self.counts) {
            self.e_value *=
                (rate / pooled).powf(*bad) * ((1.0 - rate) / (1.0 - pooled)).powf(n - bad);
            counts.0 += n;
            counts.1 += bad;
        }
        self.e_value
    }
}
