//! Checks that Envoy accepts the filter's configuration: types, resources and names. If it does
//! not, everyone stays on blue, and only Envoy's log has the reason.

use std::rc::Rc;

use super::envoy::{Envoy, Manager, Purpose, Resource, Scope, discovered_file, has_wasm_type};
use super::findings::Findings;
use super::wasm_fields;
use crate::command::source::{Finding, WASM, filter_config, is_misspelt_wasm_type};
use crate::command::yaml::YamlNode;

/// Checks the configuration of filters by ECDS.
pub fn check(envoy: &Envoy<'_>, findings: &mut Findings) {
    for scope in &envoy.scopes {
        let is_here =
            |it: &&Resource<'_>| Rc::ptr_eq(&it.scope.document.root, &scope.document.root);
        let resources: Vec<_> = envoy.resources.iter().filter(is_here).collect();
        check_resources(*scope, &resources, findings);
        check_types(*scope, findings);
        wasm_fields::check(*scope, findings);
    }
    for manager in &envoy.managers {
        if let Some(filter) = manager.filter()
            && filter.get("config_discovery").is_some()
        {
            check_discovery(manager, filter, findings);
        }
    }
    // Of several resources in a file, it is not known which filter each is for.
    let is_alone = |it: &&Resource<'_>| {
        let root = &it.scope.document.root;
        envoy.resources.iter().filter(|other| Rc::ptr_eq(&other.scope.document.root, root)).count()
            == 1
    };
    for resource in envoy.resources.iter().filter(is_alone) {
        check_name(resource, envoy, findings);
    }
    check_presence(envoy, findings);
}

/// Reports listeners without the filter, if no listener has it: requests pass without Verdigris.
fn check_presence(envoy: &Envoy<'_>, findings: &mut Findings) {
    let Some(release) = envoy.resources.iter().find(|it| !it.is_console) else { return };
    if envoy.managers.iter().any(|it| it.purpose != Purpose::Console) {
        return;
    }
    for scope in &envoy.scopes {
        let mut nodes = Vec::new();
        scope.document.root.walk(&mut |node| {
            nodes.extend(node.get("http_filters").map(|filters| (node, filters)));
        });
        nodes.retain(|(node, _)| !envoy.managers.iter().any(|it| std::ptr::eq(it.node, *node)));
        if let Some((_, filters)) = nodes.first() {
            let fix = format!(
                "no filter here reads {}, so that requests pass without Verdigris: add the HTTP filter \
                 {:?} before the router, as in the shipped envoy.yaml",
                release.scope.document.file_name,
                release.name()
            );
            findings.warnings.push(scope.finding(filters, "http_filters", None, fix));
        }
    }
}

/// Checks the list of resources in a document.
fn check_resources(scope: Scope<'_>, ours: &[&Resource<'_>], findings: &mut Findings) {
    for (name, list) in scope.document.root.fields() {
        let is_ours =
            list.items().iter().any(|it| ours.iter().any(|us| std::ptr::eq(us.node, &**it)));
        if !is_ours {
            continue;
        }
        if name.text() != Some("resources") {
            let fix = "is an unknown field, so Envoy finds no resource: write resources";
            findings.problems.push(scope.finding(name, name.text().unwrap_or_default(), None, fix));
        }
        if let [_, second, ..] = list.items() {
            let fix = "is a second resource, but Envoy accepts only one in a file for ECDS \
                       (\"Unexpected number of resources\"): write it to a file of its own";
            findings.problems.push(scope.finding(second, "resources", None, fix));
        }
    }
}

/// Checks the type URLs of the filters.
fn check_types(scope: Scope<'_>, findings: &mut Findings) {
    let mut wrong = Vec::new();
    scope.document.root.walk(&mut |node| {
        for field in ["@type", "type_url"] {
            let Some(at) = node.get(field) else { continue };
            let url = at.text().unwrap_or_default();
            let is_ours = filter_config(node).is_some();
            if is_ours && (is_misspelt_wasm_type(url) || field == "@type" && !url.contains('/')) {
                wrong.push((at, field, url));
            }
        }
    });
    for (at, field, url) in wrong {
        let fix =
            format!("is no type of Envoy, which rejects it: write type.googleapis.com/{WASM}");
        findings.problems.push(scope.finding(at, field, Some(url), fix));
    }
}

