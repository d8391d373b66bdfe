//! The host's side of proxy-wasm ABI 0.2.1, as far as the filter uses it. A call
//! that is not here traps and names itself.

use std::collections::VecDeque;

use wasmi::{Caller, Error, ExternType, Linker, Memory, Module, Val};

use super::callouts;
use super::vm::{State, first};

pub(super) const OK: u32 = 0;
const NOT_FOUND: u32 = 1;
const BAD_ARGUMENT: u32 = 2;

const RESPONSE_HEADERS: u32 = 2;

pub(super) type Host<'a> = Caller<'a, State>;

pub fn link(linker: &mut Linker<State>, module: &Module) {
    link_proxy(linker);
    callouts::link(linker);
    link_wasi(linker);
    for import in module.imports() {
        let ExternType::Func(ty) = import.ty() else { continue };
        let name = format!("{}.{} is not emulated", import.module(), import.name());
        // An error here means that the import is linked already.
        let _ = linker.func_new(import.module(), import.name(), ty.clone(), move |_, _, _| {
            Err(Error::new(name.clone()))
        });
    }
}

/// Links a host call that is recorded, and refused where a test wants that.
macro_rules! host_call {
    ($linker:ident, $name:ident($host:ident $(, $arg:ident: $ty:ty)*) $body:block) => {
        $linker
            .func_wrap("env", stringify!($name), |mut $host: Host<'_> $(, $arg: $ty)*| -> u32 {
                $host.data_mut().calls.push(stringify!($name));
                if let Some(status) = $host.data().refused.get(stringify!($name)) {
                    return *status;
                }
                $body
            })
            .unwrap();
    };
}
pub(super) use host_call;

