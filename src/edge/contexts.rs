//! The contexts of one VM: a root for each configuration that is alive, and the
//! streams.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::console::ConsoleStream;
use super::root::Root;
use super::stream::{Flow, Stream};

thread_local! {
    static CONTEXTS: RefCell<Contexts> = RefCell::default();
}

#[derive(Default)]
struct Contexts {
    /// In the order in which they were made; seldom more than two.
    roots: Vec<Root>,
    /// How often any root context was configured or given a stream.
    uses: u64,
    streams: HashMap<u32, Stream, BuildHasherDefault<IdHasher>>,
    /// Those that the console answers. They are few, and asked for last.
    of_console: HashMap<u32, ConsoleStream, BuildHasherDefault<IdHasher>>,
}

/// The host has made a context: a root, or a stream of the root `root_id`.
pub fn create(context_id: u32, root_id: u32) {
    with_contexts(|contexts| {
        if root_id == 0 {
            contexts.roots.push(Root::new(context_id));
            return;
        }
        let used = contexts.next_use();
        let Some(root) = contexts.root(root_id) else { return };
        if let Some(stream) = root.console_stream() {
            contexts.of_console.insert(context_id, stream);
        } else {
            let stream = root.stream(used);
            contexts.streams.insert(context_id, stream);
        }
    });
}

/// The host has done with a context.
pub fn end(context_id: u32) {
    with_contexts(|contexts| {
        if let Some(stream) = contexts.streams.remove(&context_id) {
            return stream.end();
        }
        contexts.of_console.remove(&context_id);
        let is_it = |root: &Root| root.context_id() == context_id;
        if let Some(at) = contexts.roots.iter().position(is_it) {
            let root = contexts.roots.remove(at);
            root.end(&contexts.roots);
        }
    });
}

/// The host has a configuration for a root context; whether it can be run on.
pub fn configure(context_id: u32) -> bool {
    let is_taken = with_contexts(|contexts| {
        let used = contexts.next_use();
        contexts.root(context_id).is_some_and(|root| root.configure(used))
    });
    is_taken.unwrap_or_default()
}

/// A tick of a root context.
pub fn tick(context_id: u32) {
    with_contexts(|contexts| {
        let roots = &contexts.roots;
        if let Some(root) = roots.iter().find(|root| root.context_id() == context_id) {
            root.tick(roots);
        }
    });
}

/// The headers of a request.
pub fn request_headers(context_id: u32, ends: bool) -> Flow {
    with_stream(context_id, |stream| stream.request_headers(ends))
        .or_else(|| with_console(context_id, |stream, roots| stream.request_headers(roots, ends)))
        .unwrap_or_default()
}

/// A piece of a request's body, or all that is waited for.
pub fn request_body(context_id: u32, size: usize, ends: bool) -> Flow {
    with_stream(context_id, |stream| stream.request_body(size, ends))
        .or_else(|| {
            with_console(context_id, |stream, roots| stream.request_body(roots, size, ends))
        })
        .unwrap_or_default()
}

fn with_console<T>(
    context_id: u32,
    work: impl FnOnce(&mut ConsoleStream, &[Root]) -> T,
) -> Option<T> {
    let work = |contexts: &mut Contexts| {
        let stream = contexts.of_console.get_mut(&context_id)?;
        Some(work(stream, &contexts.roots))
    };
    with_contexts(work).flatten()
}

/// Does `work` with a stream's context.
pub fn with_stream<T>(context_id: u32, work: impl FnOnce(&mut Stream) -> T) -> Option<T> {
    with_contexts(|contexts| contexts.streams.get_mut(&context_id).map(work)).flatten()
}

/// `None` only if the host calls a callback from within a host call, which it must
/// not; the callback is then lost, and not the VM.
fn with_contexts<T>(work: impl FnOnce(&mut Contexts) -> T) -> Option<T> {
    CONTEXTS.with(|contexts| contexts.try_borrow_mut().ok().map(|mut contexts| work(&mut contexts)))
}

// === impl Contexts ===

impl Contexts {
    fn root(&mut self, context_id: u32) -> Option<&mut Root> {
        self.roots.iter_mut().find(|root| root.context_id() == context_id)
    }

    fn next_use(&mut self) -> u64 {
        self.uses += 1;
        self.uses
    }
}

/// A hasher of context ids. The host gives them out one after another, so no client
/// can make them collide, and the standard library's hasher, which guards against
/// that, costs more than all else that is done to find a context.
#[derive(Default)]
struct IdHasher(u64);

// === impl IdHasher ===

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, id: u32) {
        // Fibonacci hashing: the table takes its bits from both ends.
        self.0 = (self.0 ^ u64::from(id)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
