//! Holds a tree of values against the shapes and makes typed values of it.
//!
//! Every mistake is noted; a mistaken value is left out, so that the rest can still be looked at.

use std::collections::BTreeMap;

use figment::value::{Dict, Empty, Tag, Value};
use yaml_rust2::Yaml;

use super::key::Key;
use super::mistakes::{Mistakes, Place};
use super::shape::Shape;
use super::yaml::{Content, Node, Style};

/// Longest value repeated in a message, in characters.
const QUOTED: usize = 60;

/// A walk over one layer.
pub(super) struct Walk<'a> {
    pub(super) mistakes: &'a mut Mistakes,
    /// Where each value that was found stands.
    pub(super) places: &'a mut BTreeMap<Key, Place>,
    /// All shapes, to say where a misplaced key belongs.
    pub(super) whole: &'a Shape,
}

impl Walk<'_> {
    /// The layer's values by section.
    pub(super) fn sections(&mut self, root: &Node) -> Dict {
        let whole = self.whole;
        match self.value(root, whole, &Key::default()) {
            Some(Value::Dict(_, dict)) => dict,
            _ => Dict::new(),
        }
    }

    fn value(&mut self, node: &Node, shape: &Shape, key: &Key) -> Option<Value> {
        if node.is_nothing() && !matches!(shape, Shape::Any) {
            return None;
        }
        self.places.insert(key.clone(), node.place.clone());
        match (shape, &node.content) {
            (Shape::Keys(_), Content::Map(entries)) => Some(self.keys(entries, shape, key)),
            (Shape::Map(inner), Content::Map(entries)) => {
                let values = entries.iter().filter_map(|(name, _, node)| {
                    Some((name.clone(), self.value(node, inner, &key.field(name))?))
                });
                Some(Value::from(values.collect::<Dict>()))
            }
            (Shape::List(inner), Content::List(entries)) => {
                let values = entries.iter().enumerate().filter_map(|(index, node)| {
                    let key = key.entry(index);
                    if node.is_nothing() {
                        self.mistakes.add(
                            node.place.clone(),
                            &key,
                            "an empty entry; fill it or take it out",
                        );
                    }
                    self.value(node, inner, &key)
                });
                Some(Value::from(values.collect::<Vec<_>>()))
            }
            (Shape::Any, _) => Some(free(node)),
            (Shape::Keys(_) | Shape::Map(_) | Shape::List(_), Content::Scalar { .. })
            | (_, Content::List(_) | Content::Map(_)) => {
                let problem = format!("should be {}, not {}", shape.wanted(), node.kind());
                self.mistakes.add(node.place.clone(), key, problem);
                None
            }
            (_, Content::Scalar { text, style }) => {
                let value = scalar(text, *style, shape);
                if value.is_none() {
                    let problem = refused(text, *style, shape);
                    self.mistakes.add(node.place.clone(), key, problem);
                }
                value
            }
        }
    }

    fn keys(&mut self, entries: &[(String, Place, Node)], shape: &Shape, key: &Key) -> Value {
        let mut dict = Dict::new();
        for (name, place, node) in entries {
            let inner = key.field(name);
            if let Some(shape) = shape.child(name) {
                if let Some(value) = self.value(node, shape, &inner) {
                    dict.insert(name.clone(), value);
                }
            } else {
                let problem = self.unknown(name, shape);
                self.mistakes.add(place.clone(), &inner, problem);
            }
        }
        Value::from(dict)
    }

    /// What to say of a key that is not known here.
    fn unknown(&self, name: &str, shape: &Shape) -> String {
        let Shape::Keys(known) = shape else {
            return "unknown key".to_owned();
        };
        let near = known
            .iter()
            .map(|(known, _)| (strsim::damerau_levenshtein(known, name), known))
            .min()
            // A third of the letters wrong is not a slip any more.
            .filter(|(distance, known)| *distance <= 1.max(known.len() / 3));
        if let Some((_, known)) = near {
            return format!("unknown key; did you mean `{known}`?");
        }
        let mut elsewhere = Vec::new();
        find(self.whole, name, &Key::default(), &mut elsewhere);
        if let [only] = elsewhere.as_slice() {
            return format!("unknown key here; did you mean `{only}`?");
        }
        let known: Vec<&str> = known.iter().map(|(known, _)| known.as_str()).collect();
        format!("unknown key; known here: {}", known.join(", "))
    }
}

