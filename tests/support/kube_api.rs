//! A stand-in of the Kubernetes API: the calls on ConfigMaps of one namespace, with the answers that
//! kube-apiserver gives. `tests/kube-apiserver.sh` runs the same tests against a real one.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};

/// A request as the API sees it.
#[derive(Clone, Debug, Default)]
pub struct ApiRequest {
    pub method: String,
    /// With the query.
    pub path: String,
    pub accept: String,
    pub content_type: String,
    pub authorization: String,
    pub body: Vec<u8>,
}

/// An answer of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiAnswer {
    pub status: u16,
    pub body: Vec<u8>,
}

/// The objects of one namespace. A clone is a backup.
#[derive(Clone, Debug, Default)]
pub struct KubeApi {
    pub objects: BTreeMap<String, Value>,
    pub revision: u64,
    /// The bearer token that is accepted; `None`: every request is.
    pub token: Option<String>,
    /// The verbs that the role does not have.
    pub denied: Vec<&'static str>,
    /// What lists continue with: each as it was at its first part.
    continued: BTreeMap<String, Vec<Value>>,
    lists: u64,
}

/// The namespace of the tests.
pub const NAMESPACE: &str = "gateways";

/// The most bytes of an object's data. Source: `MaxSecretSize` in `pkg/apis/core/types.go`.
const MAX_BYTES: usize = 1024 * 1024;
/// The most bytes of all annotations. Source: `TotalAnnotationSizeLimitB`.
const MAX_ANNOTATION_BYTES: usize = 256 * 1024;

