//! Converts a response of an [`Upstream`](super::upstream::Upstream) to an [`Answer`].

use reqwest::blocking::Response;
use serde_json::Value;

use crate::proxy::Answer;

/// Reads the whole response. The upstream's answer says which request reached it.
pub fn read_answer(response: Response) -> Answer {
    let status = response.status().as_u16();
    let version = response.headers().get("x-verdigris-version");
    let version = version.map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    let headers = response.headers().iter();
    let headers =
        headers.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
    let text = response.text().unwrap();
    let body: Value = serde_json::from_str(&text).unwrap_or_default();
    let forwarded = body["headers"].as_array().cloned().unwrap_or_default();
    Answer {
        status,
        text,
        cluster: body["cluster"].as_str().unwrap_or_default().to_owned(),
        version,
        forwarded: forwarded
            .into_iter()
            .map(|header| serde_json::from_value(header).unwrap())
            .collect(),
        path: body["path"].as_str().unwrap_or_default().to_owned(),
        // The upstream encodes each byte as one character.
        body: body["body"]
            .as_str()
            .unwrap_or_default()
            .chars()
            .filter_map(|character| u8::try_from(u32::from(character)).ok())
            .collect(),
        headers,
    }
}
