//! Which format a configuration gives a request.

use verdigris::assignment::Version::{Blue, Green};
use verdigris::response::Format::{self, Anthropic, Chat, Gemini, Ollama};
use verdigris::response::Formats;
use verdigris::response::known_path::known_api;

fn with_paths(paths: &[(&str, Format)]) -> Formats {
    let paths = paths.iter().map(|(prefix, format)| (prefix.as_bytes().into(), *format)).collect();
    Formats { paths, ..Formats::default() }
}

fn default_chat() -> Formats {
    Formats { default: Some(Chat), ..Formats::default() }
}

fn blue_chat() -> Formats {
    Formats { blue: Some(Chat), ..Formats::default() }
}

#[test]
fn the_first_format_that_is_known_counts() {
    let listed = with_paths(&[("/ask/a", Ollama), ("/ask", Gemini)]);
    let table = [
        ("the path", Formats::default(), "/v1/chat/completions", Some(Chat)),
        ("nothing", Formats::default(), "/ask", None),
        (
            "the version",
            Formats { blue: Some(Anthropic), ..listed.clone() },
            "/ask",
            Some(Anthropic),
        ),
        (
            "another version",
            Formats { green: Some(Anthropic), ..listed.clone() },
            "/ask",
            Some(Gemini),
        ),
        ("the first prefix", listed.clone(), "/ask/a", Some(Ollama)),
        (
            "a prefix before the default",
            Formats { default: Some(Chat), ..listed.clone() },
            "/ask",
            Some(Gemini),
        ),
        (
            "the default before the path",
            Formats { default: Some(Ollama), ..listed },
            "/v1/messages",
            Some(Ollama),
        ),
        (
            "the default",
            Formats { default: Some(Ollama), ..Formats::default() },
            "/v1/messages",
            Some(Ollama),
        ),
        ("the default, embeddings", default_chat(), "/v1/embeddings", None),
        ("the default, images", default_chat(), "/v1/images/generations?x=1", None),
        ("the version, moderation", blue_chat(), "/v1/moderations", None),
        ("the version, audio", blue_chat(), "/v1/audio/speech", None),
        (
            "a prefix of another API",
            Formats { default: Some(Chat), ..with_paths(&[("/v1/embeddings", Gemini)]) },
            "/v1/embeddings",
            Some(Gemini),
        ),
        (
            "the version, at a prefix of another API",
            Formats { blue: Some(Chat), ..with_paths(&[("/v1/moderations", Gemini)]) },
            "/v1/moderations",
            Some(Chat),
        ),
    ];
    for (name, formats, path, expected) in table {
        assert_eq!(formats.resolve(Blue, path.as_bytes()), expected, "{name}");
        assert_eq!(formats.resolve_request(Blue, path.as_bytes()), expected, "{name}");
    }
}

#[test]
fn a_format_without_a_path_needs_no_prefixes() {
    let default = default_chat();
    assert_eq!(default.without_path(Green), Some(Chat));
    let with_prefix = Formats { default: Some(Chat), ..with_paths(&[("/ask", Gemini)]) };
    assert_eq!(with_prefix.without_path(Green), None);
    assert_eq!(Formats { green: Some(Gemini), ..with_prefix }.without_path(Green), Some(Gemini));
}

#[test]
fn a_model_path_does_not_depend_on_the_version() {
    let blue_only = blue_chat();
    let both = Formats { green: Some(Gemini), ..blue_only.clone() };
    let default = default_chat();
    let table = [
        ("a known path", Formats::default(), "/v1/chat/completions?x=1", true),
        ("an unknown path", Formats::default(), "/ask", false),
        ("a listed path", with_paths(&[("/ask", Chat)]), "/ask?x=1", true),
        ("one version has a format", blue_only, "/ask", false),
        ("both versions have a format", both.clone(), "/ask", true),
        ("another API", both, "/v1/embeddings?x=1", false),
        ("a default", default.clone(), "/ask", true),
        ("a default, another API", default, "/v1/models/gpt-5", false),
    ];
    for (name, formats, path, expected) in table {
        assert_eq!(
            formats.is_model_path(path.as_bytes(), known_api(path.as_bytes())),
            expected,
            "{name}"
        );
    }
}
