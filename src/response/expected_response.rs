//! What a request says about its response.

use std::time::Duration;

use super::format::Format;
use super::formats::Formats;
use super::grpc::{GrpcFraming, parse_timeout};
use super::known_path::{KnownApi, has_unknown_form, known_api};
use super::method::Method;
use crate::assignment::Version;

/// What a request says about its response.
///
/// It is read before Envoy routes the request: a route may rewrite the path, and the request
/// is no longer available when its stream has ended. The default is that of a request whose
/// answer is not read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExpectedResponse {
    /// The format of the answer, if it is known.
    pub format: Option<Format>,
    /// Whether the format is known by a path that is not that of its API alone: the body must
    /// have a mark of the format.
    pub is_format_guessed: bool,
    /// Whether the path is that of an LLM API alone, or the configuration lists it.
    pub is_path_certain: bool,
    /// Whether the answer is that of a model behind InvokeModel whose form of answers is not known.
    pub has_unknown_form: bool,
    /// Whether the request sends nothing to a model: its method is not `POST`. A page of an application may
    /// be at any path.
    pub is_retrieval: bool,
    /// Whether the response is that of an API without answers, such as embeddings.
    pub other_api: Option<OtherApi>,
    /// Whether a model answers at this path, whatever the version.
    pub is_model_path: bool,
    /// The kind of the request's method.
    pub method: Method,
    /// Whether the request is gRPC.
    pub is_grpc: bool,
    /// For how long the client of a gRPC request waits, if it says so.
    pub deadline: Option<Duration>,
    /// Whether only the status, the end and the duration are observed, because the answers of other
    /// units are read.
    pub is_left_out: bool,
}

/// An API without answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherApi {
    /// Embeddings, whose token counts are read.
    Embeddings,
    /// An API whose responses are not read.
    Unread,
}

// === impl ExpectedResponse ===

impl ExpectedResponse {
    /// What a request to `version` says. Header names are in lower case; of a repeated header
    /// the first one counts.
    pub fn from_headers<'a>(
        formats: &Formats,
        version: Version,
        headers: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Self {
        let (mut path, mut method_name, mut content_type, mut timeout) = (None, None, None, None);
        let mut has_upgrade = false;
        for (name, value) in headers {
            let target = match name {
                b":path" => &mut path,
                b":method" => &mut method_name,
                b"content-type" => &mut content_type,
                b"grpc-timeout" => &mut timeout,
                b"upgrade" => {
                    has_upgrade |= !value.is_empty();
                    continue;
                }
                _ => continue,
            };
            target.get_or_insert(value);
        }
        let path = path.unwrap_or_default();
        let known = known_api(path);
        let expected = match formats.configured(version, path) {
            Some(format) => Self { format: Some(format), ..Self::default() },
            None => {
                let expected = Self::of_known_api(known);
                let is_bedrock = expected.format == Some(Format::Bedrock);
                Self { has_unknown_form: is_bedrock && has_unknown_form(path), ..expected }
            }
        };
        // A path with a format is a model's, and not a gRPC method.
        let is_grpc = expected.format.is_none()
            && GrpcFraming::from_content_type(content_type.unwrap_or_default()).is_some();
        let is_post = method_name == Some(b"POST");
        let is_model_path = is_post && formats.is_model_path(path, known);
        let is_path_certain = formats.is_certain(path, known);
        let method = Method::new(method_name.unwrap_or_default(), has_upgrade);
        let deadline = timeout.filter(|_| is_grpc).and_then(parse_timeout);
        let is_retrieval = !is_post;
        let expected = Self { is_path_certain, is_model_path, is_retrieval, ..expected };
        Self { method, is_grpc, deadline, ..expected }
    }

    /// What the API behind the path of a request says about its response.
    fn of_known_api(known: Option<KnownApi>) -> Self {
        let nothing = Self::default();
        match known {
            Some(KnownApi::Answers { format, is_certain }) => {
                Self { format: Some(format), is_format_guessed: !is_certain, ..nothing }
            }
            Some(KnownApi::Embeddings) => Self { other_api: Some(OtherApi::Embeddings), ..nothing },
            Some(KnownApi::Other) => Self { other_api: Some(OtherApi::Unread), ..nothing },
            None => nothing,
        }
    }

    /// What is known about a request to `version` whose headers the host does not provide.
    pub fn without_headers(formats: &Formats, version: Version) -> Self {
        Self { format: formats.without_path(version), ..Self::default() }
    }
}