fn link_proxy(linker: &mut Linker<State>) {
    host_call!(linker, proxy_log(host, _level: u32, message: u32, size: u32) {
        let message = String::from_utf8(read(&host, message, size)).unwrap();
        host.data_mut().log.push(message);
        OK
    });
    host_call!(linker, proxy_get_log_level(host, level: u32) {
        write_u32(&mut host, level, 2);
        OK
    });
    host_call!(linker, proxy_get_buffer_bytes(
        host, buffer: u32, _start: u32, _max: u32, value: u32, value_size: u32
    ) {
        const REQUEST_BODY: u32 = 0;
        const RESPONSE_BODY: u32 = 1;
        const PLUGIN_CONFIGURATION: u32 = 7;
        let bytes = match buffer {
            REQUEST_BODY => {
                let stream = &host.data().stream;
                let body = stream.body.as_deref().unwrap_or_default();
                body[..stream.buffered].to_vec()
            }
            RESPONSE_BODY => host.data().stream.piece.clone(),
            PLUGIN_CONFIGURATION => host.data().config.clone(),
            _ => match host.data().callouts.buffer(buffer) {
                Some(bytes) => bytes.to_vec(),
                None => return BAD_ARGUMENT,
            },
        };
        give(&mut host, &bytes, value, value_size)
    });
    host_call!(linker, proxy_get_header_map_value(
        host, map: u32, key: u32, key_size: u32, value: u32, value_size: u32
    ) {
        let name = String::from_utf8(read(&host, key, key_size)).unwrap();
        let State { stream, callouts, .. } = host.data();
        let found = match (map, callouts.headers(map)) {
            (_, Some(headers)) => first(headers, &name),
            (RESPONSE_HEADERS, None) => first(&stream.response.headers, &name),
            (_, None) => stream.get(&name),
        };
        match found.map(<[u8]>::to_vec) {
            Some(found) => give(&mut host, &found, value, value_size),
            None => NOT_FOUND,
        }
    });
    host_call!(linker, proxy_get_header_map_pairs(
        host, map: u32, value: u32, value_size: u32
    ) {
        let stream = &host.data().stream;
        let pairs = serialized(match map {
            RESPONSE_HEADERS => &stream.response.headers,
            _ => &stream.headers,
        });
        give(&mut host, &pairs, value, value_size)
    });
    host_call!(linker, proxy_replace_header_map_value(
        host, map: u32, key: u32, key_size: u32, value: u32, value_size: u32
    ) {
        let name = String::from_utf8(read(&host, key, key_size)).unwrap();
        let value = read(&host, value, value_size);
        let stream = &mut host.data_mut().stream;
        if map == RESPONSE_HEADERS {
            let headers = &mut stream.response.headers;
            headers.retain(|(header, _)| *header != name);
            headers.push((name, value));
        } else {
            stream.replace(&name, &value);
        }
        OK
    });
    host_call!(linker, proxy_add_header_map_value(
        host, map: u32, key: u32, key_size: u32, value: u32, value_size: u32
    ) {
        let name = String::from_utf8(read(&host, key, key_size)).unwrap();
        let value = read(&host, value, value_size);
        let stream = &mut host.data_mut().stream;
        let headers = match map {
            RESPONSE_HEADERS => &mut stream.response.headers,
            _ => &mut stream.headers,
        };
        headers.push((name, value));
        OK
    });
    host_call!(linker, proxy_remove_header_map_value(host, _map: u32, key: u32, key_size: u32) {
        let name = String::from_utf8(read(&host, key, key_size)).unwrap();
        host.data_mut().stream.remove(&name);
        OK
    });
    host_call!(linker, proxy_set_buffer_bytes(
        host, buffer: u32, start: u32, _size: u32, value: u32, value_size: u32
    ) {
        if (buffer, start) != (0, 0) {
            return BAD_ARGUMENT;
        }
        let body = read(&host, value, value_size);
        host.data_mut().stream.body = Some(body);
        OK
    });
    host_call!(linker, proxy_send_local_response(
        host, status: u32, _details: u32, _details_size: u32, body: u32, body_size: u32,
        _headers: u32, _headers_size: u32, _grpc: i32
    ) {
        let text = String::from_utf8(read(&host, body, body_size)).unwrap();
        let status = u16::try_from(status).unwrap();
        host.data_mut().stream.reply = Some((status, text));
        OK
    });
    host_call!(linker, proxy_get_property(
        host, path: u32, path_size: u32, value: u32, value_size: u32
    ) {
        let stream = &host.data().stream;
        let found = match read(&host, path, path_size).as_slice() {
            b"response\0code_details" => {
                let details = stream.response.details;
                (!details.is_empty()).then(|| details.as_bytes().to_vec())
            }
            b"response\0flags" => Some(stream.response.flags.to_le_bytes().to_vec()),
            b"xds\0listener_metadata\0filter_metadata\0verdigris\0role" => {
                stream.role.map(|role| role.as_bytes().to_vec())
            }
            b"plugin_name" => Some(host.data().plugin.as_bytes().to_vec()),
            b"xds\0upstream_host_metadata\0filter_metadata\0verdigris\0version" => {
                stream.response.version.map(|version| version.as_bytes().to_vec())
            }
            b"upstream\0request_attempt_count" => {
                Some(stream.response.attempts.to_le_bytes().to_vec())
            }
            _ => None,
        };
        match found {
            Some(found) => give(&mut host, &found, value, value_size),
            None => NOT_FOUND,
        }
    });
    host_call!(linker, proxy_set_effective_context(host, _context: u32) { OK });
    host_call!(linker, proxy_continue_stream(host, _type: u32) { OK });
    host_call!(linker, proxy_set_property(
        host, path: u32, path_size: u32, value: u32, value_size: u32
    ) {
        let path = String::from_utf8(read(&host, path, path_size)).unwrap();
        let value = read(&host, value, value_size);
        host.data_mut().stream.filter_state.insert(path, value);
        OK
    });
    host_call!(linker, proxy_define_metric(host, _kind: u32, name: u32, size: u32, id: u32) {
        let name = String::from_utf8(read(&host, name, size)).unwrap();
        host.data().stats.lock().unwrap().entry(name.clone()).or_default();
        host.data_mut().metrics.push(name);
        let defined = u32::try_from(host.data().metrics.len()).unwrap();
        write_u32(&mut host, id, defined - 1);
        OK
    });
    host_call!(linker, proxy_increment_metric(host, id: u32, offset: i64) {
        with_metric(&host, id, |value| *value += u64::try_from(offset).unwrap())
    });
    host_call!(linker, proxy_get_metric(host, id: u32, value: u32) {
        let mut found = 0;
        let status = with_metric(&host, id, |value| found = *value);
        memory(&host).write(&mut host, value as usize, &found.to_le_bytes()).unwrap();
        status
    });
    host_call!(linker, proxy_record_metric(host, id: u32, recorded: u64) {
        with_metric(&host, id, |value| *value = recorded)
    });
    link_shared(linker);
}

