//! The environment as the upper layer: `GANTRY_LISTEN__LIMITS__BODY=1MiB` stands over `listen.limits.body`.
//!
//! Between levels stand two underscores; list entries are named by number (`GANTRY_ISSUERS__0__ISSUER`), lists and maps may be
//! given whole in YAML's flow style (`[a, b]`, `{name: value}`). A `GANTRY_*` variable without `__` is none of ours, because
//! Kubernetes makes such for every service. Values of single keys are taken as they are, without any YAML.

use std::ffi::OsString;
use std::sync::Arc;

use super::key::Key;
use super::mistakes::{Mistake, Mistakes, Place};
use super::shape::Shape;
use super::yaml::{self, Content, Node, Source, Style, Unreadable};

/// What all our variables begin with.
pub(super) const PREFIX: &str = "GANTRY_";

/// What stands between levels.
pub(super) const BETWEEN: &str = "__";

/// The variables that speak to us, in the order of their names.
#[derive(Clone, Default)]
pub struct Environment {
    ours: Vec<(String, OsString)>,
    /// Names with our prefix that are none of ours.
    others: Vec<String>,
}

impl Environment {
    /// Those of this process.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the environment"
    )]
    pub fn of_process() -> Self {
        Self::of(
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))),
        )
    }

    /// Those of `variables`; the others are dropped.
    pub fn of<N, V>(variables: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<String>,
        V: Into<OsString>,
    {
        let named = variables
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .filter(|(name, _): &(String, OsString)| name.starts_with(PREFIX));
        let (mut ours, others): (Vec<_>, Vec<_>) =
            named.partition(|(name, _)| name[PREFIX.len()..].contains(BETWEEN));
        // Shorter names come first, so a single key stands over a map that was given whole.
        ours.sort();
        let mut others: Vec<String> = others.into_iter().map(|(name, _)| name).collect();
        others.sort();
        Self { ours, others }
    }

    /// A warning for every variable that would be ours if its levels were parted as ours are.
    pub(super) fn nearly_ours(&self, whole: &Shape) -> Vec<Mistake> {
        if self.others.is_empty() {
            return Vec::new();
        }
        let mut keys = Vec::new();
        whole.keys(&Key::default(), &mut keys);
        let meant = |name: &String| {
            let key = keys.iter().find(|key| {
                name[PREFIX.len()..] == key.as_str().to_uppercase().replace('.', "_")
            })?;
            let right = key.as_str().to_uppercase().replace('.', BETWEEN);
            Some(Mistake {
                place: Place::Variable(Arc::from(name.as_str())),
                key: key.to_string(),
                problem: format!(
                    "is not read, because two underscores stand between levels; did you mean `{PREFIX}{right}`?"
                ),
            })
        };
        self.others.iter().filter_map(meant).collect()
    }

    /// The variables as a layer over `file`.
    pub(super) fn layer(
        &self,
        whole: &Shape,
        file: Option<&Node>,
        mistakes: &mut Mistakes,
    ) -> Node {
        let place = Place::Nowhere;
        let mut root = Node {
            content: Content::Map(Vec::new()),
            place,
        };
        for (name, value) in &self.ours {
            let variable: Arc<str> = Arc::from(name.as_str());
            let path: Vec<&str> = name
                .strip_prefix(PREFIX)
                .unwrap_or_default()
                .split(BETWEEN)
                .collect();
            let mut setting = Setting {
                variable,
                mistakes: &mut *mistakes,
            };
            let Some(value) = value.to_str() else {
                setting.mistake(&Key::default(), "the value is not UTF-8");
                continue;
            };
            if let Some(lower) = path
                .iter()
                .find(|level| level.chars().any(|c| c.is_ascii_lowercase()))
            {
                setting.mistake(&Key::default(), &format!("write `{lower}` in capitals"));
                continue;
            }
            let target = Target {
                node: &mut root,
                below: file,
                shape: whole,
            };
            setting.put(target, &Key::default(), &path, value);
        }
        root
    }
}

impl std::fmt::Debug for Environment {
    /// Names only: the values may be secrets.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_list()
            .entries(self.ours.iter().map(|(name, _)| name))
            .finish()
    }
}

/// Where a variable's path has led so far.
struct Target<'a> {
    /// The node of our layer.
    node: &'a mut Node,
    /// What the file has at the same place.
    below: Option<&'a Node>,
    /// What may stand here.
    shape: &'a Shape,
}

/// One variable on its way in.
struct Setting<'a> {
    variable: Arc<str>,
    mistakes: &'a mut Mistakes,
}

