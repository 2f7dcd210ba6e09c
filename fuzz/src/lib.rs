//! What the fuzz targets do with their input: each function takes any bytes and panics when a
//! promise is broken. `fuzz_targets/` gives them libFuzzer's inputs, `tests/it/corpus.rs` the ones
//! that are checked in, so both judge alike. Nothing here opens a socket or a file.

mod client;
mod codes;
mod draft;
mod packet;
mod topic;
mod websocket;

/// Takes any bytes; panics where what it looks at is wrong.
pub type Target = fn(&[u8]);

/// Every target by its name, which is also its corpus folder's.
pub const TARGETS: [(&str, Target); 6] = [
    ("connect", packet::connect),
    ("packet_v4", packet::v4),
    ("packet_v5", packet::v5),
    ("topic_and_filter", topic::topic_and_filter),
    ("draft", draft::draft),
    ("websocket", websocket::websocket),
];

/// Runs one input through the target of this name.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    target.unwrap_or_else(|| panic!("no target {name}")).1(data);
}

/// Takes the first byte off; 0 when there is none.
fn first(data: &[u8]) -> (u8, &[u8]) {
    data.split_first().map_or((0, data), |(first, rest)| (*first, rest))
}

/// Takes a byte that counts, and as many bytes as it says or there are.
fn counted(data: &[u8]) -> (&[u8], &[u8]) {
    let (count, rest) = first(data);
    rest.split_at(usize::from(count).min(rest.len()))
}
