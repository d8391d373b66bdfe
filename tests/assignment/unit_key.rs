//! The keyed hash of units.

use proptest::prelude::*;
use verdigris::assignment::UnitKey;

fn key(bytes: [u8; UnitKey::LENGTH]) -> UnitKey {
    UnitKey::from_bytes(&bytes).unwrap()
}

/// The vectors of SipHash's reference implementation (`vectors.h`): the key and the messages are
/// the bytes 0, 1, 2 and so on. The one of 15 bytes is also in the paper's appendix A.
#[test]
fn the_hash_is_siphash_2_4() {
    let count_up = std::array::from_fn(|at| at as u8);
    let vectors = [
        (0, 0x726f_db47_dd0e_0e31),
        (1, 0x74f8_39c5_93dc_67fd),
        (8, 0x93f5_f579_9a93_2462),
        (15, 0xa129_ca61_49be_45e5),
    ];
    for (length, expected) in vectors {
        let message: Vec<u8> = (0..length).collect();
        assert_eq!(key(count_up).hash(&message), expected, "{length}");
    }
}

#[test]
fn a_key_has_its_length() {
    for length in [0, 8, 15, 17, 32] {
        assert!(UnitKey::from_bytes(&vec![0; length]).is_none(), "{length}");
    }
}

/// The memory of units keeps those with the lowest hashes. A client that has picked such units
/// under one key has nothing under another: each has a low hash with the same probability as any
/// other unit.
#[test]
fn units_that_are_picked_under_one_key_are_any_units_under_another() {
    let (picked_by, used) = (key([1; 16]), key([2; 16]));
    let is_low = |hash: u64| hash < u64::MAX / 16;
    let units = (0..160_000_u32).map(u32::to_le_bytes);
    let picked: Vec<_> = units.filter(|unit| is_low(picked_by.hash(unit))).collect();
    let low = picked.iter().filter(|unit| is_low(used.hash(*unit))).count();
    // Of about 10,000 a sixteenth, within four standard errors.
    assert!((9_600..=10_400).contains(&picked.len()), "{}", picked.len());
    assert!((528..=722).contains(&low), "{low}");
}

proptest! {
    /// Two units with one hash would count as one; of few units none do.
    #[test]
    fn other_units_and_other_keys_have_other_hashes(
        one in prop::collection::vec(any::<u8>(), 0..200),
        other in prop::collection::vec(any::<u8>(), 0..200),
        keys: [[u8; 16]; 2],
    ) {
        prop_assume!(one != other && keys[0] != keys[1]);
        prop_assert_ne!(key(keys[0]).hash(&one), key(keys[0]).hash(&other));
        prop_assert_ne!(key(keys[0]).hash(&one), key(keys[1]).hash(&one));
    }
}
