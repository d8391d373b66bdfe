#!/bin/sh
# Prints the flags of rustc with which the filter is the same file on every machine, for
# CARGO_ENCODED_RUSTFLAGS: it takes paths with spaces, and RUSTFLAGS in the environment has no effect beside
# it. Messages of panics name source files, whose paths differ by the home folder, the registry and the
# checkout. The last flag that matches a path counts.
between=$(printf '\037')
printf '%s' "--remap-path-prefix=$PWD=/verdigris"
home=${CARGO_HOME:-$HOME/.cargo}
case $home in
  /*) ;;
  # Cargo takes it for one of the current folder.
  *) home=$PWD/$home ;;
esac
for source in "$home" "$home"/registry/src/*; do
  [ -d "$source" ] && printf '%s' "$between--remap-path-prefix=$source=/crates"
done
# Paths of the standard library are those of its repository, unless its source is installed (rust-src).
commit=$(rustc -vV | sed -n 's/^commit-hash: //p')
printf '%s\n' "$between--remap-path-prefix=$(rustc --print sysroot)/lib/rustlib/src/rust=/rustc/$commit"
