//! A transaction as one request, and its answer.

use prost::Message as _;

use super::super::store::{FleetRecord, Revision, StoreError, Transaction};
use super::keys::Keys;
use super::message::{
    Compare, CompareNumber, CompareTarget, DeleteRangeRequest, PutRequest, RangeRequest,
    RequestKind, RequestOp, ResponseKind, TxnRequest, TxnResponse,
};

/// The largest request, in bytes: etcd's default of `--max-request-bytes`, 1.5 MiB, less what etcd
/// adds to a request before it measures it. Envoy's buffers are no limit to a call-out.
pub const MAX_REQUEST_BYTES: usize = 1536 * 1024 - 1024;

/// The largest number of guards, and of writes, of a transaction: etcd's default of `--max-txn-ops`.
pub const MAX_OPERATIONS: usize = 128;

/// The request for a transaction.
///
/// Where a guard does not hold, etcd counts a key instead, so that the answer is not an empty one.
///
/// # Errors
/// [`StoreError::Failed`] for a transaction that is larger than etcd accepts, or has no write.
pub fn encode(keys: &Keys, transaction: &Transaction) -> Result<Vec<u8>, StoreError> {
    let Transaction { guards, puts, deletes, deletes_up_to } = transaction;
    let writes = puts.len() + deletes.len();
    check_limit("writes", writes, MAX_OPERATIONS)?;
    let mut success = Vec::with_capacity(writes);
    for (record, value) in puts {
        let put = PutRequest { key: keys.key(record)?, value: value.clone() };
        success.push(RequestOp { request: Some(RequestKind::Put(put)) });
    }
    for record in deletes {
        let delete = DeleteRangeRequest { key: keys.key(record)? };
        success.push(RequestOp { request: Some(RequestKind::DeleteRange(delete)) });
    }
    let compare = guards.iter().map(|(record, revision)| guard(keys, record, *revision));
    let unchanged = deletes.iter().zip(deletes_up_to.iter().cycle());
    let unchanged = unchanged.map(|(record, revision)| not_after(keys, record, *revision));
    let compare = compare.chain(unchanged).collect::<Result<Vec<_>, _>>()?;
    check_limit("guards", compare.len(), MAX_OPERATIONS)?;
    let Some(counted) = puts.first().map(|(record, _)| record).or(deletes.first()) else {
        return Err(StoreError::Failed("a transaction without a write was not sent".to_owned()));
    };
    let count = RangeRequest { key: keys.key(counted)?, count_only: true, ..Default::default() };
    let failure = vec![RequestOp { request: Some(RequestKind::Range(count)) }];
    let request = TxnRequest { compare, success, failure };
    check_limit("bytes", request.encoded_len(), MAX_REQUEST_BYTES)?;
    Ok(request.encode_to_vec())
}

/// How numbers are compared. Source: `Compare.CompareResult` in `rpc.proto`.
const EQUAL: i32 = 0;
const LESS: i32 = 2;

fn guard(
    keys: &Keys,
    record: &FleetRecord,
    revision: Option<Revision>,
) -> Result<Compare, StoreError> {
    let (target, number) = match revision {
        None => (CompareTarget::Create, CompareNumber::CreateRevision(0)),
        Some(revision) => (CompareTarget::Mod, CompareNumber::ModRevision(number(revision)?)),
    };
    let key = keys.key(record)?;
    Ok(Compare { result: EQUAL, target: target.into(), key, number: Some(number) })
}

/// That a record was not written after a revision. It may not exist: then its revision is 0.
fn not_after(keys: &Keys, record: &FleetRecord, revision: Revision) -> Result<Compare, StoreError> {
    let number = CompareNumber::ModRevision(number(revision)?.saturating_add(1));
    let (key, target) = (keys.key(record)?, CompareTarget::Mod.into());
    Ok(Compare { result: LESS, target, key, number: Some(number) })
}

fn number(Revision(revision): Revision) -> Result<i64, StoreError> {
    i64::try_from(revision).map_err(|_| {
        StoreError::Failed(format!("revision {revision} is larger than any etcd revision"))
    })
}

fn check_limit(what: &str, found: usize, most: usize) -> Result<(), StoreError> {
    if found <= most {
        return Ok(());
    }
    Err(StoreError::Failed(format!(
        "a transaction of {found} {what} was not sent: etcd accepts {most} {what}"
    )))
}

/// Checks that an answer is that to a transaction. Its revision is checked elsewhere.
///
/// # Errors
/// [`StoreError::Conflict`] where a guard did not hold; [`StoreError::Unknown`] where the answer is
/// not that to this transaction.
pub fn check(transaction: &Transaction, response: &TxnResponse) -> Result<(), StoreError> {
    let kinds = response.responses.iter().map(|it| it.response.as_ref());
    let (puts, deletes) = (transaction.puts.len(), transaction.deletes.len());
    if response.succeeded {
        let mut kinds = kinds;
        let are_puts = kinds.by_ref().take(puts).all(|it| matches!(it, Some(ResponseKind::Put(_))));
        let are_deletes = kinds.all(|it| matches!(it, Some(ResponseKind::DeleteRange(_))));
        let is_complete = response.responses.len() == puts + deletes;
        if are_puts && are_deletes && is_complete {
            return Ok(());
        }
    } else {
        let [Some(ResponseKind::Range(_))] = kinds.collect::<Vec<_>>()[..] else {
            return Err(unreadable(
                "the answer is neither that of a successful transaction nor that of a failed one",
            ));
        };
        return Err(StoreError::Conflict);
    }
    Err(unreadable("the answer does not contain the answers to the transaction's writes"))
}

fn unreadable(why: &str) -> StoreError {
    StoreError::Unknown(why.to_owned())
}
