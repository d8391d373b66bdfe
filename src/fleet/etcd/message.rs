//! The messages of etcd that are used, with the fields that are used.
//!
//! Source: `api/etcdserverpb/rpc.proto` and `api/mvccpb/kv.proto` of etcd 3.4. A decoder skips
//! fields that it does not know.

use prost::{Enumeration, Message, Oneof};

/// Who answers, and at which revision.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct ResponseHeader {
    /// The cluster. It follows from the members' configured addresses, so that a cluster that was
    /// wiped has the same one.
    #[prost(uint64, tag = "1")]
    pub cluster_id: u64,
    /// The member.
    #[prost(uint64, tag = "2")]
    pub member_id: u64,
    /// The revision of the whole store when the request was applied.
    #[prost(int64, tag = "3")]
    pub revision: i64,
}

/// A key with its value.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct KeyValue {
    /// The key.
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
    /// The revision of the latest write.
    #[prost(int64, tag = "3")]
    pub mod_revision: i64,
    /// The value.
    #[prost(bytes = "vec", tag = "5")]
    pub value: Vec<u8>,
}

/// Reads keys.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct RangeRequest {
    /// The first key.
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
    /// The key after the last one; empty for one key.
    #[prost(bytes = "vec", tag = "2")]
    pub range_end: Vec<u8>,
    /// The largest number of keys in the answer; 0 for all.
    #[prost(int64, tag = "3")]
    pub limit: i64,
    /// The revision to read at; 0 for the newest.
    #[prost(int64, tag = "4")]
    pub revision: i64,
    /// Whether only the number of keys is asked for.
    #[prost(bool, tag = "9")]
    pub count_only: bool,
    /// Leaves out keys whose latest write is older; 0 for no limit.
    #[prost(int64, tag = "10")]
    pub min_mod_revision: i64,
}

/// Keys that were read.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct RangeResponse {
    /// The keys, in their order.
    #[prost(message, repeated, tag = "2")]
    pub kvs: Vec<KeyValue>,
    /// Whether the limit has left out keys.
    #[prost(bool, tag = "3")]
    pub more: bool,
    /// The number of keys of the range, before the limit and `min_mod_revision`.
    #[prost(int64, tag = "4")]
    pub count: i64,
}

/// Writes a key.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct PutRequest {
    /// The key.
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
    /// The value.
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
}

/// A key was written.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct PutResponse {}

/// Deletes a key.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct DeleteRangeRequest {
    /// The key.
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
}

/// A key was deleted, or did not exist.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct DeleteRangeResponse {
    /// How many keys were deleted.
    #[prost(int64, tag = "2")]
    pub deleted: i64,
}

/// A condition on a key.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Compare {
    /// How the key's property and the number compare; 0 is "equal".
    #[prost(int32, tag = "1")]
    pub result: i32,
    /// Which property is compared.
    #[prost(enumeration = "CompareTarget", tag = "2")]
    pub target: i32,
    /// The key.
    #[prost(bytes = "vec", tag = "3")]
    pub key: Vec<u8>,
    /// The number.
    #[prost(oneof = "CompareNumber", tags = "5, 6")]
    pub number: Option<CompareNumber>,
}

/// A property of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub enum CompareTarget {
    /// How often the key was written since it was created.
    Version = 0,
    /// The revision at which the key was created; 0 where it does not exist.
    Create = 1,
    /// The revision of the latest write; 0 where it does not exist.
    Mod = 2,
}

/// The number that a property is compared with.
#[derive(Clone, Copy, PartialEq, Eq, Oneof)]
pub enum CompareNumber {
    /// Of [`CompareTarget::Create`].
    #[prost(int64, tag = "5")]
    CreateRevision(i64),
    /// Of [`CompareTarget::Mod`].
    #[prost(int64, tag = "6")]
    ModRevision(i64),
}