fn link_shared(linker: &mut Linker<State>) {
    const EMPTY: u32 = 7;
    const CAS_MISMATCH: u32 = 8;
    host_call!(linker, proxy_set_tick_period_milliseconds(host, period: u32) {
        let state = host.data_mut();
        state.tick_ms.insert(state.context, period);
        OK
    });
    host_call!(linker, proxy_get_current_time_nanoseconds(host, time: u32) {
        let now = tick_of_the_clock(&host);
        let step_ns = host.data().shared.lock().unwrap().wall_step_ns;
        let now = now.saturating_add_signed(step_ns).to_le_bytes();
        memory(&host).write(&mut host, time as usize, &now).unwrap();
        OK
    });
    host_call!(linker, proxy_get_shared_data(
        host, key: u32, key_size: u32, value: u32, value_size: u32, cas: u32
    ) {
        let key = String::from_utf8(read(&host, key, key_size)).unwrap();
        let found = host.data().shared.lock().unwrap().data.get(&key).cloned();
        let Some((bytes, change)) = found else { return NOT_FOUND };
        write_u32(&mut host, cas, change);
        give(&mut host, &bytes, value, value_size)
    });
    host_call!(linker, proxy_set_shared_data(
        host, key: u32, key_size: u32, value: u32, value_size: u32, cas: u32
    ) {
        let key = String::from_utf8(read(&host, key, key_size)).unwrap();
        let bytes = read(&host, value, value_size);
        let mut shared = host.data().shared.lock().unwrap();
        if cas != 0 && let Some(others) = shared.overtaking.remove(&key) {
            shared.data.insert(key.clone(), (others, cas.checked_add(1).unwrap_or(1)));
        }
        // As in Envoy, nothing is compared where there is nothing yet.
        let change = match shared.data.get(&key) {
            Some((_, change)) if cas != 0 && cas != *change => return CAS_MISMATCH,
            found => found.map_or(1, |(_, change)| change + 1),
        };
        shared.data.insert(key, (bytes, change));
        OK
    });
    host_call!(linker, proxy_register_shared_queue(host, name: u32, size: u32, id: u32) {
        let name = String::from_utf8(read(&host, name, size)).unwrap();
        let mut shared = host.data().shared.lock().unwrap();
        let found = shared.queues.iter().position(|(it, _)| *it == name);
        let place = found.unwrap_or_else(|| {
            shared.queues.push((name, VecDeque::new()));
            shared.queues.len() - 1
        });
        drop(shared);
        write_u32(&mut host, id, u32::try_from(place).unwrap());
        OK
    });
    host_call!(linker, proxy_enqueue_shared_queue(host, id: u32, value: u32, size: u32) {
        let bytes = read(&host, value, size);
        host.data().shared.lock().unwrap().queues[id as usize].1.push_back(bytes);
        OK
    });
    host_call!(linker, proxy_dequeue_shared_queue(host, id: u32, value: u32, value_size: u32) {
        let taken = host.data().shared.lock().unwrap().queues[id as usize].1.pop_front();
        match taken {
            Some(bytes) => give(&mut host, &bytes, value, value_size),
            None => EMPTY,
        }
    });
}

/// The time. A millisecond passes with every look at the clock, unless it is frozen.
fn tick_of_the_clock(host: &Host<'_>) -> u64 {
    let mut shared = host.data().shared.lock().unwrap();
    if !shared.is_frozen {
        shared.clock += 1_000_000;
    }
    shared.clock
}

