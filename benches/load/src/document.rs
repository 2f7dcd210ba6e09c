//! `docs/performance.md`: what was measured stands between marks, the rest is written by people.

use std::{fs, io, path::Path};

/// Puts `text` between `<!-- measured: NAME -->` and `<!-- end -->`. A document without the mark
/// stays as it is.
pub fn put(file: &Path, name: &str, text: &str) -> io::Result<()> {
    let document = fs::read_to_string(file)?;
    let (mark, end) = (format!("<!-- measured: {name} -->\n"), "<!-- end -->");
    let Some((before, rest)) = document.split_once(&mark) else { return Ok(()) };
    let Some((_, after)) = rest.split_once(end) else { return Ok(()) };
    fs::write(file, format!("{before}{mark}\n{}\n\n{end}{after}", text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_measured_changes() {
        let file = std::env::temp_dir().join(format!("document-{}.md", std::process::id()));
        let document = |text: &str| format!("a\n<!-- measured: x -->\n{text}<!-- end -->\nb\n");
        fs::write(&file, document("old\n")).unwrap();
        put(&file, "x", "new\n").unwrap();
        put(&file, "y", "not there").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), document("\nnew\n\n"));
        fs::remove_file(&file).unwrap();
    }
}
