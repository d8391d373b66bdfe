//! What a request says about its response.

use verdigris::assignment::Version;
use verdigris::response::{ExpectedResponse, Format, Formats, Method, OtherApi};

fn expected(headers: &[(&str, &str)]) -> ExpectedResponse {
    let headers = headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    ExpectedResponse::from_headers(&Formats::default(), Version::Green, headers)
}

#[test]
fn a_post_to_a_known_path_expects_an_answer() {
    let chat = (":path", "/v1/chat/completions?x=1");
    let answer = ExpectedResponse {
        format: Some(Format::Chat),
        is_model_path: true,
        is_path_certain: true,
        ..ExpectedResponse::default()
    };
    assert_eq!(expected(&[(":method", "POST"), chat]), answer);
    let get = ExpectedResponse { is_model_path: false, is_retrieval: true, ..answer };
    assert_eq!(expected(&[(":method", "GET"), chat]), get);
    let resumed = expected(&[(":method", "GET"), (":path", "/v1/responses/resp_1?stream=true")]);
    assert_eq!(resumed, ExpectedResponse { format: Some(Format::Responses), ..get });
    let app = expected(&[(":method", "POST"), (":path", "/api/chat")]);
    assert!(app.is_format_guessed && app.is_model_path && !app.is_path_certain);
    // The first of a repeated header counts.
    assert_eq!(expected(&[(":method", "POST"), chat, (":path", "/")]), answer);
    let json = ("content-type", "application/grpc");
    assert_eq!(expected(&[(":method", "POST"), chat, json]), answer, "a model's path is not gRPC");
}

#[test]
fn a_format_of_the_version_or_of_all_paths_leaves_other_apis_alone() {
    let chat = Some(Format::Chat);
    let of_version = Formats { green: chat, ..Formats::default() };
    let of_all = Formats { default: chat, ..Formats::default() };
    let table = [
        ("/v1/embeddings", OtherApi::Embeddings),
        ("/v1/moderations", OtherApi::Unread),
        ("/v1/images/generations", OtherApi::Unread),
        ("/v1/audio/speech", OtherApi::Unread),
    ];
    for (path, other_api) in table {
        for formats in [&of_version, &of_all] {
            let headers = [(":method", "POST"), (":path", path)]
                .map(|(name, value)| (name.as_bytes(), value.as_bytes()));
            let expected =
                ExpectedResponse::from_headers(formats, Version::Green, headers.into_iter());
            let other = ExpectedResponse { other_api: Some(other_api), ..Default::default() };
            assert_eq!(expected, other, "{path}");
        }
    }
}

#[test]
fn a_path_that_the_configuration_lists_is_certain() {
    let paths = vec![(b"/ask"[..].into(), Format::Chat)];
    let listed = Formats { paths, ..Formats::default() };
    let of_all = Formats { default: Some(Format::Chat), ..Formats::default() };
    let table =
        [(&listed, "/ask/1", true), (&of_all, "/ask/1", false), (&of_all, "/v1/messages", true)];
    for (formats, path, is_certain) in table {
        let headers = [(":method", "POST"), (":path", path)]
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let expected = ExpectedResponse::from_headers(formats, Version::Blue, headers.into_iter());
        assert!(expected.is_model_path, "{path}");
        assert_eq!(expected.is_path_certain, is_certain, "{path}");
    }
}

#[test]
fn a_grpc_request_expects_a_grpc_status() {
    let path = (":path", "/package.Service/Call");
    for content_type in ["application/grpc", "application/grpc+proto", "application/grpc-web"] {
        let expected = expected(&[(":method", "POST"), path, ("content-type", content_type)]);
        assert!(expected.is_grpc && !expected.is_model_path, "{content_type}");
    }
    let json = ("content-type", "application/json");
    assert!(!expected(&[(":method", "POST"), path, json]).is_grpc);
}

#[test]
fn only_a_get_asks_for_an_upgrade() {
    let table: [(&[(&str, &str)], Method); 7] = [
        (&[(":method", "GET"), ("upgrade", "websocket")], Method::Upgrade),
        (&[("upgrade", "websocket"), (":method", "GET")], Method::Upgrade),
        (&[(":method", "POST"), ("upgrade", "websocket")], Method::Ordinary),
        (&[(":method", "HEAD"), ("upgrade", "websocket")], Method::Bodyless),
        (&[(":method", "CONNECT"), ("upgrade", "")], Method::Connect),
        (&[(":method", "OPTIONS")], Method::Bodyless),
        (&[], Method::Ordinary),
    ];
    for (headers, method) in table {
        assert_eq!(expected(headers).method, method, "{headers:?}");
    }
}

#[test]
fn without_headers_only_the_configured_format_is_known() {
    let formats = Formats { green: Some(Format::Gemini), ..Formats::default() };
    let expected = ExpectedResponse::without_headers(&formats, Version::Green);
    assert_eq!(
        expected,
        ExpectedResponse { format: Some(Format::Gemini), ..ExpectedResponse::default() }
    );
}