impl Setting<'_> {
    fn place(&self) -> Place {
        Place::Variable(Arc::clone(&self.variable))
    }

    fn mistake(&mut self, key: &Key, problem: &str) {
        self.mistakes.add(self.place(), key, problem);
    }

    /// Walks down `path` and puts `value` at its end.
    fn put(&mut self, target: Target<'_>, key: &Key, path: &[&str], value: &str) {
        let Target { node, below, shape } = target;
        let Some((level, rest)) = path.split_first() else {
            self.set(node, shape, key, value);
            return;
        };
        match shape {
            Shape::List(inner) => {
                let Some(index) = level.parse::<usize>().ok() else {
                    let problem = format!("`{level}` should be the entry's number, counted from 0");
                    self.mistake(key, &problem);
                    return;
                };
                let entries = entries(node, below);
                if index > entries.len() {
                    let problem = format!("there is no entry {} before this one", index - 1);
                    self.mistake(&key.entry(index), &problem);
                    return;
                }
                if index == entries.len() {
                    entries.push(nothing(self.place()));
                }
                if let Some(node) = entries.get_mut(index) {
                    // What the file has there was taken over with the list, so nothing is below any more.
                    let target = Target {
                        node,
                        below: None,
                        shape: inner,
                    };
                    self.put(target, &key.entry(index), rest, value);
                }
            }
            Shape::Map(_) | Shape::Any => {
                self.mistake(
                    key,
                    "names in a map are not ours to spell; give the whole as {name: value}",
                );
            }
            Shape::Text
            | Shape::Switch
            | Shape::Integer { .. }
            | Shape::Number
            | Shape::Word(_) => {
                let problem = format!(
                    "holds a single value, there is no `{}` in it",
                    level.to_lowercase()
                );
                self.mistake(key, &problem);
            }
            Shape::Keys(_) => {
                let name = level.to_lowercase();
                let place = self.place();
                let Some(shape) = shape.child(&name) else {
                    // The walk reports the key itself; what stands below an unknown key says nothing more.
                    child(node, &name, &place);
                    return;
                };
                let below = below.and_then(|below| below.child(&name));
                let node = child(node, &name, &place);
                self.put(
                    Target { node, below, shape },
                    &key.field(&name),
                    rest,
                    value,
                );
            }
        }
    }

    /// Puts `value` here, read as the shape demands.
    fn set(&mut self, node: &mut Node, shape: &Shape, key: &Key, value: &str) {
        match shape {
            Shape::List(_) | Shape::Map(_) | Shape::Keys(_) | Shape::Any => {
                let source = Source::Variable(&self.variable);
                match yaml::read(&source, key, value, self.mistakes) {
                    Ok(Some(read)) => lay(node, read),
                    Ok(None) => self.mistake(key, "the value is empty"),
                    Err(Unreadable) => {}
                }
            }
            Shape::Text
            | Shape::Switch
            | Shape::Integer { .. }
            | Shape::Number
            | Shape::Word(_) => {
                let content = Content::Scalar {
                    text: value.to_owned(),
                    style: Style::Variable,
                };
                *node = Node {
                    content,
                    place: self.place(),
                };
            }
        }
    }
}

/// A value that is not there yet, and counts as not given if none comes.
fn nothing(place: Place) -> Node {
    let (text, style) = (String::new(), Style::Plain);
    Node {
        content: Content::Scalar { text, style },
        place,
    }
}

/// The entries of our list, begun with the file's.
fn entries<'a>(node: &'a mut Node, below: Option<&Node>) -> &'a mut Vec<Node> {
    if !matches!(node.content, Content::List(_)) {
        node.content = match below.map(|below| &below.content) {
            Some(Content::List(entries)) => Content::List(entries.clone()),
            _ => Content::List(Vec::new()),
        };
    }
    match &mut node.content {
        Content::List(entries) => entries,
        Content::Map(_) | Content::Scalar { .. } => {
            unreachable!("the content was made a list above")
        }
    }
}

/// The value of `name` in our map, made when it is not there.
fn child<'a>(node: &'a mut Node, name: &str, place: &Place) -> &'a mut Node {
    if !matches!(node.content, Content::Map(_)) {
        node.content = Content::Map(Vec::new());
    }
    let Content::Map(entries) = &mut node.content else {
        unreachable!("the content was made a map above");
    };
    let index = entries
        .iter()
        .position(|(key, _, _)| key == name)
        .unwrap_or_else(|| {
            entries.push((name.to_owned(), place.clone(), nothing(place.clone())));
            entries.len() - 1
        });
    &mut entries[index].2
}

/// Lays a value over what is there: maps key by key, all else whole.
fn lay(under: &mut Node, over: Node) {
    match (&mut under.content, over.content) {
        (Content::Map(_), Content::Map(entries)) => {
            for (name, place, node) in entries {
                lay(child(under, &name, &place), node);
            }
        }
        (under_content, content) => {
            *under_content = content;
            under.place = over.place;
        }
    }
}
