//! The encoding of observations and of units' flags.

use proptest::prelude::*;
use verdigris::analysis::{Measurements, Metric, Observation, RequestClass, StepIndex, UnitFlags};
use verdigris::assignment::{Epoch, Version};

fn observation() -> impl Strategy<Value = Observation> {
    (any::<(u64, u64, u32)>(), any::<[bool; 10]>(), any::<u16>()).prop_map(
        |(
            (at_ns, unit, epoch),
            [
                is_green,
                is_new,
                is_assignment,
                is_bad,
                lacks,
                limited,
                is_cut,
                is_early,
                is_pair,
                is_silent,
            ],
            value,
        )| {
            let mut measurements = Measurements::default()
                .with_request_class(RequestClass::new(value as u8))
                .with_rate(Metric::ErrorRate, is_bad)
                .with_value(Metric::Duration, f32::from(value))
                .with_value(Metric::Score, f32::from(value) / 7.0);
            if is_cut {
                measurements = measurements.with_censored_time(Metric::Duration, 7.0);
            }
            if is_early {
                measurements = measurements.with_censored_time(Metric::Ttft, f32::from(value));
            }
            if lacks {
                measurements = measurements.with_missing(Metric::Cost);
            }
            if limited {
                measurements = measurements.with_rate_limited();
            }
            if is_silent {
                measurements = Measurements::of_ended_response();
            }
            Observation {
                at_ns,
                unit,
                epoch: Epoch::new(epoch),
                version: if is_green { Version::Green } else { Version::Blue },
                is_newly_exposed: is_new,
                is_assignment,
                measurements,
                shadow: is_pair.then(|| {
                    measurements.with_censored_time(Metric::Duration, f32::from(value) * 2.0)
                }),
            }
        },
    )
}

proptest! {
    #[test]
    fn observations_are_decoded_as_they_were_encoded(
        observations in prop::collection::vec(observation(), 0..20),
        cut in 1..=Observation::ENCODED_BYTES,
    ) {
        let mut bytes = Vec::new();
        observations.iter().for_each(|observation| observation.encode(&mut bytes));
        let pairs = observations.iter().filter(|it| it.shadow.is_some()).count();
        let alone = observations.len() - pairs;
        prop_assert_eq!(
            bytes.len(),
            alone * Observation::ENCODED_BYTES + pairs * Observation::ENCODED_PAIR_BYTES
        );
        let decoded: Vec<_> = Observation::decode_all(&bytes).collect();
        prop_assert_eq!(&decoded, &observations);
        // The last one is incomplete.
        let incomplete = &bytes[..bytes.len().saturating_sub(cut)];
        let complete = observations.len().saturating_sub(1);
        prop_assert_eq!(Observation::decode_all(incomplete).count(), complete);
    }

    /// Beside its end, nothing is known of such a response.
    #[test]
    fn an_ended_response_alone_is_no_response_and_no_assignment(with_slowness: bool) {
        let ended = Measurements::of_ended_response();
        let ended = if with_slowness { ended.without_reported_slowness() } else { ended };
        prop_assert!(!ended.is_response());
        for metric in Metric::ALL {
            prop_assert!(!ended.is_known(metric) && !ended.is_missing(metric), "{}", metric);
        }
        prop_assert_ne!(ended, Measurements::default());
    }

    #[test]
    fn unit_flags_are_decoded_as_they_were_encoded(entries: Vec<(u64, u64)>, step in 0..9_usize) {
        let step = StepIndex::new(step);
        let all: Vec<_> =
            entries.into_iter().map(|(unit, flags)| UnitFlags { step, unit, flags }).collect();
        let mut bytes = Vec::new();
        all.iter().for_each(|flags| flags.encode(&mut bytes));
        prop_assert_eq!(bytes.len(), all.len() * UnitFlags::ENCODED_BYTES);
        bytes.push(7);
        prop_assert_eq!(UnitFlags::decode_all(step, &bytes).collect::<Vec<_>>(), all);
    }
}
