#!/bin/sh
# Links the filter without the callbacks that it does not implement.
#
# The proxy-wasm SDK exports every callback there is, and Envoy calls each that a module exports, at
# some 2,200 instructions a call. `make build` sets this as the linker of the wasm target. A build
# without it works too, and costs more for each request.
#
# Usage: CARGO_TARGET_WASM32_WASIP1_LINKER=src/filter/link.sh cargo build …

# With VERDIGRIS_BUILD=route, the callbacks for bodies, responses and calls are left out as well.
if [ "${VERDIGRIS_BUILD:-}" = route ]; then
  callbacks=' proxy_on_memory_allocate proxy_on_context_create proxy_on_configure proxy_on_tick
    proxy_on_request_headers proxy_on_delete '
else
  callbacks=' proxy_on_memory_allocate proxy_on_context_create proxy_on_configure proxy_on_tick
    proxy_on_request_headers proxy_on_request_body proxy_on_request_trailers proxy_on_response_headers
    proxy_on_response_body proxy_on_response_trailers proxy_on_delete proxy_on_http_call_response
    proxy_on_grpc_receive
    proxy_on_grpc_close '
fi

# Rotates the arguments once, and leaves out `--export` of other callbacks.
left=$#
while [ "$left" -gt 0 ]; do
  argument=$1
  shift
  left=$((left - 1))
  if [ "$argument" = --export ]; then
    name=$1
    shift
    left=$((left - 1))
    case $name in
      proxy_on_*) echo "$callbacks" | grep -qw "$name" || continue ;;
    esac
    set -- "$@" --export "$name"
  else
    set -- "$@" "$argument"
  fi
done

# The arguments begin with `-flavor wasm`, which Rust's linker and LLVM's `lld` both take.
for lld in "$(rustc --print sysroot)"/lib/rustlib/*/bin/rust-lld; do
  [ -x "$lld" ] && exec "$lld" "$@"
done
exec lld "$@"
