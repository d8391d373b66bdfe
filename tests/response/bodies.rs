//! Bodies to parse: recorded ones, and written ones.

use std::path::{Path, PathBuf};

use serde_json::Value;
use verdigris::response::{Format, Framing};

use crate::sse_and_json_cases::cases;

/// A recorded answer: its body, with the format and framing of its request and headers.
pub struct Recorded {
    pub name: String,
    pub format: Format,
    pub framing: Framing,
    pub body: Vec<u8>,
    pub tokens: Option<[i64; 5]>,
}

/// The project's fixtures, and those in the folder `$RECORDED_ANSWERS`, if it is set:
/// `NAME.body` with `NAME.meta.json`.
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
        let content_type = meta["content-type"].as_str().or(meta["content-type"][0].as_str());
        let request_path = meta["path"].as_str().or(meta["request"]["uri"].as_str());
        let Some(format) = request_path.map_or_else(
            || format_of_name(&name),
            |path| Format::from_path(path.split('#').next().unwrap().as_bytes()),
        ) else {
            continue;
        };
        recorded.push(Recorded {
            format,
            framing: Framing::from_content_type(content_type.unwrap_or_default().as_bytes()),
            body: std::fs::read(&path).unwrap(),
            tokens: serde_json::from_value(meta["tokens"].clone()).ok(),
            name,
        });
    }
    recorded
}

fn format_of_name(name: &str) -> Option<Format> {
    let prefixes = [
        ("chat", Format::Chat),
        ("completion", Format::Chat),
        ("openai_responses", Format::Responses),
    ];
    prefixes.iter().find(|(prefix, _)| name.starts_with(prefix)).map(|(_, format)| *format)
}

/// The recorded and the written bodies.
pub fn all_bodies() -> Vec<Recorded> {
    let mut bodies = recorded();
    bodies.extend(cases().into_iter().map(|case| Recorded {
        name: case.name.to_owned(),
        format: case.format,
        framing: case.framing,
        body: case.body,
        tokens: Some(case.tokens),
    }));
    bodies
}
