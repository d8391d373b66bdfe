//! The rollout: the ramp's steps, the controller that advances it, and operator commands.
//!
//! | file | concept |
//! |---|---|
//! | [`spec`], [`fingerprint`] | the specification of a ramp, and what distinguishes two of them |
//! | [`ramp_profile`] | the defaults of a ramp by the size of the service |
//! | [`phase`], [`position`], [`hold_reason`] | its phase, with green's share; what it waits for |
//! | [`hold_changes`] | which changes of what it waits for are logged |
//! | [`state`] | the state of a ramp |
//! | [`snapshot`] | what every worker needs of it |
//! | [`controller`] | a tick's observations in, transitions out |
//! | [`baseline`] | the time before the first step, in which units' past becomes known |
//! | [`shadow_step`], [`paired_text`] | the step before the first one, in which no user is on green |
//! | [`pairing`] | both versions' responses to one request, joined in one worker |
//! | [`reconcile_spec`], [`replaced`] | how a ramp follows a changed specification, and weights in its place |
//! | [`operator_command`], [`expected_step`], [`command_error`] | a command, the step that it is for, and why one is rejected |
//! | [`mod@hidden_character`] | what an operator's text may not have |
//! | [`apply_command`] | the effect of a command on a ramp |
//! | [`manual`] | a rollout without a ramp |
//! | [`awaited_use`] | whether a configuration without a request is used |
//! | [`outcome_measurements`] | from a response's outcome to measurements |
//! | [`transition_log`], [`decision_text`] | the transitions, and their wording |
//! | [`worker`] | a ramp in one worker: reports, reconciles if it leads, assigns |
//! | `leader`, `settled` | what the leader keeps between two reconciles; when a ramp without traffic changes |
//! | [`reconcile_context`] | what it gets for a reconcile, and the events that it reports |
//! | [`publish_snapshot`] | how a transition reaches the other workers |
//! | [`store`] | the store that workers share a rollout through |
//! | [`lease`] | which worker leads |
//! | [`local_guard`] | what one Envoy of a fleet decides by itself |
//! | [`observation_buffer`] | the observations that a worker has not sent yet |
//! | [`open_responses`] | its responses that have not ended: slow ones are reported while they are open |
//! | [`seen_units_log`], [`stored_history`] | the seen units and the history of shares, as stored |
//! | [`difference_history`] | how the gates' differences have developed |
//! | [`decimal`], [`e_value`], [`clocks`] | numbers as text; the time |
//!
//! A command stays in effect until `weights` or `ramp` changes in the configuration; a rollback of a ramp,
//! until `restart` changes.

pub mod apply_command;
pub mod awaited_use;
pub mod baseline;
pub mod clocks;
pub mod command_error;
pub mod controller;
pub mod decimal;
pub mod decision_text;
pub mod difference_history;
pub mod e_value;
pub mod expected_step;
pub mod fingerprint;
pub mod hidden_character;
pub mod hold_changes;
pub mod hold_reason;
mod leader;
mod leader_memory;
pub mod lease;
pub mod local_guard;
pub mod manual;
pub mod observation_buffer;
pub mod open_responses;
pub mod operator_command;
pub mod outcome_measurements;
mod paired_text;
pub mod pairing;
pub mod phase;
pub mod position;
pub mod publish_snapshot;
pub mod ramp_profile;
pub mod reconcile_context;
pub mod reconcile_spec;
pub mod replaced;
pub mod seen_units_log;
mod settled;
pub mod shadow_step;
pub mod snapshot;
pub mod spec;
pub mod state;
pub mod store;
pub mod stored_history;
pub mod transition_log;
pub mod worker;

pub use awaited_use::AwaitedUse;
pub use clocks::Clocks;
pub use command_error::CommandError;
pub use difference_history::DifferenceHistory;
pub use expected_step::ExpectedStep;
pub use fingerprint::SpecFingerprint;
pub use hidden_character::{escape_unseen, hidden_character, is_unseen, log_lines};
pub use hold_changes::HoldChanges;
pub use hold_reason::HoldReason;
pub use lease::Candidate;
pub use local_guard::LocalGuard;
pub use manual::ManualRollout;
pub use observation_buffer::Ticket;
pub use open_responses::{OpenResponse, OpenResponses, OpenTicket};
pub use operator_command::{CommandKind, OperatorCommand};
pub use pairing::{EndedHalf, PairTicket, PairedResponses, Pairing};
pub use phase::Phase;
pub use position::Position;
pub use publish_snapshot::PublishedSnapshot;
pub use ramp_profile::RampProfile;
pub use reconcile_context::{RampEvent, ReconcileContext};
pub use snapshot::Snapshot;
pub use spec::{RampSpec, RampStep, ShadowStep};
pub use state::RampState;
pub use store::RolloutStore;
pub use stored_history::StoredHistory;
pub use transition_log::{Transition, TransitionLog};
pub use worker::RampWorker;