type Outcome = Result<(u16, Value), (u16, &'static str, String)>;

impl KubeApi {
    /// Answers a request.
    pub fn answer(&mut self, request: &ApiRequest) -> ApiAnswer {
        let outcome = match &self.token {
            Some(token) if request.authorization != format!("Bearer {token}") => {
                Err((401, "Unauthorized", "Unauthorized".to_owned()))
            }
            _ => self.route(request),
        };
        let (status, body) = match outcome {
            Ok((status, body)) => (status, self.shown(request, body)),
            Err((status, reason, message)) => {
                let name = request.path.split(['?', '/']).next_back().unwrap_or_default();
                let body = json!({
                    "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                    "message": message, "reason": reason, "code": status,
                    "details": {"name": name, "kind": "configmaps"},
                });
                (status, body)
            }
        };
        ApiAnswer { status, body: body.to_string().into_bytes() }
    }

    fn route(&mut self, request: &ApiRequest) -> Outcome {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let collection = format!("/api/v1/namespaces/{NAMESPACE}/configmaps");
        let Some(name) = path.strip_prefix(&collection) else {
            return Err((403, "Forbidden", format!("{path} is forbidden")));
        };
        let name = name.trim_start_matches('/');
        let verb = match (request.method.as_str(), name.is_empty()) {
            ("GET", true) => "list",
            ("GET", false) => "get",
            ("POST", true) => "create",
            ("PUT", false) => "update",
            ("PATCH", false) => "patch",
            ("DELETE", false) => "delete",
            _ => return Err((405, "MethodNotAllowed", "not allowed".to_owned())),
        };
        if self.denied.contains(&verb) {
            let message = format!(
                "configmaps is forbidden: User \"gateway\" cannot {verb} resource \"configmaps\" in API \
                 group \"\" in the namespace \"{NAMESPACE}\""
            );
            return Err((403, "Forbidden", message));
        }
        match verb {
            "list" => self.list(query),
            "get" => Ok((200, self.find(name)?.clone())),
            "create" => self.create(parsed(&request.body)?),
            "update" => self.update(name, parsed(&request.body)?),
            "patch" => self.patch(name, request),
            _ => self.delete(name, parsed(&request.body)?),
        }
    }

    fn find(&self, name: &str) -> Result<&Value, (u16, &'static str, String)> {
        let missing = || (404, "NotFound", format!("configmaps \"{name}\" not found"));
        self.objects.get(name).ok_or_else(missing)
    }

    fn list(&mut self, query: &str) -> Outcome {
        let parameters: BTreeMap<String, String> =
            url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let limit = parameters.get("limit").map_or(usize::MAX, |it| it.parse().unwrap());
        let mut items = match parameters.get("continue") {
            Some(token) => self.continued.remove(token).ok_or_else(|| {
                (410, "Expired", "The provided continue parameter is too old".to_owned())
            })?,
            None => {
                let selector = parameters.get("labelSelector").map_or("", String::as_str);
                self.objects.values().filter(|it| is_selected(it, selector)).cloned().collect()
            }
        };
        for item in &mut items {
            let item = item.as_object_mut().unwrap();
            item.remove("kind");
            item.remove("apiVersion");
        }
        let mut metadata = json!({"resourceVersion": self.revision.to_string()});
        if items.len() > limit {
            let rest = items.split_off(limit);
            self.lists += 1;
            let token = format!("after+{}/{}=", self.revision, self.lists);
            metadata["continue"] = json!(token);
            metadata["remainingItemCount"] = json!(rest.len());
            self.continued.insert(token, rest);
        }
        let list = json!({
            "kind": "ConfigMapList", "apiVersion": "v1", "metadata": metadata, "items": items,
        });
        Ok((200, list))
    }

    fn create(&mut self, mut object: Value) -> Outcome {
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        if !object["metadata"]["resourceVersion"].is_null() {
            let message = "resourceVersion should not be set on objects to be created";
            return Err((400, "BadRequest", message.to_owned()));
        }
        validate(&name, &object)?;
        if self.objects.contains_key(&name) {
            return Err((409, "AlreadyExists", format!("configmaps \"{name}\" already exists")));
        }
        object["metadata"]["uid"] = json!(format!("uid-{}", self.revision + 1));
        Ok((201, self.store(&name, object)))
    }

    fn update(&mut self, name: &str, object: Value) -> Outcome {
        let before = self.find(name)?.clone();
        check_version(name, &before, &object["metadata"]["resourceVersion"])?;
        self.replace(name, &before, object)
    }

    fn patch(&mut self, name: &str, request: &ApiRequest) -> Outcome {
        let patch = parsed(&request.body)?;
        if request.content_type != "application/merge-patch+json" {
            return Err((415, "UnsupportedMediaType", "the body is no merge patch".to_owned()));
        }
        let before = self.find(name)?.clone();
        check_version(name, &before, &patch["metadata"]["resourceVersion"])?;
        let mut object = before.clone();
        json_patch::merge(&mut object, &patch);
        self.replace(name, &before, object)
    }

    /// An update that changes nothing writes nothing, as in the real API.
    fn replace(&mut self, name: &str, before: &Value, mut object: Value) -> Outcome {
        validate(name, &object)?;
        object["metadata"]["uid"] = before["metadata"]["uid"].clone();
        object["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"].clone();
        object["metadata"]["namespace"] = json!(NAMESPACE);
        if object == *before {
            return Ok((200, object));
        }
        Ok((200, self.store(name, object)))
    }

    fn delete(&mut self, name: &str, options: Value) -> Outcome {
        let before = self.find(name)?;
        check_version(name, before, &options["preconditions"]["resourceVersion"])?;
        self.objects.remove(name);
        self.revision += 1;
        Ok((
            200,
            json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}),
        ))
    }

    fn store(&mut self, name: &str, mut object: Value) -> Value {
        self.revision += 1;
        object["metadata"]["namespace"] = json!(NAMESPACE);
        object["metadata"]["resourceVersion"] = json!(self.revision.to_string());
        self.objects.insert(name.to_owned(), object.clone());
        object
    }

    /// The answer in the form that the request asks for.
    fn shown(&self, request: &ApiRequest, body: Value) -> Value {
        let is_object = body["kind"] == "ConfigMap";
        if !is_object || !request.accept.contains("as=PartialObjectMetadata;") {
            return body;
        }
        json!({
            "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
            "metadata": body["metadata"],
        })
    }
}

