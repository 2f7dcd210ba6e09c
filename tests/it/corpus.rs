//! Every input that is checked in for the fuzz targets is run again, so that what was found once
//! stays mended and the corpus stays readable; and some that are like them, by chance.

#[path = "../../fuzz/src/lib.rs"]
mod fuzz;

use std::{fs, path::Path};

use crate::harness::seeded::Seeded;

/// The inputs of a target, in the order of their names.
fn inputs(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut inputs: Vec<_> = files
        .map(|file| {
            let path = file.unwrap().path();
            (path.display().to_string(), fs::read(path).unwrap())
        })
        .collect();
    inputs.sort();
    assert!(inputs.len() > 9, "{target} has {} inputs only", inputs.len());
    inputs
}

#[test]
fn every_fuzz_target_takes_its_checked_in_corpus() {
    for (target, _) in fuzz::TARGETS {
        for (path, input) in inputs(target) {
            // Shown by a failing test only: the panic itself does not know its input.
            println!("{path}");
            fuzz::run(target, &input);
        }
    }
}

/// Two inputs joined, some bytes changed: what a client might send to a session, and a shell answer,
/// in any order.
#[test]
fn every_fuzz_target_takes_inputs_like_those_of_its_corpus() {
    let mut chance = Seeded::new();
    for (target, _) in fuzz::TARGETS {
        let known = inputs(target);
        for _ in 0..400 {
            let mut input = chance.pick(&known).1.clone();
            let more = &chance.pick(&known).1;
            input.extend(&more[chance.below(more.len() + 1)..]);
            for _ in 0..chance.between(1, 5).min(input.len()) {
                let at = chance.below(input.len());
                input[at] = chance.next() as u8;
            }
            println!("{target} {}", input.escape_ascii());
            fuzz::run(target, &input);
        }
    }
}
