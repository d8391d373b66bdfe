//! The memory of units, as VMs share it: pieces to which each tick appends, so that
//! none is written again once it is full. A VM that takes over reads them all.
//!
//! They are written after the state that counts their entries. Of a tick whose state was not
//! taken nothing is to be found in them: its units are not seen yet.

use super::keys::versioned;
use crate::analysis::evidence::UnitFlags;
use crate::filter::hostcalls::{CasToken, get_shared_data, set_shared_data};
use crate::rollout::{RampSpec, RampState};

/// How many entries a piece has.
const ENTRIES_PER_PIECE: usize = 4096;
/// A unit's hash and its marks.
const ENTRY_BYTES: usize = 8 + 8;

/// What is not written down yet.
pub struct SeenUnitsStore {
    rollout: String,
    /// The pieces that are not full yet, by the number of the step.
    open: Vec<(u16, Vec<u8>)>,
    /// Pieces that get their last bytes, each with its place: full ones, and dropped ones,
    /// which get none.
    closed: Vec<(u16, usize, Vec<u8>)>,
}

// === impl Memory ===

impl SeenUnitsStore {
    /// Has the state remember what is written down.
    pub fn load(rollout: &str, settings: &RampSpec, state: &mut RampState) -> Self {
        let (open, closed) = (Vec::new(), Vec::new());
        let mut memory = Self { rollout: rollout.to_owned(), open, closed };
        for (number, entries) in state.seen_unit_pieces.clone() {
            let Some(step) = state.step_of_epoch(number) else { continue };
            for piece in 0..=entries / ENTRIES_PER_PIECE {
                let Some((bytes, _)) = get_shared_data(&memory.key(number, piece)) else {
                    continue;
                };
                for entry in bytes.chunks_exact(ENTRY_BYTES) {
                    let Some((unit, rest)) = entry.split_first_chunk() else { continue };
                    let Some((marks, _)) = rest.split_first_chunk() else { continue };
                    let (unit, marks) = (u64::from_le_bytes(*unit), u64::from_le_bytes(*marks));
                    let marks = UnitFlags { step, unit, flags: marks };
                    state.evidence.restore(&settings.analysis, marks);
                }
                if piece == entries / ENTRIES_PER_PIECE {
                    memory.open.push((number, bytes.to_vec()));
                }
            }
        }
        memory
    }

    /// Takes in what the last tick has added, and drops what is not remembered any more.
    /// The state counts it; [`Self::write`] writes it.
    pub fn append(&mut self, state: &mut RampState) {
        let step = u16::try_from(state.step).unwrap_or_default();
        for marks in state.evidence.new_flags().to_vec() {
            let ago = step.saturating_sub(marks.step);
            let number = state.epoch.saturating_sub(ago);
            let Some(open) = entry(&mut self.open, number) else { continue };
            open.extend(marks.unit.to_le_bytes());
            open.extend(marks.flags.to_le_bytes());
            let Some(entries) = entry(&mut state.seen_unit_pieces, number) else { continue };
            *entries += 1;
            if entries.is_multiple_of(ENTRIES_PER_PIECE) {
                self.closed.push((number, *entries / ENTRIES_PER_PIECE - 1, std::mem::take(open)));
            }
        }
        let is_kept = |number: u16| state.step_of_epoch(number).is_some_and(|it| it + 1 >= step);
        let (kept, dropped): (Vec<_>, Vec<_>) =
            state.seen_unit_pieces.iter().partition(|(number, _)| is_kept(*number));
        for (number, entries) in dropped {
            let pieces = 0..=entries / ENTRIES_PER_PIECE;
            self.closed.extend(pieces.map(|piece| (number, piece, Vec::new())));
        }
        self.open.retain(|(number, _)| kept.iter().any(|(it, _)| it == number));
        state.seen_unit_pieces = kept;
    }

    /// Writes down what was appended; to be called when the state was.
    pub fn write(&mut self, state: &RampState) {
        for (number, piece, bytes) in std::mem::take(&mut self.closed) {
            self.write_piece(number, piece, &bytes);
        }
        for (number, open) in &self.open {
            let entries =
                state.seen_unit_pieces.iter().find(|(it, _)| it == number).map_or(0, |it| it.1);
            self.write_piece(*number, entries / ENTRIES_PER_PIECE, open);
        }
    }

    fn write_piece(&self, number: u16, piece: usize, bytes: &[u8]) {
        // Units that the host does not take now are forgotten by who takes over, or are
        // taken with the next tick.
        let _ = set_shared_data(&self.key(number, piece), bytes, CasToken::ANY);
    }

    fn key(&self, number: u16, piece: usize) -> String {
        versioned(&self.rollout, &format!("units.{number}.{piece}"))
    }
}

/// What stands under a number in a short list; put there if it does not yet.
fn entry<T: Default>(list: &mut Vec<(u16, T)>, number: u16) -> Option<&mut T> {
    if !list.iter().any(|(it, _)| *it == number) {
        list.push((number, T::default()));
    }
    list.iter_mut().find(|(it, _)| *it == number).map(|(_, entry)| entry)
}
