//! YAML text into nodes that know their place.
//!
//! Refused, each with its place: text that is not UTF-8, more than one document, anchors, aliases and tags (they make small
//! files expand), duplicate keys, keys that are not plain text, nesting past [`DEPTH`], and files past [`LARGEST_FILE`].
//! What a scalar means is left open until its key is known, so `8.0` may be a version and `123456` a password.

use std::collections::BTreeMap;
use std::sync::Arc;

use yaml_rust2::parser::{Event, Parser, Tag};
use yaml_rust2::scanner::{Marker, TScalarStyle};

use super::key::Key;
use super::mistakes::{Mistakes, Place};

/// Largest file read, in bytes: hundreds of issuers need a tenth of it.
pub(super) const LARGEST_FILE: u64 = 1024 * 1024;

/// Deepest nesting read; our deepest key stands four levels down, and claims may be objects.
const DEPTH: usize = 32;

/// A value and where it stands. No `Debug`: it may hold a secret.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) content: Content,
    pub(super) place: Place,
}

/// What a node holds.
#[derive(Clone)]
pub(super) enum Content {
    Scalar {
        text: String,
        style: Style,
    },
    List(Vec<Node>),
    /// In the order written, each key once.
    Map(Vec<(String, Place, Node)>),
}

/// How a scalar was written, which limits what it may mean.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Without quotes: text, number, switch or nothing, as the key demands.
    Plain,
    /// With quotes: text only.
    Quoted,
    /// The whole value of an environment variable: never nothing.
    Variable,
}

impl Node {
    /// Is it `~`, `null` or an empty place after a key? Such a key counts as not given.
    pub(super) fn is_nothing(&self) -> bool {
        matches!(&self.content, Content::Scalar { text, style: Style::Plain } if matches!(text.as_str(), "" | "~" | "null"))
    }

    /// For messages: what kind of thing stands here.
    pub(super) fn kind(&self) -> &'static str {
        match self.content {
            Content::Scalar { .. } => "a single value",
            Content::List(_) => "a list",
            Content::Map(_) => "a map",
        }
    }

    /// The value of `name`, when this is a map that has it.
    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        let Content::Map(entries) = &self.content else {
            return None;
        };
        entries
            .iter()
            .find(|(key, _, _)| key == name)
            .map(|(_, _, node)| node)
    }
}

/// Reads a file's bytes: the document, unless it is empty, and mistakes that leave it readable.
///
/// # Errors
/// The mistake that stopped the reading.
pub(super) fn document(
    name: &Arc<str>,
    bytes: &[u8],
) -> Result<(Option<Node>, Mistakes), Mistakes> {
    let mut mistakes = Mistakes::default();
    let text = match std::str::from_utf8(bytes) {
        // Some editors put a byte order mark in front.
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(error) => {
            let place = place_of_byte(name, bytes, error.valid_up_to());
            mistakes.add(
                place,
                &Key::default(),
                "the file is not UTF-8; save it as UTF-8",
            );
            return Err(mistakes);
        }
    };
    match read(&Source::File(name), &Key::default(), text, &mut mistakes) {
        Ok(node) => Ok((node, mistakes)),
        Err(Unreadable) => Err(mistakes),
    }
}

fn place_of_byte(name: &Arc<str>, bytes: &[u8], index: usize) -> Place {
    let before = bytes.get(..index).unwrap_or_default();
    let line_start = before
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    Place::File {
        name: Arc::clone(name),
        line: before.iter().filter(|byte| **byte == b'\n').count() + 1,
        column: index - line_start + 1,
    }
}

/// A mistake stopped the reading.
pub(super) struct Unreadable;

/// Where positions of a text are told to be.
pub(super) enum Source<'a> {
    /// In this file, line by line.
    File(&'a Arc<str>),
    /// In a variable, whatever the line.
    Variable(&'a Arc<str>),
}

impl Source<'_> {
    fn place(&self, mark: Marker) -> Place {
        match self {
            Self::File(name) => Place::File {
                name: Arc::clone(name),
                line: mark.line(),
                column: mark.col() + 1,
            },
            Self::Variable(name) => Place::Variable(Arc::clone(name)),
        }
    }
}

