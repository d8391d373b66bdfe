//! Whether Envoy takes the filter's configuration at all: types, resources and names. What it does
//! not take leaves everyone on blue, and Envoy's log is the only place that says so.

use std::rc::Rc;

use super::super::source::{WASM, is_nearly_wasm};
use super::super::yaml::Node;
use super::envoy::{Envoy, Manager, Resource, Scope, discovered_file, has_wasm_type};
use super::findings::Findings;

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
    for resource in &envoy.resources {
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
            let config =
                if name == "@type" { Some(node) } else { node.get("value").map(|it| &**it) };
            let is_ours = config.is_some_and(|_| super::super::source::filter_of(node).is_some());
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
fn discovery(manager: &Manager<'_>, filter: &Node, findings: &mut Findings) {
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

/// A resource has the name of the filter that it is for.
fn names(resource: &Resource<'_>, managers: &[Manager<'_>], findings: &mut Findings) {
    let file = resource.scope.document.file_name.as_str();
    let discovering: Vec<_> = managers
        .iter()
        .filter(|it| it.filter().is_some_and(|it| it.get("config_discovery").is_some()))
        .collect();
    let readers =
        discovering.iter().filter(|it| it.filter().and_then(discovered_file) == Some(file));
    let readers: Vec<_> = readers.collect();
    let is_sure = !readers.is_empty();
    let candidates = if is_sure { readers } else { discovering.iter().collect() };
    let same_kind =
        |it: &&&&Manager<'_>| (it.purpose == super::envoy::Purpose::Console) == resource.is_console;
    if candidates.iter().any(|it| it.filter_name() == resource.name()) {
        return;
    }
    let Some(reader) = candidates
        .iter()
        .find(same_kind)
        .filter(|it| it.filter().is_some_and(has_wasm_type) || is_sure)
    else {
        return;
    };
    let at = resource.node.get("name").map_or(resource.node, |it| &**it);
    let mend = format!(
        "Envoy refuses it (\"Unexpected resource name\"), since the HTTP filter is named {:?} ({}): \
         write one name in both",
        reader.filter_name(),
        reader.filter().map(|it| reader.scope.place(it)).unwrap_or_default(),
    );
    let remark = resource.scope.remark(at, "name", Some(resource.name()), mend);
    if is_sure { findings.problems.push(remark) } else { findings.warnings.push(remark) }
}
