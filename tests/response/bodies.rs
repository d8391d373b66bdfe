//! Bodies to read: recorded ones, and those of [`cases`].

use std::path::{Path, PathBuf};

use serde_json::Value;
use verdigris::response::{Format, Framing};

use crate::cases::cases;

/// A recorded answer: its body, and the path and content type that go with it.
pub struct Recorded {
    pub name: String,
    pub format: Format,
    pub framing: Framing,
    pub body: Vec<u8>,
    pub tokens: Option<[i64; 5]>,
}

/// The project's fixtures, and those of the folder `$RECORDED_ANSWERS`, where it is
/// set: `NAME.body` with `NAME.meta.json`.
pub fn recorded() -> Vec<Recorded> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/answers")];
    folders.extend(std::env::var_os("RECORDED_ANSWERS").map(PathBuf::from));
    let mut recorded = Vec::new();
    for file in folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap().flatten()) {
        let path = file.path();
        if path.extension().is_none_or(|extension| extension != "body") {
            continue;
        }
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let meta = std::fs::read_to_string(path.with_extension("meta.json")).unwrap();
        let meta: Value = serde_json::from_str(&meta).unwrap();
        let kind = meta["content-type"].as_str().or(meta["content-type"][0].as_str());
        let uri = meta["path"].as_str().or(meta["request"]["uri"].as_str());
        let Some(format) = uri.map_or_else(
            || of_name(&name),
            |uri| Format::from_path(uri.split('#').next().unwrap().as_bytes()),
        ) else {
            continue;
        };
        recorded.push(Recorded {
            format,
            framing: Framing::from_content_type(kind.unwrap_or_default().as_bytes()),
            body: std::fs::read(&path).unwrap(),
            tokens: serde_json::from_value(meta["tokens"].clone()).ok(),
            name,
        });
    }
    recorded
}

fn of_name(name: &str) -> Option<Format> {
    let names = [
        ("chat", Format::Chat),
        ("completion", Format::Chat),
        ("openai_responses", Format::Responses),
    ];
    names.iter().find(|(start, _)| name.starts_with(start)).map(|(_, format)| *format)
}

pub fn all_bodies() -> Vec<Recorded> {
    let mut bodies = recorded();
    bodies.extend(cases().into_iter().map(|case| Recorded {
        name: case.what.to_owned(),
        format: case.format,
        framing: case.framing,
        body: case.body,
        tokens: Some(case.tokens),
    }));
    bodies
}
