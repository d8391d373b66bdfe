//! Whether Envoy takes the filter's configuration at all: types, resources and names. What it does
//! not take leaves everyone on blue, and Envoy's log is the only place that says so.

use std::rc::Rc;

use super::envoy::{Envoy, Manager, Purpose, Resource, Scope, discovered_file, has_wasm_type};
use super::findings::Findings;
use crate::command::source::{Finding, WASM, filter_of, is_nearly_wasm};
use crate::command::yaml::YamlNode;

/// Looks at how ECDS gives filters their configurations.
pub fn look(envoy: &Envoy<'_>, findings: &mut Findings) {
    for scope in &envoy.scopes {
        let is_one = |it: &&Resource<'_>| Rc::ptr_eq(&it.scope.document.root, &scope.document.root);
        let resources: Vec<_> = envoy.resources.iter().filter(is_one).collect();
        resources_of(*scope, &resources, findings);
        types(*scope, findings);
    }
    for manager in &envoy.managers {
        if let Some(filter) = manager.filter()
            && filter.get("config_discovery").is_some()
        {
            discovery(manager, filter, findings);
        }
    }
    // What several in one file are for is not known.
    let is_alone = |it: &&Resource<'_>| {
        let root = &it.scope.document.root;
        envoy.resources.iter().filter(|other| Rc::ptr_eq(&other.scope.document.root, root)).count()
            == 1
    };
    for resource in envoy.resources.iter().filter(is_alone) {
        names(resource, &envoy.managers, findings);
    }
}

/// What is wrong with the resources of one document.
fn resources_of(scope: Scope<'_>, ours: &[&Resource<'_>], findings: &mut Findings) {
    for (name, list) in scope.document.root.fields() {
        let is_ours =
            list.items().iter().any(|it| ours.iter().any(|us| std::ptr::eq(us.node, &**it)));
        if !is_ours {
            continue;
        }
        if name.text() != Some("resources") {
            let mend = "is no field here, so Envoy finds no resource: write resources".to_owned();
            findings.problems.push(scope.remark(name, name.text().unwrap_or_default(), None, mend));
        }
        if let [_, second, ..] = list.items() {
            let mend = "is a second resource, and Envoy takes a file for ECDS with one only \
                        (\"Unexpected number of resources\"): write it into a file of its own";
            findings.problems.push(scope.remark(second, "resources", None, mend.to_owned()));
        }
    }
}

/// The types of our filters.
fn types(scope: Scope<'_>, findings: &mut Findings) {
    let mut wrong = Vec::new();
    scope.document.root.walk(&mut |node| {
        for name in ["@type", "type_url"] {
            let Some(kind) = node.get(name) else { continue };
            let text = kind.text().unwrap_or_default();
            let is_ours = filter_of(node).is_some();
            if is_ours && (is_nearly_wasm(text) || name == "@type" && !text.contains('/')) {
                wrong.push((kind, name, text));
            }
        }
    });
    for (kind, name, text) in wrong {
        let mend =
            format!("is no type of Envoy, which refuses it: write type.googleapis.com/{WASM}");
        findings.problems.push(scope.remark(kind, name, Some(text), mend));
    }
}

/// The filter's `config_discovery`.
fn discovery(manager: &Manager<'_>, filter: &YamlNode, findings: &mut Findings) {
    let scope = manager.scope;
    let Some(discovery) = filter.get("config_discovery") else { return };
    let kinds = discovery.get("type_urls").map(|it| it.items()).unwrap_or_default();
    let nearly = kinds.iter().find(|it| it.text().is_some_and(is_nearly_wasm));
    if !kinds.iter().any(|it| it.text().is_some_and(|it| it.ends_with(WASM))) {
        let mend = format!(
            "does not name the Wasm filter's type, so Envoy refuses its configuration: write \
             type.googleapis.com/{WASM}"
        );
        let at = nearly.map_or(&**discovery, |it| &**it);
        findings.problems.push(scope.remark(
            at,
            "config_discovery.type_urls",
            nearly.and_then(|it| it.text()),
            mend,
        ));
    }
    if discovery.get("default_config").is_none() {
        let mend = "where the configuration or the .wasm cannot be loaded at start-up, Envoy does not \
                    open the listener: write a filter that does nothing, as in the shipped envoy.yaml, \
                    and everyone is on blue instead";
        findings.warnings.push(scope.remark(
            discovery,
            "config_discovery.default_config",
            Some("missing"),
            mend.to_owned(),
        ));
    }
}

/// A resource has the name of the filters that read it.
fn names(resource: &Resource<'_>, managers: &[Manager<'_>], findings: &mut Findings) {
    let file = resource.scope.document.file_name.as_str();
    let discovering: Vec<_> = managers
        .iter()
        .filter_map(|it| Some((it, it.filter().filter(|it| it.get("config_discovery").is_some())?)))
        .collect();
    let readers: Vec<_> =
        discovering.iter().filter(|(_, it)| discovered_file(it) == Some(file)).collect();
    let others: Vec<_> =
        readers.iter().filter(|(it, _)| it.filter_name() != resource.name()).collect();
    if readers.is_empty() {
        // Under another file name it may be for any of them.
        let same_kind = |it: &&(&Manager<'_>, &YamlNode)| {
            (it.0.purpose == Purpose::Console) == resource.is_console && has_wasm_type(it.1)
        };
        let is_named = |it: &(&Manager<'_>, &YamlNode)| it.0.filter_name() == resource.name();
        if !discovering.iter().any(is_named)
            && let Some((reader, filter)) = discovering.iter().find(same_kind)
        {
            findings.warnings.push(misnamed(resource, reader, filter));
        }
    } else if others.len() == readers.len() {
        let first = others.first().map(|(reader, filter)| misnamed(resource, reader, filter));
        findings.problems.extend(first);
    } else {
        findings.problems.extend(others.iter().map(|(reader, filter)| {
            let mend = format!(
                "Envoy refuses the configuration in {file} for it (\"Unexpected resource name\"), since \
                 the resource is named {:?}: write one name in both",
                resource.name()
            );
            reader.scope.remark(filter, "http_filters", Some(reader.filter_name()), mend)
        }));
    }
}

fn misnamed(resource: &Resource<'_>, reader: &Manager<'_>, filter: &YamlNode) -> Finding {
    let at = resource.node.get("name").map_or(resource.node, |it| &**it);
    let mend = format!(
        "Envoy refuses it (\"Unexpected resource name\"), since the HTTP filter is named {:?} ({}): \
         write one name in both",
        reader.filter_name(),
        reader.scope.place(filter),
    );
    resource.scope.remark(at, "name", Some(resource.name()), mend)
}
