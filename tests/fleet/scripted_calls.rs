//! gRPC calls with answers that the test sets.

use std::cell::RefCell;
use std::collections::VecDeque;

use verdigris::fleet::etcd::{EtcdStore, GrpcCalls, GrpcError, GrpcMethod};

/// Answers calls in their order.
pub struct ScriptedCalls {
    answers: RefCell<VecDeque<Result<Vec<u8>, GrpcError>>>,
}

impl ScriptedCalls {
    /// A store whose calls have these answers.
    pub fn store(
        answers: impl IntoIterator<Item = Result<Vec<u8>, GrpcError>>,
    ) -> EtcdStore<ScriptedCalls> {
        let answers = RefCell::new(answers.into_iter().collect());
        EtcdStore::new(Self { answers }, "/fleets/", "assistant-v8")
    }
}

impl GrpcCalls for ScriptedCalls {
    async fn call(&self, method: GrpcMethod, _: Vec<u8>) -> Result<Vec<u8>, GrpcError> {
        assert_eq!(method, GrpcMethod::TXN);
        self.answers.borrow_mut().pop_front().expect("no more calls than answers")
    }
}
