//! Every input that is checked in for the fuzz targets is run again, so that what was found once
//! stays mended and the corpus stays readable.

#[path = "../../fuzz/src/lib.rs"]
mod fuzz;

use std::{fs, path::Path};

#[test]
fn every_fuzz_target_takes_its_checked_in_corpus() {
    for (target, _) in fuzz::TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
        let inputs = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
        let mut count = 0;
        for input in inputs {
            let path = input.unwrap().path();
            // Shown by a failing test only: the panic itself does not know its input.
            println!("{}", path.display());
            fuzz::run(target, &fs::read(&path).unwrap());
            count += 1;
        }
        assert!(count > 9, "{target} has {count} inputs only");
    }
}
