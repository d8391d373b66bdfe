//! Maps with the field `<<`, which YAML 1.1 merges into the map.
//!
//! Kubernetes merges, by go-yaml 2 (`mapping`, `merge` and `isMerge` in its `decode.go`):
//!
//! ```yaml
//! base: &base {bake: 10m, alpha: 0.05}
//! ramp: {<<: *base, bake: 20m}   # {bake: 20m, alpha: 0.05}
//! ```
//!
//! Envoy does not: for it, `<<` is a field of that name (yaml-cpp, as Envoy 1.40 uses it).

use std::collections::HashMap;
use std::rc::Rc;

use saphyr_parser::ScalarStyle;

use super::parse::InvalidYaml;
use super::{Fields, NodeKind, YamlNode};

/// The tag that makes any field with the name `<<` a merge.
const MERGE_TAG: &str = "tag:yaml.org,2002:merge";

/// The nodes of a document, with the maps merged into them.
struct Merger {
    /// What each node becomes, by its address. Many aliases may refer to the same node.
    known: HashMap<*const YamlNode, Rc<YamlNode>>,
}

/// Whether the name of a field makes it a merge in Kubernetes.
pub fn is_merge_key(name: &YamlNode) -> bool {
    let NodeKind::Scalar(text, style) = &name.kind else { return false };
    let is_tagged = name.tag.as_deref() == Some(MERGE_TAG);
    text == "<<" && (is_tagged || *style == ScalarStyle::Plain && name.tag.is_none())
}

/// A document as Kubernetes reads it: all maps are merged. Nodes without merges stay the same.
///
/// A field that is written before the merge is replaced by it, and one after it replaces it.
///
/// # Errors
/// What is to be merged is no map, and no list of maps.
pub fn with_merged_maps(root: &Rc<YamlNode>) -> Result<Rc<YamlNode>, InvalidYaml> {
    Merger { known: HashMap::new() }.node(root)
}

// === impl Merger ===

impl Merger {
    fn node(&mut self, node: &Rc<YamlNode>) -> Result<Rc<YamlNode>, InvalidYaml> {
        if let Some(known) = self.known.get(&Rc::as_ptr(node)) {
            return Ok(Rc::clone(known));
        }
        let kind = match &node.kind {
            NodeKind::Scalar(..) => None,
            NodeKind::List(items) => {
                let merged = items.iter().map(|it| self.node(it)).collect::<Result<Vec<_>, _>>()?;
                let is_same = merged.iter().zip(items).all(|(new, old)| Rc::ptr_eq(new, old));
                (!is_same).then_some(NodeKind::List(merged))
            }
            NodeKind::Map(fields) => {
                let merged = self.fields(fields)?;
                let is_same = merged.len() == fields.len()
                    && merged
                        .iter()
                        .zip(fields)
                        .all(|(new, old)| Rc::ptr_eq(&new.0, &old.0) && Rc::ptr_eq(&new.1, &old.1));
                (!is_same).then_some(NodeKind::Map(merged))
            }
        };
        let merged = match kind {
            None => Rc::clone(node),
            Some(kind) => {
                let YamlNode { position, span, tag, .. } = &**node;
                Rc::new(YamlNode::new(kind, *position, span.clone(), tag.clone()))
            }
        };
        self.known.insert(Rc::as_ptr(node), Rc::clone(&merged));
        Ok(merged)
    }

    fn fields(&mut self, fields: &Fields) -> Result<Fields, InvalidYaml> {
        let mut merged = MergedFields::default();
        for (name, value) in fields {
            if !is_merge_key(name) {
                merged.write(name, self.node(value)?);
                continue;
            }
            let value = self.node(value)?;
            let sources = match &value.kind {
                NodeKind::Map(_) => std::slice::from_ref(&value),
                NodeKind::List(items) => items.as_slice(),
                NodeKind::Scalar(..) => &[],
            };
            let is_map = |it: &Rc<YamlNode>| matches!(it.kind, NodeKind::Map(_));
            if matches!(value.kind, NodeKind::Scalar(..)) || !sources.iter().all(is_map) {
                let why = "<< merges maps, so its value must be a map or a list of maps".to_owned();
                return Err(InvalidYaml { position: value.position, why });
            }
            // Of several maps, the first has precedence.
            for source in sources.iter().rev() {
                for (name, value) in source.fields() {
                    merged.merge(name, Rc::clone(value));
                }
            }
        }
        Ok(merged.fields)
    }
}

