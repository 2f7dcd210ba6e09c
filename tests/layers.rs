//! The layers look down only, and the pure files stay pure. Reads the sources; needs nothing else.

use std::{fs, path::Path};

/// From the bottom up. A layer may name itself and what stands before it.
const LAYERS: [&str; 9] =
    ["config", "telemetry", "chat", "store", "bus", "bridge", "mqtt", "web", "server"];

/// Files and folders whose code takes time, entropy and bytes from its caller.
const PURE: [&str; 7] = [
    "src/chat",
    "src/bridge/presence.rs",
    "src/bridge/pace.rs",
    "src/bridge/tries.rs",
    "src/mqtt/codec",
    "src/mqtt/session/",
    "src/mqtt/session.rs",
];

/// What a pure file must not say.
const IMPURE: [&str; 9] = [
    "Instant::now",
    "SystemTime::now",
    "Timestamp::now",
    "getrandom",
    "std::fs",
    "std::net",
    "tokio::",
    "std::thread",
    "std::env",
];

fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).expect("the folder is readable").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let name = path.to_string_lossy().replace('\\', "/");
            let text = fs::read_to_string(&path).expect("the file is readable");
            found.push((name, text));
        }
    }
}

fn all_sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    sources(Path::new("src"), &mut found);
    assert!(!found.is_empty());
    found
}

fn layer_of(file: &str) -> Option<usize> {
    let first = file.strip_prefix("src/")?.split(['/', '.']).next()?;
    LAYERS.iter().position(|layer| *layer == first)
}

/// Lines that are code: comments may mention anything, and tests (last in a file) use anything.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let product = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    text[..product].lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// The layer names a line reaches through `crate::x` or `crate::{x, y}`.
fn reached(line: &str) -> Vec<&str> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    line.split("crate::")
        .skip(1)
        .flat_map(|rest| match rest.strip_prefix('{') {
            Some(group) => group.split(',').map(str::trim).collect(),
            None => vec![rest],
        })
        .map(|path| path.split(|c| !is_name(c)).next().unwrap_or(""))
        .collect()
}

#[test]
fn layers_look_down_only() {
    let mut faults = Vec::new();
    for (file, text) in all_sources() {
        let Some(own) = layer_of(&file) else { continue };
        for (number, line) in code(&text) {
            for name in reached(line) {
                if LAYERS.iter().position(|layer| *layer == name).is_some_and(|other| other > own) {
                    faults.push(format!(
                        "{file}:{}: {} looks up at {name}",
                        number + 1,
                        LAYERS[own]
                    ));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn pure_files_take_time_and_bytes_from_their_caller() {
    let mut faults = Vec::new();
    for (file, text) in all_sources() {
        if !PURE.iter().any(|pure| file.starts_with(pure)) {
            continue;
        }
        for (number, line) in code(&text) {
            for word in IMPURE.iter().filter(|word| line.contains(**word)) {
                faults.push(format!("{file}:{}: a pure file says {word}", number + 1));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for() {
    for (file, text) in all_sources() {
        assert!(text.starts_with("//!"), "{file} opens without a `//!` sentence");
    }
}

#[test]
fn the_check_sees_an_upward_path() {
    assert_eq!(reached("use crate::mqtt::hub;"), ["mqtt"]);
    assert_eq!(reached("use crate::{chat, web::pages};"), ["chat", "web"]);
    assert_eq!(layer_of("src/bridge/mod.rs"), Some(5));
    assert_eq!(layer_of("src/main.rs"), None);
}
