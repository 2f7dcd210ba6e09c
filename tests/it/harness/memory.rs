//! What a server process holds in memory, as the kernel counts it.

use std::{fmt, fs};

use super::Server;

/// Resident memory in KiB: at the beginning, at its highest, and when all is over.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    pub before: usize,
    pub peak: usize,
    pub after: usize,
}

impl fmt::Display for Memory {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |kib: usize| kib as f64 / 1024.0;
        let [before, peak, after] = [self.before, self.peak, self.after].map(mib);
        write!(out, "RSS before {before:.1} MiB, peak {peak:.1} MiB, after {after:.1} MiB")
    }
}

/// Resident memory now, in KiB.
pub fn resident(server: &Server) -> usize {
    line(server, "VmRSS:")
}

/// From here on a new peak is counted.
pub fn begin(server: &Server) -> usize {
    fs::write(format!("/proc/{}/clear_refs", server.id()), "5").unwrap();
    resident(server)
}

/// Since `begin`, which gave `before`.
pub fn since(server: &Server, before: usize) -> Memory {
    Memory { before, peak: line(server, "VmHWM:"), after: resident(server) }
}

fn line(server: &Server, name: &str) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).expect("a line of it");
    line.split_whitespace().nth(1).expect("a number").parse().unwrap()
}
