//! Cycles of imports between the files of one module.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::ROOT;
use super::sources::{code, module_path, paths, sources};

/// Every cycle, as the paths of its files in their order, the first one again at the end.
pub(super) fn cycles(root: &Path) -> Vec<Vec<String>> {
    let sources = sources(root);
    let files: BTreeMap<Vec<String>, PathBuf> =
        sources.iter().map(|(path, _)| (module_path(path), path.clone())).collect();
    let codes: BTreeMap<&Path, String> = sources.iter().map(|(path, text)| (&**path, code(text))).collect();
    let arrows: BTreeMap<&Path, BTreeSet<&Path>> =
        codes.iter().map(|(path, code)| (*path, targets(path, code, &files, &codes))).collect();
    let mut found = Vec::new();
    let mut done = BTreeSet::new();
    for file in arrows.keys() {
        follow(file, &arrows, &mut Vec::new(), &mut done, &mut found);
    }
    found
}

/// Depth first: an arrow to a file on the way closes a cycle.
fn follow<'p>(
    file: &'p Path,
    arrows: &BTreeMap<&'p Path, BTreeSet<&'p Path>>,
    way: &mut Vec<&'p Path>,
    done: &mut BTreeSet<&'p Path>,
    found: &mut Vec<Vec<String>>,
) {
    if let Some(start) = way.iter().position(|before| *before == file) {
        found.push(way[start..].iter().chain([&file]).map(|path| path.display().to_string()).collect());
        return;
    }
    if !done.insert(file) {
        return;
    }
    way.push(file);
    for target in &arrows[file] {
        follow(target, arrows, way, done, found);
    }
    way.pop();
    // A file that leads to no cycle from here may still be part of one that starts elsewhere on the way.
}

/// The files of the same module that a file names.
fn targets<'p>(
    file: &Path,
    code: &str,
    files: &'p BTreeMap<Vec<String>, PathBuf>,
    codes: &BTreeMap<&'p Path, String>,
) -> BTreeSet<&'p Path> {
    let own = module_path(file);
    let mut named: Vec<Vec<String>> = paths(code, "crate::").into_iter().map(of_root).collect();
    for relative in paths(code, "super::") {
        let ups = 1 + relative.iter().take_while(|segment| *segment == "super").count();
        let base = &own[..own.len().saturating_sub(ups)];
        named.push(base.iter().chain(&relative[ups - 1..]).cloned().collect());
    }
    named.extend(paths(code, "self::").into_iter().map(|relative| [own.clone(), relative].concat()));
    // A module can name its children without `self`. A line that exports from a child does not use it.
    let uses: String = code.lines().filter(|line| !line.starts_with("pub")).collect::<Vec<_>>().join("\n");
    let children = files.keys().filter(|child| child.len() == own.len() + 1 && child.starts_with(&own));
    named.extend(children.filter(|child| !paths(&uses, &format!("{}::", child[own.len()])).is_empty()).cloned());
    let targets =
        named.iter().filter(|path| path.first() == own.first()).filter_map(|path| resolve(path, files, codes));
    targets.filter(|target| *target != file).collect()
}

/// An export of the root is the path that it has within its module.
fn of_root(path: Vec<String>) -> Vec<String> {
    match ROOT.iter().find(|(export, _)| path.first().is_some_and(|first| first == export)) {
        Some((_, origin)) => origin.split("::").map(ToOwned::to_owned).collect(),
        None => path,
    }
}

/// The file that defines what a path leads to; through a list of modules, where that exports it from one of them.
fn resolve<'p>(
    path: &[String],
    files: &'p BTreeMap<Vec<String>, PathBuf>,
    codes: &BTreeMap<&'p Path, String>,
) -> Option<&'p Path> {
    let depth = (1..=path.len()).rev().find(|depth| files.contains_key(&path[..*depth]))?;
    let file = files[&path[..depth]].as_path();
    let Some(item) = path.get(depth) else { return Some(file) };
    for exported in exports(&codes[file]) {
        if exported.last() == Some(item) {
            return resolve(&[&path[..depth], &*exported].concat(), files, codes);
        }
    }
    Some(file)
}

/// The paths that a list of modules exports, relative to it.
fn exports(code: &str) -> Vec<Vec<String>> {
    ["pub use ", "pub(crate) use ", "pub(super) use "].into_iter().flat_map(|start| paths(code, start)).collect()
}