/// Checks the filter's `config_discovery`.
fn check_discovery(manager: &Manager<'_>, filter: &YamlNode, findings: &mut Findings) {
    let scope = manager.scope;
    let Some(discovery) = filter.get("config_discovery") else { return };
    let urls = discovery.get("type_urls").map(|it| it.items()).unwrap_or_default();
    let misspelt = urls.iter().find(|it| it.text().is_some_and(is_misspelt_wasm_type));
    if !urls.iter().any(|it| it.text().is_some_and(|it| it.ends_with(WASM))) {
        let fix = format!(
            "does not have the type of the Wasm filter, so Envoy rejects its configuration: write \
             type.googleapis.com/{WASM}"
        );
        let at = misspelt.map_or(&**discovery, |it| &**it);
        let value = misspelt.and_then(|it| it.text());
        findings.problems.push(scope.finding(at, "config_discovery.type_urls", value, fix));
    }
    if discovery.get("default_config").is_none() {
        let field = "config_discovery.default_config";
        let fix = "if the configuration or the .wasm cannot be loaded at start-up, Envoy does not \
                   open the listener: use a filter that does nothing, as in the shipped envoy.yaml, so \
                   that everyone is on blue instead";
        findings.warnings.push(scope.finding(discovery, field, Some("missing"), fix));
    }
    check_watched_folder(scope, discovery, findings);
}

/// Warns of a watch of the folder in which Envoy runs, where its log may be.
fn check_watched_folder(scope: Scope<'_>, discovery: &YamlNode, findings: &mut Findings) {
    let Some(source) = discovery.at(&["config_source", "path_config_source"]) else { return };
    let folder = source.at(&["watched_directory", "path"]);
    let path = source.get("path").map(|it| &**it);
    let is_own = match (folder, path.and_then(YamlNode::text)) {
        (Some(folder), _) => folder.text().is_some_and(|it| matches!(it, "." | "./")),
        // Without a folder Envoy watches that of the file.
        (None, path) => path.is_some_and(|it| !it.trim_start_matches("./").contains('/')),
    };
    if let Some(at) = folder.or(path).filter(|_| is_own) {
        let field = "config_discovery.path_config_source";
        let fix = "watches the folder in which Envoy runs: at the level debug a log in it writes itself \
                   without end; move the file into a folder that has only the configuration, as in \
                   the shipped envoy.yaml";
        findings.warnings.push(scope.finding(at, field, at.text(), fix));
    }
}

/// Checks that a resource has the name of the filters that read it.
fn check_name(resource: &Resource<'_>, envoy: &Envoy<'_>, findings: &mut Findings) {
    let file = resource.scope.document.file_name.as_str();
    let discovering: Vec<_> = envoy
        .managers
        .iter()
        .filter_map(|it| Some((it, it.filter().filter(|it| it.get("config_discovery").is_some())?)))
        .collect();
    let readers: Vec<_> =
        discovering.iter().filter(|(_, it)| discovered_file(it) == Some(file)).collect();
    let others: Vec<_> =
        readers.iter().filter(|(it, _)| it.filter_name() != resource.name()).collect();
    if readers.is_empty() {
        // The file may have another name in production, so any filter may read it.
        let same_kind = |it: &&(&Manager<'_>, &YamlNode)| {
            (it.0.purpose == Purpose::Console) == resource.is_console && has_wasm_type(it.1)
        };
        let is_named = |it: &(&Manager<'_>, &YamlNode)| it.0.filter_name() == resource.name();
        if !discovering.iter().any(is_named)
            && let Some((reader, filter)) = discovering.iter().find(same_kind)
        {
            // No other file is for that filter, so this one must be.
            let is_only = !envoy.resources.iter().any(|it| {
                !std::ptr::eq(it, resource)
                    && discovered_file(filter) == Some(it.scope.document.file_name.as_str())
            });
            match is_only {
                true => findings.problems.push(misnamed(resource, reader, filter, "")),
                false => {
                    let condition = "if an HTTP filter of this bootstrap reads the file, ";
                    findings.warnings.push(misnamed(resource, reader, filter, condition));
                }
            }
        }
    } else if others.len() == readers.len() {
        let first = others.first().map(|(reader, filter)| misnamed(resource, reader, filter, ""));
        findings.problems.extend(first);
    } else {
        findings.problems.extend(others.iter().map(|(reader, filter)| {
            let fix = format!(
                "Envoy rejects the configuration in {file} for it (\"Unexpected resource name\"), since \
                 the resource is named {:?}: use the same name in both",
                resource.name()
            );
            reader.scope.finding(filter, "http_filters", Some(reader.filter_name()), fix)
        }));
    }
}

/// The finding that a resource has another name than its reader. `condition` is empty if Envoy surely
/// rejects it.
fn misnamed(
    resource: &Resource<'_>,
    reader: &Manager<'_>,
    filter: &YamlNode,
    condition: &str,
) -> Finding {
    let at = resource.node.get("name").map_or(resource.node, |it| &**it);
    let fix = format!(
        "{condition}Envoy rejects it (\"Unexpected resource name\"), since the HTTP filter is named {:?} ({}:{}): \
         use the same name in both",
        reader.filter_name(),
        reader.scope.file,
        reader.scope.position(filter),
    );
    resource.scope.finding(at, "name", Some(resource.name()), fix)
}
