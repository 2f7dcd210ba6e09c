//! What travels, as it stands in `tests/wire/*.json`: the same bytes are read by the pages'
//! `public/js/wire.js` in `tests/wire/wire.test.js`.

use std::{fs, path::PathBuf};

use parlor::chat::{Card, Event, Kind};

/// The files of a kind, by name: `event-*.json` or `card-*.json`.
fn golden(kind: &str) -> Vec<(String, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/wire");
    let mut files: Vec<(String, String)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), path))
        .filter(|(name, _)| name.starts_with(kind))
        .map(|(name, path)| (name, fs::read_to_string(path).unwrap().trim_end().to_owned()))
        .collect();
    files.sort();
    files
}

#[test]
fn events_are_written_as_they_are_read() {
    let events = golden("event-");
    for (name, text) in &events {
        let event: Event =
            serde_json::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(String::from_utf8_lossy(&event.to_json()), *text, "{name}");
    }
    for kind in Kind::ALL {
        let word = format!(r#""type":"{}""#, kind.as_str());
        assert!(events.iter().any(|(_, text)| text.contains(&word)), "no golden file of {word}");
    }
}

#[test]
fn cards_are_written_as_they_are_read() {
    let cards = golden("card-");
    assert!(cards.len() >= 2);
    for (name, text) in cards {
        let card: Card =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(serde_json::to_string(&card).unwrap(), text, "{name}");
    }
}
