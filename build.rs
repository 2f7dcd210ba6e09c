//! Compiles anew when a public file is added: the files are compiled in by folder.

fn main() {
    println!("cargo:rerun-if-changed=public");
}
