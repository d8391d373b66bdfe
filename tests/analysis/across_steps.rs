//! One e-value over all steps.

use verdigris::analysis::across_steps;
use verdigris::analysis::wealth::Wealth;

#[test]
fn half_of_the_wealth_is_bet_from_the_start_and_the_rest_later() {
    let gain = Wealth::from_log_bets(|_| 10.0);
    let loss = Wealth::from_log_bets(|_| -10.0);
    let table: [(&str, &[Wealth], usize, f64); 5] = [
        ("no step has begun", &[], 4, 0.0),
        ("a single step", &[gain], 1, 10.0),
        ("half is bet from the first step on", &[gain], 4, 10.0 + 0.5_f64.ln()),
        ("a sixth from the second on", &[loss, gain], 4, 10.0 + (1.0 / 6.0_f64).ln()),
        ("what is bet later is kept", &[loss], 4, 0.5_f64.ln()),
    ];
    for (what, step_wealth, steps, expected) in table {
        let found = across_steps::log_e(step_wealth, steps);
        assert!((found - expected).abs() < 1e-3, "{what}: {found}");
    }
}