/// Collects the keys of this name outside lists.
fn find(shape: &Shape, name: &str, at: &Key, found: &mut Vec<Key>) {
    let Shape::Keys(keys) = shape else {
        return;
    };
    for (key, shape) in keys {
        let at = at.field(key);
        find(shape, name, &at, found);
        if key == name {
            found.push(at);
        }
    }
}

/// What a scalar means where `shape` is wanted.
fn scalar(text: &str, style: Style, shape: &Shape) -> Option<Value> {
    let bare = style != Style::Quoted;
    match shape {
        Shape::Text => Some(Value::from(text)),
        Shape::Word(words) => words
            .iter()
            .find(|word| *word == text)
            .map(|word| Value::from(word.as_str())),
        Shape::Switch if bare => match text {
            "true" => Some(Value::from(true)),
            "false" => Some(Value::from(false)),
            _ => None,
        },
        Shape::Integer { least, most } if bare => {
            let number = text.parse::<u64>().ok()?;
            (*least..=*most)
                .contains(&number)
                .then(|| Value::from(number))
        }
        Shape::Number if bare => text
            .parse::<f64>()
            .ok()
            .filter(|number| number.is_finite())
            .map(Value::from),
        Shape::Switch | Shape::Integer { .. } | Shape::Number => None,
        Shape::Keys(_) | Shape::Map(_) | Shape::List(_) | Shape::Any => None,
    }
}

/// What to say of a scalar that does not fit.
fn refused(text: &str, style: Style, shape: &Shape) -> String {
    if matches!(shape, Shape::Word(words) if words.iter().any(|word| word == "RS256"))
        && text.eq_ignore_ascii_case("none")
    {
        return format!("unsigned tokens are never believed; use {}", shape.wanted());
    }
    let quotes = match style {
        Style::Quoted if !matches!(shape, Shape::Word(_)) => " without quotes",
        Style::Quoted | Style::Plain | Style::Variable => "",
    };
    let problem = format!("{} should be {}{quotes}", quoted(text), shape.wanted());
    match shape {
        Shape::Word(words) => words
            .iter()
            .find(|word| {
                strsim::damerau_levenshtein(&word.to_lowercase(), &text.to_lowercase()) <= 1
            })
            .map_or(problem.clone(), |word| {
                format!("{problem}; did you mean `{word}`?")
            }),
        _ => problem,
    }
}

/// A value as messages repeat it: quoted, controls escaped, cut when long.
pub(super) fn quoted(text: &str) -> String {
    if text.chars().count() <= QUOTED {
        return format!("{text:?}");
    }
    let head: String = text.chars().take(QUOTED).collect();
    format!("{head:?}…")
}

/// A value whose meaning is the issuer's: plain scalars as YAML's core schema reads them.
fn free(node: &Node) -> Value {
    match &node.content {
        Content::List(entries) => Value::from(entries.iter().map(free).collect::<Vec<_>>()),
        Content::Map(entries) => Value::from(
            entries
                .iter()
                .map(|(name, _, node)| (name.clone(), free(node)))
                .collect::<Dict>(),
        ),
        Content::Scalar {
            text,
            style: Style::Quoted,
        } => Value::from(text.as_str()),
        Content::Scalar {
            text,
            style: Style::Plain | Style::Variable,
        } => match Yaml::from_str(text) {
            Yaml::Null => Value::Empty(Tag::Default, Empty::None),
            Yaml::Boolean(switch) => Value::from(switch),
            Yaml::Integer(number) => Value::from(number),
            Yaml::Real(number) => number
                .parse::<f64>()
                .map_or_else(|_| Value::from(text.as_str()), Value::from),
            Yaml::String(_) | Yaml::Array(_) | Yaml::Hash(_) | Yaml::Alias(_) | Yaml::BadValue => {
                Value::from(text.as_str())
            }
        },
    }
}
