//! The documents for users, and the examples in them.

use std::fs;
use std::path::{Path, PathBuf};

/// A document for users.
pub struct Document {
    /// Its path in the project.
    pub path: String,
    pub text: String,
}

impl Document {
    /// The fenced blocks in this language.
    pub fn blocks(&self, language: &str) -> Vec<&str> {
        let fence = format!("```{language}\n");
        let fenced: Vec<&str> = self.text.split(fence.as_str()).skip(1).collect();
        fenced.into_iter().map(|rest| rest.split_once("```").unwrap().0).collect()
    }
}

/// The README and the pages of the book, in the order of their paths.
pub fn documents() -> Vec<Document> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = vec![root.join("README.md")];
    add_pages(&root.join("docs"), &mut paths);
    paths.sort();
    let document = |path: PathBuf| Document {
        path: path.strip_prefix(root).unwrap().to_str().unwrap().to_owned(),
        text: fs::read_to_string(&path).unwrap(),
    };
    paths.into_iter().map(document).collect()
}

/// One page of the book, by its path in `docs`.
pub fn page(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn add_pages(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            add_pages(&path, paths);
        } else if path.extension().is_some_and(|it| it == "md") {
            paths.push(path);
        }
    }
}
