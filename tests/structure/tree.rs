//! The files of a crate, and which of them import which.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;

use crate::imports::Imports;

/// A module by its path in the crate, such as `rollout`, `state`. The crate itself is empty.
type Module = Vec<String>;

/// The modules that have a file each, and what they import.
pub struct Tree {
    imports: BTreeMap<Module, Imports>,
    /// Where re-exported names are defined.
    reexports: BTreeMap<Module, Module>,
}

impl Tree {
    /// Reads files, each with its path in `src`.
    pub fn parse<'a>(files: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let imports = files.map(|(path, text)| (module_of(path), Imports::parse(text))).collect();
        let mut tree = Self { imports, reexports: BTreeMap::new() };
        let reexports = tree.imports.iter().flat_map(|(module, imports)| {
            let of_module = imports.reexports.iter();
            of_module.filter_map(|(name, path)| {
                let exported = module.iter().chain([name]).cloned().collect();
                Some((exported, tree.absolute(module, path)?))
            })
        });
        tree.reexports = reexports.collect();
        tree
    }

    /// The circles of files, or if there is none, those of the files and folders of a folder,
    /// each as the modules that it passes and the imports that make it.
    pub fn circles(&self) -> Vec<String> {
        let imports = self.edges();
        let circles = circles(&imports, |module| Some(module.clone()));
        if !circles.is_empty() {
            return circles;
        }
        let folders: BTreeSet<&[String]> =
            self.imports.keys().filter_map(|module| module.split_last()).map(|it| it.1).collect();
        let of_folder = |folder: &&[String]| {
            let member = |module: &Module| {
                let member = module.get(..folder.len() + 1).filter(|it| it.starts_with(folder));
                member.map(<[String]>::to_vec)
            };
            self::circles(&imports, member)
        };
        folders.iter().flat_map(of_folder).collect()
    }

    /// Which file imports which.
    fn edges(&self) -> BTreeSet<(Module, Module)> {
        let of_module = |(module, imports): (&Module, &Imports)| {
            let reexported = imports.reexports.iter().map(|(_, path)| path);
            let reexported = reexported.filter_map(|path| self.file_of(module, path));
            // A folder that re-exports what its own files define does not use it.
            let reexported = reexported.filter(|file| !file.starts_with(module));
            let used = imports.uses.iter().filter_map(|path| self.file_of(module, path));
            let files: BTreeSet<Module> = reexported.chain(used).collect();
            let module = module.clone();
            let others = files.into_iter().filter(|file| *file != module).collect::<Vec<_>>();
            others.into_iter().map(move |file| (module.clone(), file))
        };
        // The crate's root only says which modules there are.
        let modules = self.imports.iter().filter(|(module, _)| !module.is_empty());
        modules.flat_map(of_module).filter(|(_, to)| !to.is_empty()).collect()
    }

    /// The file in which a path that `module` names is defined.
    fn file_of(&self, module: &Module, path: &[String]) -> Option<Module> {
        let mut path = self.absolute(module, path)?;
        for _ in 0..self.reexports.len() {
            let mut prefixes = (0..=path.len()).rev().map(|length| path.split_at(length));
            match prefixes.find_map(|(name, rest)| Some((self.reexports.get(name)?, rest))) {
                Some((defined, rest)) => path = [defined, rest].concat(),
                None => break,
            }
        }
        let mut prefixes = (0..=path.len()).rev().filter_map(|length| path.get(..length));
        prefixes.find(|prefix| self.imports.contains_key(*prefix)).map(<[String]>::to_vec)
    }

    /// A path from the crate's root; `None` for one of another crate, or of a local name.
    fn absolute(&self, module: &Module, path: &[String]) -> Option<Module> {
        let mut base = module.clone();
        let mut rest = path;
        match rest.first()?.as_str() {
            "crate" => (base, rest) = (Module::new(), &rest[1..]),
            "self" => rest = &rest[1..],
            "super" => {}
            child => {
                base.push(child.to_owned());
                let is_child = self.imports.contains_key(&base);
                base.pop();
                if !is_child {
                    return None;
                }
            }
        }
        while let Some(("super", after)) = rest.split_first().map(|(it, rest)| (it.as_str(), rest))
        {
            base.pop()?;
            rest = after;
        }
        Some([base.as_slice(), rest].concat())
    }
}

fn module_of(path: &str) -> Module {
    let path = path.strip_suffix(".rs").unwrap();
    let mut module: Module = path.split('/').map(str::to_owned).collect();
    module.pop_if(|it| it == "mod" || it == "lib");
    module
}

fn name(module: &[String]) -> String {
    module.join("::")
}

/// One circle of each set of modules that reach each other. A module stands for those that
/// `representative` puts in its place.
fn circles(
    imports: &BTreeSet<(Module, Module)>,
    representative: impl Fn(&Module) -> Option<Module>,
) -> Vec<String> {
    let mut reasons = BTreeMap::new();
    for (from, to) in imports {
        if let (Some(first), Some(second)) = (representative(from), representative(to))
            && first != second
        {
            reasons.entry((name(&first), name(&second))).or_insert((name(from), name(to)));
        }
    }
    let edges = reasons.keys().map(|(from, to)| (from.as_str(), to.as_str()));
    let graph: DiGraphMap<&str, ()> = DiGraphMap::from_edges(edges);
    let mut sets: Vec<_> = tarjan_scc(&graph).into_iter().filter(|set| set.len() > 1).collect();
    sets.iter_mut().for_each(|set| set.sort_unstable());
    sets.sort();
    let describe = |set: &Vec<&str>| {
        let circle = shortest_circle(&graph, set);
        let steps = circle.windows(2).filter_map(|step| {
            let (from, to) = reasons.get(&(step[0].to_owned(), step[1].to_owned()))?;
            (from != step[0] || to != step[1]).then(|| format!("; {from} imports {to}"))
        });
        format!("{}{}", circle.join(" -> "), steps.collect::<String>())
    };
    sets.iter().map(describe).collect()
}

/// The shortest way from the first module of a set back to it.
fn shortest_circle<'a>(graph: &DiGraphMap<&'a str, ()>, set: &[&'a str]) -> Vec<&'a str> {
    let start = set[0];
    let mut ways = VecDeque::from([vec![start]]);
    let mut reached = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        for next in graph.neighbors(way[way.len() - 1]).filter(|next| set.contains(next)) {
            let longer = [way.as_slice(), &[next]].concat();
            if next == start {
                return longer;
            }
            if reached.insert(next) {
                ways.push_back(longer);
            }
        }
    }
    unreachable!("each module of {set:?} reaches all others")
}