fn link_wasi(linker: &mut Linker<State>) {
    const WASI: &str = "wasi_snapshot_preview1";
    linker
        .func_wrap(WASI, "environ_sizes_get", |mut host: Host<'_>, count: u32, size: u32| {
            if let Some(status) = host.data().refused.get("environ_sizes_get") {
                return *status;
            }
            let variables = environment(&host);
            write_u32(&mut host, count, u32::try_from(variables.len()).unwrap());
            write_u32(&mut host, size, u32::try_from(variables.concat().len()).unwrap());
            OK
        })
        .unwrap();
    linker
        .func_wrap(WASI, "clock_time_get", |mut host: Host<'_>, _: u32, _: u64, time: u32| {
            let now = tick_of_the_clock(&host).to_le_bytes();
            memory(&host).write(&mut host, time as usize, &now).unwrap();
            OK
        })
        .unwrap();
    linker
        .func_wrap(WASI, "environ_get", |mut host: Host<'_>, mut places: u32, mut at: u32| {
            for variable in environment(&host) {
                write_u32(&mut host, places, at);
                memory(&host).write(&mut host, at as usize, &variable).unwrap();
                (places, at) = (places + 4, at + u32::try_from(variable.len()).unwrap());
            }
            OK
        })
        .unwrap();
    linker
        .func_wrap(WASI, "random_get", |mut host: Host<'_>, data: u32, size: u32| {
            let seed = host.data().seed;
            let byte = |i: u32| (i * 37 + seed * 101 + 11).to_le_bytes()[0];
            let bytes: Vec<u8> = (0..size).map(byte).collect();
            memory(&host).write(&mut host, data as usize, &bytes).unwrap();
            OK
        })
        .unwrap();
}

/// `NAME=value`, each with the NUL at its end.
fn environment(host: &Host<'_>) -> Vec<Vec<u8>> {
    let shared = host.data().shared.lock().unwrap();
    shared.environment.iter().map(|it| [it.as_bytes(), b"\0"].concat()).collect()
}

fn with_metric(host: &Host<'_>, id: u32, change: impl FnOnce(&mut u64)) -> u32 {
    let Some(name) = host.data().metrics.get(id as usize) else {
        return NOT_FOUND;
    };
    let mut stats = host.data().stats.lock().unwrap();
    change(stats.entry(name.clone()).or_default());
    OK
}

fn memory(host: &Host<'_>) -> Memory {
    host.get_export("memory").and_then(wasmi::Extern::into_memory).unwrap()
}

pub(super) fn read(host: &Host<'_>, data: u32, size: u32) -> Vec<u8> {
    let mut bytes = vec![0; size as usize];
    memory(host).read(host, data as usize, &mut bytes).unwrap();
    bytes
}

pub(super) fn write_u32(host: &mut Host<'_>, at: u32, value: u32) {
    memory(host).write(&mut *host, at as usize, &value.to_le_bytes()).unwrap();
}

/// Headers as the ABI serializes them.
fn serialized(headers: &[(String, Vec<u8>)]) -> Vec<u8> {
    let length = |text: &[u8]| u32::try_from(text.len()).unwrap().to_le_bytes();
    let mut bytes = u32::try_from(headers.len()).unwrap().to_le_bytes().to_vec();
    for (name, value) in headers {
        bytes.extend([length(name.as_bytes()), length(value)].concat());
    }
    for (name, value) in headers {
        bytes.extend([name.as_bytes(), b"\0", value, b"\0"].concat());
    }
    bytes
}

/// Hands bytes over in memory that the module itself allocates. For no byte there is
/// no memory, as in Envoy.
pub(super) fn give(host: &mut Host<'_>, bytes: &[u8], value: u32, value_size: u32) -> u32 {
    if bytes.is_empty() {
        write_u32(host, value, 0);
        write_u32(host, value_size, 0);
        return OK;
    }
    let size = u32::try_from(bytes.len()).unwrap();
    let allocate = host.get_export("proxy_on_memory_allocate").unwrap().into_func().unwrap();
    let mut data = [Val::I32(0)];
    allocate.call(&mut *host, &[Val::I32(size.cast_signed())], &mut data).unwrap();
    let data = data[0].i32().unwrap().cast_unsigned();
    memory(host).write(&mut *host, data as usize, bytes).unwrap();
    write_u32(host, value, data);
    write_u32(host, value_size, size);
    OK
}
