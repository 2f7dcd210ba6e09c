//! Flags, configuration, logging, signal; then `server::run`. Nothing else.

fn main() {}
