//! Calls that the host answers later: `src/callout`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use proptest::prelude::*;
use verdigris::callout::{PendingCalls, Tasks, grpc_service};

thread_local! {
    static CANCELLED: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
}

fn cancel(token: u32) {
    CANCELLED.with_borrow_mut(|it| it.push(token));
}

fn cancelled() -> Vec<u32> {
    CANCELLED.take()
}

fn send<T>(
    calls: &Rc<PendingCalls<T>>,
    token: u32,
) -> Result<impl Future<Output = T> + use<T>, String> {
    calls.send(|| Ok(token), |most| format!("{most} at once"))
}

#[test]
fn a_task_continues_when_its_call_is_answered() {
    let (tasks, calls) = (Tasks::default(), PendingCalls::<&str>::new(2, cancel));
    let answers: Rc<RefCell<Vec<&str>>> = Rc::default();
    let (first, log) = (send(&calls, 1).unwrap(), Rc::clone(&answers));
    let later = Rc::clone(&calls);
    tasks.spawn(async move {
        let answer = first.await;
        log.borrow_mut().push(answer);
        let answer = send(&later, 2).unwrap().await;
        log.borrow_mut().push(answer);
    });
    tasks.poll();
    assert!(calls.complete(1, "one") && calls.complete(1, "again") && !calls.complete(2, "early"));
    tasks.poll();
    assert_eq!(*answers.borrow(), ["one"]);
    assert!(!calls.complete(1, "late") && !tasks.is_empty());
    assert!(calls.complete(2, "two"));
    tasks.poll();
    assert_eq!(*answers.borrow(), ["one", "two"]);
    assert!(tasks.is_empty() && calls.count() == 0 && cancelled().is_empty());
}

#[test]
fn there_are_never_more_calls_than_allowed_and_a_refused_call_takes_no_place() {
    let calls = PendingCalls::<()>::new(2, cancel);
    let refused = calls.send(|| Err("refused".to_owned()), |_| String::new());
    assert_eq!(refused.err().as_deref(), Some("refused"));
    let (one, _two) = (send(&calls, 1).unwrap(), send(&calls, 2).unwrap());
    assert_eq!(send(&calls, 3).err().as_deref(), Some("2 at once"));
    drop(one);
    assert!(send(&calls, 4).is_ok());
}

/// Envoy's default circuit breaker refuses the 1,025th call. So many tasks never reach it.
#[test]
fn of_1025_tasks_at_once_each_has_a_call_or_learns_that_there_are_too_many() {
    const MOST: usize = 64;
    let (tasks, calls) = (Tasks::default(), PendingCalls::<u32>::new(MOST, cancel));
    let results: Rc<RefCell<Vec<Result<u32, String>>>> = Rc::default();
    let spawn = |token: u32| {
        let (calls, results) = (Rc::clone(&calls), Rc::clone(&results));
        tasks.spawn(async move {
            let result = match send(&calls, token) {
                Ok(call) => Ok(call.await),
                Err(error) => Err(error),
            };
            results.borrow_mut().push(result);
        });
    };
    (0..1025).for_each(spawn);
    tasks.poll();
    assert_eq!(calls.count(), MOST);
    let refused = results.take();
    assert_eq!(refused.len(), 1025 - MOST);
    assert!(refused.iter().all(|it| *it == Err("64 at once".to_owned())));
    // What has a call gets its own answer, and then there is room again.
    (0..64).rev().for_each(|token| assert!(calls.complete(token, token * 2)));
    tasks.poll();
    let mut answers: Vec<_> = results.take().into_iter().map(Result::unwrap).collect();
    answers.sort_unstable();
    assert_eq!(answers, (0..64).map(|token| token * 2).collect::<Vec<_>>());
    assert!(tasks.is_empty() && calls.count() == 0 && cancelled().is_empty());
    spawn(2000);
    tasks.poll();
    assert_eq!(calls.count(), 1);
}

#[test]
fn dropping_the_tasks_cancels_the_calls_that_are_not_answered() {
    let (tasks, calls) = (Tasks::default(), PendingCalls::<()>::new(9, cancel));
    for token in 1..=3 {
        tasks.spawn(send(&calls, token).unwrap());
    }
    tasks.poll();
    calls.complete(2, ());
    tasks.cancel_all();
    assert_eq!(cancelled(), [1, 3]);
    assert!(tasks.is_empty() && calls.count() == 0);
    assert!(!calls.complete(1, ()), "an answer that comes too late is dropped");
}

#[test]
fn a_task_can_spawn_poll_and_cancel() {
    let tasks = Rc::new(Tasks::default());
    let ran = Rc::new(Cell::new(0));
    let (own, count) = (Rc::clone(&tasks), Rc::clone(&ran));
    tasks.spawn(async move {
        let inner = Rc::clone(&count);
        own.spawn(async move { inner.set(inner.get() + 1) });
        own.poll();
        assert_eq!(count.get(), 0, "not within another task");
    });
    tasks.poll();
    assert_eq!(ran.get(), 1, "in the same round");
    let own = Rc::clone(&tasks);
    tasks.spawn(async move {
        own.cancel_all();
        std::future::pending::<()>().await;
    });
    tasks.spawn(std::future::pending());
    tasks.poll();
    assert!(tasks.is_empty());
}

#[test]
fn a_cluster_is_a_serialised_grpc_service() {
    assert_eq!(grpc_service("etcds"), b"\x0a\x07\x0a\x05etcds");
    let istio = "outbound|2379||etcd.svc";
    let expected = [&b"\x0a\x32\x0a\x17outbound|2379||etcd.svc\x12\x17outbound-2379--etcd.svc"[..]];
    assert_eq!(grpc_service(istio), expected.concat());
    // From 126 bytes the outer length has two bytes, from 128 the inner one too.
    let cases: [(usize, &[u8]); 4] = [
        (125, b"\x0a\x7f\x0a\x7d"),
        (126, b"\x0a\x80\x01\x0a\x7e"),
        (128, b"\x0a\x83\x01\x0a\x80\x01"),
        (300, b"\x0a\xaf\x02\x0a\xac\x02"),
    ];
    for (length, start) in cases {
        let name = "x".repeat(length);
        assert_eq!(grpc_service(&name), [start, name.as_bytes()].concat(), "{length}");
    }
}

proptest! {
    /// Each call is completed once or cancelled once, whatever the order is of sending, answering
    /// and dropping.
    #[test]
    fn every_call_is_answered_or_cancelled(actions in prop::collection::vec((0..3_u8, 0..20_u32), 0..100)) {
        cancelled();
        let calls = PendingCalls::<u32>::new(8, cancel);
        let mut futures = Vec::new();
        let (mut sent, mut answered) = (BTreeSet::new(), BTreeSet::new());
        for (action, number) in actions {
            match action {
                0 => {
                    let token = u32::try_from(sent.len()).unwrap();
                    if let Ok(future) = send(&calls, token) {
                        sent.insert(token);
                        futures.push(future);
                    }
                }
                1 if calls.complete(number, number) => {
                    answered.insert(number);
                }
                2 if !futures.is_empty() => {
                    let index = number as usize % futures.len();
                    drop(futures.swap_remove(index));
                }
                _ => {}
            }
            prop_assert!(calls.count() <= 8);
        }
        drop(futures);
        let cancelled = cancelled();
        let distinct: BTreeSet<_> = cancelled.iter().copied().collect();
        prop_assert_eq!(distinct.len(), cancelled.len());
        prop_assert!(distinct.is_disjoint(&answered));
        prop_assert_eq!(&distinct | &answered, sent);
        prop_assert_eq!(calls.count(), 0);
    }
}
