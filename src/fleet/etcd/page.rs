//! A part of a folder, or one record, as one request, and its answer.

use prost::Message as _;

use super::super::store::{Folder, FoundRecord, Revision};
use super::message::{
    KeyValue, RangeRequest, RangeResponse, RequestKind, RequestOp, ResponseKind, TxnRequest,
    TxnResponse,
};

/// The number of records of the first page of a listing, whose sizes are not known.
const FIRST_PAGE_RECORDS: i64 = 32;

/// The most records of a page, so that it is below 32 MiB, which Envoy accepts, also where all of them are as
/// large as they can be: those of the page before say nothing about that. An outbox is under 0.6 MiB,
/// a chunk of units has 64 KiB.
const MAX_OUTBOXES: i64 = 48;
const MAX_CHUNKS: i64 = 256;

/// The size of a page in bytes that later pages aim at.
const PAGE_BYTES: i64 = 2 * 1024 * 1024;

/// What is read next: keys from one to before another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    from: Vec<u8>,
    /// Empty where one key is read.
    to: Vec<u8>,
    /// 0 for the newest.
    at: i64,
    /// Exclusive.
    after: i64,
    limit: i64,
    most: i64,
}

/// A page that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundPage {
    /// The keys with their records.
    pub records: Vec<(Vec<u8>, FoundRecord)>,
    /// The page after this one, at the same revision; `None` after the last.
    pub next: Option<Page>,
    /// The revision of the page, which is that of the first one.
    pub revision: Revision,
}

// === impl Page ===

impl Page {
    /// One key.
    pub fn of_key(key: Vec<u8>) -> Self {
        Self { from: key, to: Vec::new(), at: 0, after: 0, limit: 0, most: 1 }
    }

    /// The first page of the keys of a folder, which are in this range, that were written after a revision.
    pub fn first(folder: Folder, (from, to): (Vec<u8>, Vec<u8>), after: Revision) -> Self {
        let after = i64::try_from(after.0).unwrap_or(i64::MAX - 1);
        let most = match folder {
            Folder::Outboxes => MAX_OUTBOXES,
            Folder::SeenUnits => MAX_CHUNKS,
        };
        Self { from, to, at: 0, after, limit: FIRST_PAGE_RECORDS, most }
    }

    /// The request for this page.
    pub fn encode(&self) -> Vec<u8> {
        let range = RangeRequest {
            key: self.from.clone(),
            range_end: self.to.clone(),
            limit: self.limit,
            revision: self.at,
            count_only: false,
            min_mod_revision: if self.after == 0 { 0 } else { self.after + 1 },
        };
        let success = vec![RequestOp { request: Some(RequestKind::Range(range)) }];
        TxnRequest { compare: Vec::new(), success, failure: Vec::new() }.encode_to_vec()
    }

    /// Takes the records out of an answer at a revision.
    ///
    /// # Errors
    /// A message, where the answer is not the complete one to this request.
    pub fn read(&self, answer: TxnResponse, revision: u64) -> Result<FoundPage, String> {
        let is_answer = answer.succeeded && answer.responses.len() == 1;
        let response = answer.responses.into_iter().next().filter(|_| is_answer);
        let Some(ResponseKind::Range(range)) = response.and_then(|it| it.response) else {
            return Err("the answer is not that to a request for records".to_owned());
        };
        let revision = match self.at {
            0 => i64::try_from(revision).unwrap_or(i64::MAX),
            at => at,
        };
        self.check_keys(&range, revision)?;
        self.check_count(&range)?;
        let next = range.more.then(|| self.next(&range, revision));
        let found = |kv: KeyValue| {
            let revision = Revision(kv.mod_revision.cast_unsigned());
            (kv.key, FoundRecord { value: kv.value, revision })
        };
        let records = range.kvs.into_iter().map(found).collect();
        Ok(FoundPage { records, next, revision: Revision(revision.cast_unsigned()) })
    }

    fn check_keys(&self, range: &RangeResponse, revision: i64) -> Result<(), String> {
        let is_ours = |kv: &KeyValue| match self.to.is_empty() {
            true => kv.key == self.from,
            false => self.from <= kv.key && kv.key < self.to,
        };
        let is_timely = |kv: &KeyValue| self.after < kv.mod_revision && kv.mod_revision <= revision;
        if !range.kvs.iter().all(|kv| is_ours(kv) && is_timely(kv)) {
            return Err("the answer contains a record that was not asked for".to_owned());
        }
        if !range.kvs.is_sorted_by(|one, next| one.key < next.key) {
            return Err("the answer contains records in another order than that of keys".to_owned());
        }
        Ok(())
    }

    /// Without a revision to read after, `count` is the number of keys of the range.
    fn check_count(&self, range: &RangeResponse) -> Result<(), String> {
        let found = i64::try_from(range.kvs.len()).unwrap_or(i64::MAX);
        let is_complete = match (range.more, self.after) {
            (true, _) => 0 < found && found < range.count && !self.to.is_empty(),
            (false, 0) => found == range.count,
            (false, _) => found <= range.count,
        };
        if is_complete {
            return Ok(());
        }
        Err(format!("the answer has {found} of {} records, and no continuation", range.count))
    }

    fn next(&self, range: &RangeResponse, revision: i64) -> Self {
        let last = range.kvs.last().map_or(&self.from, |kv| &kv.key);
        let bytes: usize = range.kvs.iter().map(|kv| kv.key.len() + kv.value.len()).sum();
        let records = i64::try_from(range.kvs.len()).unwrap_or(1).max(1);
        let record_bytes = i64::try_from(bytes).unwrap_or(i64::MAX) / records + 1;
        Self {
            from: [last.as_slice(), &[0]].concat(),
            to: self.to.clone(),
            at: revision,
            after: self.after,
            limit: (PAGE_BYTES / record_bytes).clamp(1, self.most),
            most: self.most,
        }
    }
}
