//! Vectors of independent packages, to a relative precision of one millionth.

use serde_json::Value;
use verdigris::analysis::confidence_sequence::{mixture_variance, normal_bound, normal_log_e};
use verdigris::analysis::mann_whitney::excess;
use verdigris::analysis::rate_ratio::RateRatioBets;
use verdigris::analysis::wealth::Wealth;
use verdigris::analysis::{ByVersion, CensoredValue, Probability, sample_ratio};
use verdigris::assignment::Version;

use crate::contingency::TwoByTwo;

const VECTORS: &str = include_str!("../data/gate_vectors.json");

#[test]
fn every_vector_is_reproduced() {
    let file: Value = serde_json::from_str(VECTORS).unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 10);
    for vector in vectors {
        let id = vector["id"].as_str().unwrap();
        let found = compute(id, &vector["inputs"]);
        let expected = numbers(&vector["output"]);
        assert_eq!(found.len(), expected.len(), "{id}");
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found / expected - 1.0).abs() < 1e-6, "{id}: {found} is not {expected}");
        }
    }
}

fn compute(id: &str, inputs: &Value) -> Vec<f64> {
    let number = |name: &str| inputs[name].as_f64().unwrap();
    let green = || Probability::new(number("r")).unwrap();
    match id.split_once('-').unwrap().0 {
        "rate" => {
            let at = RATIOS.iter().position(|ratio| *ratio == number("RR")).unwrap();
            let bets = RateRatioBets::for_harm(green(), number("margin"));
            let after = |bad| bets.wealth(bad).logs()[at].exp();
            each_bad_event(inputs).into_iter().map(after).collect()
        }
        "ratemix" => {
            assert_eq!(numbers(&inputs["RR_grid"]), RATIOS);
            let bets = RateRatioBets::for_harm(green(), number("margin"));
            vec![bets.wealth(*each_bad_event(inputs).last().unwrap()).log_mean().exp()]
        }
        "rank" => {
            let blue = numbers(&inputs["blue"]);
            vec![excess(exact(&numbers(&inputs["green"])).into_iter(), &exact(&blue))]
        }
        "rankmix" => {
            let mut wealth = Wealth::default();
            numbers(&inputs["z"]).iter().for_each(|z| wealth.bet(2.0 * z));
            vec![wealth.log_mean().exp()]
        }
        "nmix" => {
            // The variance is optimal for a two-sided bound, which has half of the probability on each
            // side.
            let rho = mixture_variance(number("v_opt"), 2.0 * number("alpha_opt"));
            vec![normal_log_e(number("s"), number("v"), rho)]
        }
        "nbound" => {
            let rho = mixture_variance(number("v_opt"), number("alpha"));
            vec![normal_bound(number("v"), rho, number("alpha"))]
        }
        "srm" => {
            let count = |name: &str| inputs[name].as_u64().unwrap();
            let units = ByVersion { blue: count("nb"), green: count("ng") };
            vec![sample_ratio::log_e(green(), units).exp()]
        }
        "turner" => {
            let mut test = TwoByTwo::new(number("gamma"));
            let blocks = inputs["blocks_blue_green"].as_array().unwrap().iter();
            let block = |block: &Value| {
                let [blue, green] = [&block[0], &block[1]].map(|side| {
                    let side = numbers(side);
                    (side.len() as f64, side.iter().sum::<f64>())
                });
                test.block(blue, green)
            };
            blocks.map(block).collect()
        }
        _ => panic!("unknown vector: {id}"),
    }
}

/// The ratios of the bets, in the vectors' order.
const RATIOS: [f64; 8] = [1.15, 1.3, 1.6, 2.0, 3.0, 5.0, 10.0, 30.0];

/// The counts of bad events after each event.
fn each_bad_event(inputs: &Value) -> Vec<ByVersion<u64>> {
    let mut bad = ByVersion::default();
    let flags = numbers(&inputs["green_flags_of_bad_events"]).into_iter();
    let add = |flag| {
        let version = if flag == 1.0 { Version::Green } else { Version::Blue };
        *bad.get_mut(version) += 1;
        bad
    };
    flags.map(add).collect()
}

fn exact(values: &[f64]) -> Vec<CensoredValue> {
    values.iter().map(|value| (*value).into()).collect()
}

fn numbers(value: &Value) -> Vec<f64> {
    let list = value.as_array().unwrap().iter();
    list.map(|number| number.as_f64().unwrap()).collect()
}
