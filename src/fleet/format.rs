//! The form of the records in the store: one byte with the version of the form, then the value as
//! postcard.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::rollout::store::STATE_VERSION;

/// The version of the form of all records. Instances of two versions do not read each other's.
pub const FORMAT: u8 = STATE_VERSION as u8;

/// Why a record cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnreadableRecord {
    /// It was written by a filter with another version of the form.
    OtherFormat(u8),
    /// It is not a record.
    Malformed,
}

/// Encodes a record. `None` where the value cannot be encoded.
pub fn encode(value: &impl Serialize) -> Option<Vec<u8>> {
    postcard::to_extend(value, vec![FORMAT]).ok()
}

/// Decodes a record.
///
/// # Errors
/// [`UnreadableRecord`] where it has another form.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, UnreadableRecord> {
    match bytes.split_first() {
        Some((&FORMAT, value)) => {
            let (value, rest) =
                postcard::take_from_bytes(value).map_err(|_| UnreadableRecord::Malformed)?;
            if rest.is_empty() { Ok(value) } else { Err(UnreadableRecord::Malformed) }
        }
        Some((&format, _)) => Err(UnreadableRecord::OtherFormat(format)),
        None => Err(UnreadableRecord::Malformed),
    }
}

impl fmt::Display for UnreadableRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherFormat(format) => {
                write!(f, "it has the form {format}, and this filter reads the form {FORMAT}")
            }
            Self::Malformed => f.write_str("it is not a record of a rollout"),
        }
    }
}