/// The fields of a map, of which some are merged into it.
#[derive(Default)]
struct MergedFields {
    fields: Fields,
    /// The index of each name, and whether the field is merged.
    places: HashMap<String, (usize, bool)>,
}

// === impl MergedFields ===

impl MergedFields {
    /// Adds a field that is written in the map. One that is written twice stays twice, so that it can
    /// be reported.
    fn write(&mut self, name: &Rc<YamlNode>, value: Rc<YamlNode>) {
        let text = name.text().unwrap_or_default().to_owned();
        match self.places.get(&text) {
            Some((at, true)) => self.replace(*at, name, value),
            _ => self.fields.push((Rc::clone(name), value)),
        }
        let at = self.fields.len().saturating_sub(1);
        self.places.entry(text).and_modify(|it| it.1 = false).or_insert((at, false));
    }

    /// Adds a field of another map.
    fn merge(&mut self, name: &Rc<YamlNode>, value: Rc<YamlNode>) {
        let text = name.text().unwrap_or_default().to_owned();
        match self.places.get(&text) {
            Some((at, _)) => self.replace(*at, name, value),
            None => {
                self.places.insert(text, (self.fields.len(), true));
                self.fields.push((Rc::clone(name), value));
            }
        }
    }

    fn replace(&mut self, at: usize, name: &Rc<YamlNode>, value: Rc<YamlNode>) {
        if let Some(field) = self.fields.get_mut(at) {
            *field = (Rc::clone(name), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    /// A map, and what `sigs.k8s.io/yaml` 1.6 with go-yaml 2.4.4 makes of it.
    #[test]
    fn maps_are_merged_as_in_kubernetes() {
        for (yaml, expected) in [
            ("{<<: {p: 1, q: 2}, q: 3}", "{p: 1, q: 3}"),
            ("{q: 3, <<: {p: 1, q: 2}}", "{p: 1, q: 2}"),
            ("{<<: [{p: 1, q: 2}, {q: 4, r: 5}], s: 3}", "{p: 1, q: 2, r: 5, s: 3}"),
            ("{<<: {p: 1, q: 2}, <<: {q: 4, r: 5}}", "{p: 1, q: 4, r: 5}"),
            ("{<<: {<<: {p: 1, q: 2}, q: 3}, r: 4}", "{p: 1, q: 3, r: 4}"),
            ("{<<: {p: {s: 1, t: 2}}, p: {s: 3}}", "{p: {s: 3}}"),
            ("[{<<: {p: 1}}, {q: [{<<: {r: 1}}]}]", "[{p: 1}, {q: [{r: 1}]}]"),
            ("{<<: [], q: 3}", "{q: 3}"),
            ("{'<<': {p: 1}, q: 3}", "{'<<': {p: 1}, q: 3}"),
            ("{q: 3, q: 4}", "{q: 3, q: 4}"),
        ] {
            let root = |text| Rc::clone(&parse(text).unwrap().roots[0]);
            let merged = with_merged_maps(&root(yaml)).unwrap();
            assert_eq!(merged.flow(), root(expected).flow(), "{yaml}");
        }
        for yaml in ["{<<: 1}", "{<<: [1]}", "{<<: [{p: 1}, 2]}", "{<<: }"] {
            assert!(with_merged_maps(&parse(yaml).unwrap().roots[0]).is_err(), "{yaml}");
        }
    }

    #[test]
    fn a_document_without_merges_stays_the_same() {
        let root = Rc::clone(&parse("a: &a {b: [1, {c: d}]}\ne: *a").unwrap().roots[0]);
        assert!(Rc::ptr_eq(&with_merged_maps(&root).unwrap(), &root));
    }

    /// Each map has the one before ten times: without memory, the time would be exponential.
    #[test]
    fn many_merges_take_no_more_time_than_nodes() {
        let mut yaml = "a0: &a0 {x: 1}\n".to_owned();
        for at in 1..60 {
            let sources = format!("*a{},", at - 1).repeat(10);
            yaml.push_str(&format!("a{at}: &a{at} {{<<: [{sources}], y{at}: 1}}\n"));
        }
        let root = with_merged_maps(&parse(&yaml).unwrap().roots[0]).unwrap();
        assert_eq!(root.at(&["a59"]).unwrap().fields().len(), 60);
    }
}