/// Reads one document; `None` when it is empty.
///
/// # Errors
/// When a mistake stopped the reading.
pub(super) fn read(
    source: &Source<'_>,
    at: &Key,
    text: &str,
    mistakes: &mut Mistakes,
) -> Result<Option<Node>, Unreadable> {
    let mut tree = Tree {
        open: Vec::new(),
        root: None,
    };
    let mut parser = Parser::new(text.chars());
    let mut documents = 0;
    // The events are pulled one by one, because the parser's own loader recurses and deep nesting would overflow the stack.
    loop {
        let (event, mark) = match parser.next_token() {
            Ok(token) => token,
            Err(error) => {
                let problem = format!(
                    "not YAML: {}; is the indentation right, and without tabs?",
                    error.info()
                );
                mistakes.add(source.place(*error.marker()), at, problem);
                return Err(Unreadable);
            }
        };
        let place = source.place(mark);
        if let Some(refusal) = refusal(&event) {
            mistakes.add(place, at, refusal);
            return Err(Unreadable);
        }
        match event {
            Event::StreamEnd => return Ok(tree.root),
            Event::DocumentStart => {
                documents += 1;
                if documents > 1 {
                    mistakes.add(
                        place,
                        at,
                        "a second document begins here; give one document only",
                    );
                    return Err(Unreadable);
                }
            }
            Event::Scalar(text, style, ..) => {
                let style = if style == TScalarStyle::Plain {
                    Style::Plain
                } else {
                    Style::Quoted
                };
                tree.close(
                    Node {
                        content: Content::Scalar { text, style },
                        place,
                    },
                    at,
                    mistakes,
                );
            }
            Event::SequenceStart(..) => tree.open.push(Open::new(Content::List(Vec::new()), place)),
            Event::MappingStart(..) => tree.open.push(Open::new(Content::Map(Vec::new()), place)),
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(mut open) = tree.open.pop() {
                    // A map without braces is marked behind its first key; people look for it at that key.
                    if let Content::Map(entries) = &open.node.content
                        && let Some((_, first, _)) = entries.first()
                    {
                        open.node.place = open.node.place.min(first.clone());
                    }
                    tree.close(open.node, at, mistakes);
                }
            }
            Event::Nothing | Event::StreamStart | Event::DocumentEnd | Event::Alias(_) => {}
        }
        if tree.open.len() > DEPTH {
            mistakes.add(
                source.place(mark),
                at,
                format!("nested deeper than {DEPTH} levels"),
            );
            return Err(Unreadable);
        }
    }
}

/// Why an event is refused, if it is.
fn refusal(event: &Event) -> Option<&'static str> {
    let (anchor, tag): (usize, Option<&Tag>) = match event {
        Event::Alias(_) => return Some("aliases (`*name`) are not read; write the value out"),
        Event::Scalar(_, _, anchor, tag)
        | Event::SequenceStart(anchor, tag)
        | Event::MappingStart(anchor, tag) => (*anchor, tag.as_ref()),
        Event::Nothing
        | Event::StreamStart
        | Event::StreamEnd
        | Event::DocumentStart
        | Event::DocumentEnd
        | Event::SequenceEnd
        | Event::MappingEnd => return None,
    };
    if anchor != 0 {
        return Some("anchors (`&name`) are not read; write the value out where it is needed");
    }
    tag.map(|_| "tags (`!name`) are not read; leave the tag out")
}

/// A list or map whose end has not come yet, and the key that waits for its value.
struct Open {
    node: Node,
    key: Option<(String, Place)>,
    seen: BTreeMap<String, Place>,
}

impl Open {
    fn new(content: Content, place: Place) -> Self {
        Self {
            node: Node { content, place },
            key: None,
            seen: BTreeMap::new(),
        }
    }
}

struct Tree {
    open: Vec<Open>,
    root: Option<Node>,
}

impl Tree {
    /// Puts a finished node where it belongs.
    fn close(&mut self, node: Node, at: &Key, mistakes: &mut Mistakes) {
        let path = self.path(at);
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return;
        };
        match &mut open.node.content {
            Content::List(entries) => entries.push(node),
            Content::Map(entries) => match open.key.take() {
                None => open.key = Some(key_of(node, &path, mistakes)),
                Some((name, place)) => {
                    if let Some(first) = open.seen.get(&name) {
                        let problem = format!("the key is given twice, first at {first}; keep one");
                        mistakes.add(place, &path.field(&name), problem);
                    } else {
                        open.seen.insert(name.clone(), place.clone());
                        entries.push((name, place, node));
                    }
                }
            },
            // Scalars are never open.
            Content::Scalar { .. } => {}
        }
    }

    /// The key of the innermost open list or map.
    fn path(&self, at: &Key) -> Key {
        let holders = self.open.iter().take(self.open.len().saturating_sub(1));
        holders.fold(at.clone(), |path, open| {
            match (&open.node.content, &open.key) {
                (Content::List(entries), _) => path.entry(entries.len()),
                (_, Some((name, _))) => path.field(name),
                (_, None) => path,
            }
        })
    }
}

fn key_of(node: Node, at: &Key, mistakes: &mut Mistakes) -> (String, Place) {
    match node.content {
        Content::Scalar { text, .. } => (text, node.place),
        Content::List(_) | Content::Map(_) => {
            mistakes.add(node.place.clone(), at, "a key must be plain text");
            (String::new(), node.place)
        }
    }
}