/// An operation of a transaction.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct RequestOp {
    /// The operation.
    #[prost(oneof = "RequestKind", tags = "1, 2, 3")]
    pub request: Option<RequestKind>,
}

/// The kinds of operations.
#[derive(Clone, PartialEq, Eq, Oneof)]
pub enum RequestKind {
    /// Reads keys.
    #[prost(message, tag = "1")]
    Range(RangeRequest),
    /// Writes a key.
    #[prost(message, tag = "2")]
    Put(PutRequest),
    /// Deletes a key.
    #[prost(message, tag = "3")]
    DeleteRange(DeleteRangeRequest),
}

/// The answer to an operation of a transaction.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ResponseOp {
    /// The answer.
    #[prost(oneof = "ResponseKind", tags = "1, 2, 3")]
    pub response: Option<ResponseKind>,
}

/// The kinds of answers.
#[derive(Clone, PartialEq, Eq, Oneof)]
pub enum ResponseKind {
    /// Keys that were read.
    #[prost(message, tag = "1")]
    Range(RangeResponse),
    /// A key was written.
    #[prost(message, tag = "2")]
    Put(PutResponse),
    /// A key was deleted, or did not exist.
    #[prost(message, tag = "3")]
    DeleteRange(DeleteRangeResponse),
}

/// Operations that take effect as one, where all conditions hold; others where one does not.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct TxnRequest {
    /// The conditions.
    #[prost(message, repeated, tag = "1")]
    pub compare: Vec<Compare>,
    /// What to do where all conditions hold.
    #[prost(message, repeated, tag = "2")]
    pub success: Vec<RequestOp>,
    /// What to do where one does not hold.
    #[prost(message, repeated, tag = "3")]
    pub failure: Vec<RequestOp>,
}

/// The answer to a [`TxnRequest`].
#[derive(Clone, PartialEq, Eq, Message)]
pub struct TxnResponse {
    /// Who answers.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// Whether all conditions held.
    #[prost(bool, tag = "2")]
    pub succeeded: bool,
    /// One answer for each operation that was done.
    #[prost(message, repeated, tag = "3")]
    pub responses: Vec<ResponseOp>,
}

/// A message to the watch service.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct WatchRequest {
    /// What it asks for.
    #[prost(oneof = "WatchRequestKind", tags = "1, 3")]
    pub request: Option<WatchRequestKind>,
}

/// What a [`WatchRequest`] asks for.
#[derive(Clone, PartialEq, Eq, Oneof)]
pub enum WatchRequestKind {
    /// To be sent the changes of a key.
    #[prost(message, tag = "1")]
    Create(WatchCreateRequest),
    /// To be sent the revision that the watch has reached.
    #[prost(message, tag = "3")]
    Progress(WatchProgressRequest),
}

/// Asks for the changes of a key.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct WatchCreateRequest {
    /// The key.
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
    /// The first revision whose changes are sent; 0 for the next one.
    #[prost(int64, tag = "3")]
    pub start_revision: i64,
}

/// Asks for the revision that a watch has reached.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct WatchProgressRequest {}

/// A message of the watch service.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct WatchResponse {
    /// Who answers.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// Whether the watch was created by this message.
    #[prost(bool, tag = "3")]
    pub created: bool,
    /// Whether the watch has ended.
    #[prost(bool, tag = "4")]
    pub canceled: bool,
    /// The oldest revision that the watch could begin at; 0 where it can begin at the one it asked for.
    #[prost(int64, tag = "5")]
    pub compact_revision: i64,
    /// Why the watch has ended.
    #[prost(string, tag = "6")]
    pub cancel_reason: String,
    /// The changes, in their order.
    #[prost(message, repeated, tag = "11")]
    pub events: Vec<Event>,
}

/// A change of a key.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Event {
    /// 0 is a write, 1 a deletion.
    #[prost(int32, tag = "1")]
    pub kind: i32,
    /// The key, and after a write its value.
    #[prost(message, optional, tag = "2")]
    pub kv: Option<KeyValue>,
}