fn parsed(body: &[u8]) -> Result<Value, (u16, &'static str, String)> {
    serde_json::from_slice(body).map_err(|error| (400, "BadRequest", error.to_string()))
}

/// An absent version is no condition.
fn check_version(
    name: &str,
    before: &Value,
    expected: &Value,
) -> Result<(), (u16, &'static str, String)> {
    if expected.is_null() || *expected == before["metadata"]["resourceVersion"] {
        return Ok(());
    }
    let message = format!(
        "Operation cannot be fulfilled on configmaps \"{name}\": the object has been modified; please \
         apply your changes to the latest version and try again"
    );
    Err((409, "Conflict", message))
}

fn is_selected(object: &Value, selector: &str) -> bool {
    let labels = &object["metadata"]["labels"];
    selector.split(',').all(|it| {
        let (label, value) = it.split_once('=').expect("a selector by equality");
        labels[label] == value
    })
}

/// The rules that the API has for a ConfigMap. Source: `ValidateConfigMap` in
/// `pkg/apis/core/validation/validation.go`, `IsDNS1123Subdomain` and `IsValidLabelValue` in
/// `k8s.io/apimachinery/pkg/util/validation`.
fn validate(name: &str, object: &Value) -> Result<(), (u16, &'static str, String)> {
    let invalid = |message: &str| {
        Err((422, "Invalid", format!("ConfigMap \"{name}\" is invalid: {message}")))
    };
    let is_alphanumeric = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit();
    let is_part = |part: &str| {
        part.starts_with(is_alphanumeric)
            && part.ends_with(is_alphanumeric)
            && part.chars().all(|it| is_alphanumeric(it) || it == '-')
    };
    if object["metadata"]["name"] != name || name.len() > 253 || !name.split('.').all(is_part) {
        return invalid("metadata.name: a lowercase RFC 1123 subdomain is required");
    }
    let no_labels = Map::new();
    for (label, value) in object["metadata"]["labels"].as_object().unwrap_or(&no_labels) {
        let value = value.as_str().unwrap_or("?");
        let is_end = |it: char| it.is_ascii_alphanumeric();
        let is_valid = value.is_empty() || (value.starts_with(is_end) && value.ends_with(is_end));
        if !is_valid || value.len() > 63 {
            return invalid(&format!("metadata.labels: {label}: a valid label is required"));
        }
    }
    let text_bytes = |map: &Value| {
        let values = map.as_object().into_iter().flat_map(Map::iter);
        values.map(|(key, it)| key.len() + it.as_str().unwrap().len()).sum::<usize>()
    };
    if text_bytes(&object["metadata"]["annotations"]) > MAX_ANNOTATION_BYTES {
        return invalid("metadata.annotations: Too long: must have at most 262144 bytes");
    }
    let mut bytes = 0;
    let no_data = Map::new();
    let (data, binary) = (
        object["data"].as_object().unwrap_or(&no_data),
        object["binaryData"].as_object().unwrap_or(&no_data),
    );
    for (key, value) in data.iter().chain(binary) {
        let is_key = |it: char| it.is_ascii_alphanumeric() || "-_.".contains(it);
        if !key.chars().all(is_key) || key.len() > 253 {
            return invalid(&format!("data[{key}]: a valid config key is required"));
        }
        if data.contains_key(key) && binary.contains_key(key) {
            return invalid(&format!("data[{key}]: duplicate of key present in binaryData"));
        }
        let Some(text) = value.as_str() else { return invalid("data: strings are required") };
        bytes += match binary.contains_key(key) {
            true => match BASE64.decode(text) {
                Ok(bytes) => bytes.len(),
                Err(_) => return Err((400, "BadRequest", "illegal base64 data".to_owned())),
            },
            false => text.len(),
        };
    }
    if bytes > MAX_BYTES {
        return invalid("[]: Too long: must have at most 1048576 bytes");
    }
    Ok(())
}
