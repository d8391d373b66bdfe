//! The fingerprint of a ramp's specification.

use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::spec::{RampSpec, ShadowStep};
use crate::analysis::{AnalysisPlan, AnalysisUnit, GateSpec, Tripwire};
use crate::hash::hash_64;

/// What distinguishes two specifications of one rollout.
///
/// The state stores the fingerprint of the specification it was last reconciled with, and so
/// knows which part of it has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpecFingerprint {
    /// Green's share in each step, in basis points.
    pub shares_bp: Vec<u32>,
    /// Whether a shadow step comes before the first step.
    pub has_shadow_step: bool,
    /// A hash of the analysis plan.
    pub analysis: u64,
    /// A hash of the tripwires.
    pub tripwires: u64,
    /// A hash of everything else: how long a step takes, who approves it, the shadow step, and what the
    /// configuration commands.
    pub timing: u64,
    /// The operator's value of `ramp.restart`.
    pub restart: String,
}

// === impl SpecFingerprint ===

impl SpecFingerprint {
    /// The fingerprint of a specification.
    pub fn new(spec: &RampSpec) -> Self {
        Self {
            shares_bp: spec.steps.iter().map(|step| step.share.basis_points()).collect(),
            has_shadow_step: spec.shadow.is_some(),
            analysis: Self::analysis_of(spec),
            tripwires: hash_64(&tripwire_bytes(spec)),
            timing: hash_64(&timing_bytes(spec)),
            restart: spec.restart.clone(),
        }
    }

    /// [`Self::analysis`] alone.
    pub(super) fn analysis_of(spec: &RampSpec) -> u64 {
        hash_64(&analysis_bytes(spec))
    }

    /// One number for all of it, and for what the configuration commands: a rollback and a pause.
    pub fn number(spec: &RampSpec) -> u64 {
        let fingerprint = postcard::to_allocvec(&Self::new(spec)).unwrap_or_default();
        let commands = [u8::from(spec.is_rolled_back), u8::from(spec.is_paused)];
        hash_64(&[fingerprint.as_slice(), &commands].concat())
    }
}

/// The analysis plan and the objective, as bytes.
fn analysis_bytes(spec: &RampSpec) -> Vec<u8> {
    let AnalysisPlan {
        gates,
        steps,
        alpha,
        beta,
        learns_objective: _,
        adjusts,
        // It follows from the steps' probabilities.
        compares_all: _,
        unit,
        warmup_ns,
        cold_start_ns,
        max_units,
    } = &spec.analysis;
    let mut bytes = Vec::new();
    let mut add = |number: f64| bytes.extend(number.to_le_bytes());
    for gate in gates {
        let GateSpec { metric, margin, tolerance, ceiling, is_critical, is_named } = &gate.spec;
        add(f64::from(*metric as u8));
        add(*margin);
        add(tolerance.len() as f64);
        tolerance.iter().for_each(|tolerance| add(*tolerance));
        add(ceiling.unwrap_or(-1.0));
        add(f64::from(u8::from(*is_critical) | u8::from(*is_named) << 1));
    }
    steps.iter().for_each(|step| add(step.all_units.get() + step.new_units.get()));
    let counts_requests = *unit == AnalysisUnit::EveryRequest;
    let objective_s = spec.objective.map_or(-1.0, |objective| objective.as_secs_f64());
    let counts_requests = f64::from(u8::from(counts_requests) | u8::from(*adjusts) << 1);
    [*alpha, *beta, counts_requests, *warmup_ns as f64, *max_units as f64, objective_s]
        .into_iter()
        .for_each(&mut add);
    // Added later: without it the fingerprints are those of earlier versions.
    if *cold_start_ns > 0 {
        add(*cold_start_ns as f64);
    }
    // Likewise. The probabilities of steps are those of users and of conversations in a ramp of one step.
    if spec.has_conversations {
        add(-1.0);
    }
    bytes
}

/// The tripwires, as bytes.
fn tripwire_bytes(spec: &RampSpec) -> Vec<u8> {
    let mut bytes = Vec::new();
    for tripwire in &spec.tripwires {
        let Tripwire { metric, limit, min_samples, min_units, window_s, is_absolute } = tripwire;
        bytes.extend([*metric as u8, u8::from(*is_absolute)]);
        bytes.extend(limit.to_le_bytes());
        bytes.extend(min_samples.to_le_bytes());
        bytes.extend((*min_units as u64).to_le_bytes());
        bytes.extend(window_s.to_le_bytes());
    }
    bytes
}

/// Everything else, as bytes.
fn timing_bytes(spec: &RampSpec) -> Vec<u8> {
    let RampSpec {
        steps,
        shadow,
        baseline,
        bake,
        timeout,
        started,
        is_paused,
        is_rolled_back,
        // They have a field of the fingerprint.
        analysis: _,
        objective: _,
        tripwires: _,
        restart: _,
        has_conversations: _,
        // It follows from the steps' probabilities.
        reads_compared_only: _,
        // It applies only before the first step.
        start_delay: _,
    } = spec;
    let approvals = steps.iter().map(|step| u8::from(step.needs_approval));
    let flags = u8::from(*is_paused) | u8::from(*is_rolled_back) << 1;
    let mut bytes: Vec<u8> = approvals.chain([flags]).collect();
    if let Some(ShadowStep { share, max_pairs }) = shadow {
        bytes.extend(share.basis_points().to_le_bytes());
        bytes.extend(max_pairs.to_le_bytes());
    }
    let started = started.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let mut add = |duration: Duration| {
        bytes.extend(duration.as_secs().to_le_bytes());
        bytes.extend(duration.subsec_nanos().to_le_bytes());
    };
    [*baseline, *bake, *timeout, started.unwrap_or_default()].into_iter().for_each(&mut add);
    bytes
}
