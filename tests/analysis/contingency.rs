//! Another test of two rates, to hold the judge's against: it needs no chance of a unit
//! to be green's, and has to learn both rates instead.
//!
//! Source: Turner, Ly and Grünwald, *Generic e-variables for exact sequential k-sample
//! tests that allow for optional stopping*, 2024 (arXiv 2106.02693).

pub struct TwoByTwo {
    prior: f64,
    /// Values and bad ones so far, of blue and of green.
    so_far: [(f64, f64); 2],
    e: f64,
}

impl TwoByTwo {
    pub fn new(prior: f64) -> Self {
        Self { prior, so_far: [(0.0, 0.0); 2], e: 1.0 }
    }

    /// The e-value after a block of values and bad ones among them.
    pub fn block(&mut self, blue: (f64, f64), green: (f64, f64)) -> f64 {
        let learnt = self.so_far.map(|(n, bad)| (bad + self.prior) / (n + 2.0 * self.prior));
        let block = [blue, green];
        let all = blue.0 + green.0;
        let together: f64 = block.iter().zip(learnt).map(|((n, _), rate)| n * rate / all).sum();
        for (((n, bad), rate), so_far) in block.iter().zip(learnt).zip(&mut self.so_far) {
            self.e *=
                (rate / together).powf(*bad) * ((1.0 - rate) / (1.0 - together)).powf(n - bad);
            so_far.0 += n;
            so_far.1 += bad;
        }
        self.e
    }
}
