//! The paths that a source file imports or names.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::visit::{self, Visit};
use syn::{Item, ItemMod, ItemUse, UseTree, Visibility};

/// A path as it is written, such as `super::state::RampState`.
pub type WrittenPath = Vec<String>;

/// What one file imports and names.
#[derive(Default)]
pub struct Imports {
    /// The paths of `use` items that re-export nothing, and paths in code.
    pub uses: Vec<WrittenPath>,
    /// The paths of `pub use` items, each with the name it is exported by.
    pub reexports: Vec<(String, WrittenPath)>,
}

impl Imports {
    /// Reads a file. Its tests are left out.
    pub fn parse(text: &str) -> Self {
        let mut file = syn::parse_file(text).unwrap();
        remove_tests(&mut file.items);
        let mut imports = Self::default();
        imports.visit_file(&file);
        // Macros are tokens to `syn`, so paths in code are searched for in tokens throughout.
        let mut tokens = Vec::new();
        flatten(file.into_token_stream(), &mut tokens);
        imports.uses.extend(paths(&tokens));
        imports
    }
}

impl<'ast> Visit<'ast> for Imports {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let mut leaves = Vec::new();
        expand(&item.tree, &mut Vec::new(), &mut leaves);
        match item.vis {
            Visibility::Inherited => self.uses.extend(leaves.into_iter().map(|(_, path)| path)),
            _ => self.reexports.extend(leaves),
        }
        visit::visit_item_use(self, item);
    }
}

fn is_test(item: &ItemMod) -> bool {
    item.attrs.iter().any(|it| it.to_token_stream().to_string().replace(' ', "") == "#[cfg(test)]")
}

fn remove_tests(items: &mut Vec<Item>) {
    items.retain(|item| !matches!(item, Item::Mod(item) if is_test(item)));
}

fn expand(tree: &UseTree, prefix: &mut WrittenPath, leaves: &mut Vec<(String, WrittenPath)>) {
    let mut leaf = |name: String, last: Option<String>| {
        leaves.push((name, prefix.iter().cloned().chain(last).collect()));
    };
    match tree {
        UseTree::Path(path) => {
            prefix.push(path.ident.to_string());
            expand(&path.tree, prefix, leaves);
            prefix.pop();
        }
        UseTree::Name(name) if name.ident == "self" => leaf(String::new(), None),
        UseTree::Name(name) => leaf(name.ident.to_string(), Some(name.ident.to_string())),
        UseTree::Rename(it) => leaf(it.rename.to_string(), Some(it.ident.to_string())),
        UseTree::Glob(_) => leaf(String::new(), None),
        UseTree::Group(group) => group.items.iter().for_each(|it| expand(it, prefix, leaves)),
    }
}

/// The identifiers and punctuation of a stream, without the order of its groups being lost.
fn flatten(stream: TokenStream, tokens: &mut Vec<String>) {
    for token in stream {
        match token {
            TokenTree::Group(group) => {
                tokens.push("(".to_owned());
                flatten(group.stream(), tokens);
                tokens.push(")".to_owned());
            }
            token => tokens.push(token.to_string()),
        }
    }
}

/// The paths of two segments or more among these tokens, but for those of `use` items and of
/// visibilities such as `pub(in crate::config)`.
fn paths(tokens: &[String]) -> Vec<WrittenPath> {
    let is_name = |token: &String| token.starts_with(|it: char| it.is_alphabetic() || it == '_');
    let mut paths: Vec<WrittenPath> = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        if token == "use" && tokens.get(at + 1).is_some_and(|next| next != "<") {
            at += tokens[at..].iter().take_while(|token| *token != ";").count();
            continue;
        }
        at += 1;
        if !is_name(token) {
            continue;
        }
        let is_visibility =
            token == "in" && tokens[..at - 1].ends_with(&["pub".into(), "(".into()]);
        if is_visibility {
            at += tokens[at..].iter().take_while(|token| *token != ")").count();
            continue;
        }
        let mut path = vec![token.clone()];
        while let [first, second, name, ..] = &tokens[at..]
            && first == ":"
            && second == ":"
            && is_name(name)
        {
            path.push(name.clone());
            at += 3;
        }
        if path.len() > 1 {
            paths.push(path);
        }
    }
    paths
}
