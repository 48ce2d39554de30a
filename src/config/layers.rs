//! Lays defaults, file and environment over one another and reads the sections out of the result.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use figment::providers::Serialized;
use figment::value::{Dict, Map};
use figment::{Figment, Metadata, Profile, Provider};
use serde::Deserialize;

use super::environment::Environment;
use super::file::{File, SHAPES};
use super::files;
use super::key::Key;
use super::mistakes::{Mistake, Mistakes, Place};
use super::walk::Walk;
use super::yaml::{self, Node};

/// What was read, before its meaning is checked.
pub(super) struct Layers {
    pub(super) file: File,
    /// Where each value that was given stands; the environment's where both give one.
    pub(super) places: BTreeMap<Key, Place>,
    /// The file as a whole.
    pub(super) whole: Place,
    pub(super) mistakes: Mistakes,
    pub(super) warnings: Vec<Mistake>,
}

/// One layer of typed values.
struct Layer {
    name: &'static str,
    values: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name)
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

impl Layers {
    /// Reads the file, if there is one, and the environment over it.
    ///
    /// # Errors
    /// When the file cannot be read as YAML, since then nothing is known of the rest.
    pub(super) fn load(path: Option<&Path>, environment: &Environment) -> Result<Self, Mistakes> {
        let Some(path) = path else {
            return Self::read(None, environment);
        };
        let name: Arc<str> = Arc::from(path.to_string_lossy().as_ref());
        let bytes = files::bytes(path, yaml::LARGEST_FILE).map_err(|error| {
            let mut mistakes = Mistakes::default();
            let problem = format!("cannot be read: {error}");
            mistakes.add(whole(&name), &Key::default(), problem);
            mistakes
        })?;
        Self::read(Some((name, &bytes)), environment)
    }

    /// Reads the file's bytes, if there are any, and the environment over them.
    ///
    /// # Errors
    /// When the bytes cannot be read as YAML.
    pub(super) fn read(
        text: Option<(Arc<str>, &[u8])>,
        environment: &Environment,
    ) -> Result<Self, Mistakes> {
        let shape = &*SHAPES;
        let whole = text
            .as_ref()
            .map_or(Place::Nowhere, |(name, _)| whole(name));
        let (node, mut mistakes) = text.map_or_else(
            || Ok((None, Mistakes::default())),
            |(name, bytes)| yaml::document(&name, bytes),
        )?;
        let upper = environment.layer(shape, node.as_ref(), &mut mistakes);
        let mut places = BTreeMap::new();
        let mut sections = |node: &Node| {
            let mut walk = Walk {
                mistakes: &mut mistakes,
                places: &mut places,
                whole: shape,
            };
            walk.sections(node)
        };
        let lower = node.as_ref().map(&mut sections).unwrap_or_default();
        let upper = sections(&upper);
        let figment = Figment::from(Serialized::defaults(File::default()))
            .merge(Layer {
                name: "file",
                values: lower,
            })
            .merge(Layer {
                name: "environment",
                values: upper,
            });
        let mut extraction = Extraction {
            figment: &figment,
            places: &places,
            whole: &whole,
            mistakes: &mut mistakes,
        };
        let file = File {
            listen: extraction.section("listen"),
            admin: extraction.section("admin"),
            rocketchat: extraction.section("rocketchat"),
            issuers: extraction.section("issuers"),
            tokens: extraction.section("tokens"),
            users: extraction.section("users"),
            sessions: extraction.section("sessions"),
            proxy: extraction.section("proxy"),
            websocket: extraction.section("websocket"),
            iframe: extraction.section("iframe"),
            filter: extraction.section("filter"),
            backchannel_logout: extraction.section("backchannel_logout"),
            telemetry: extraction.section("telemetry"),
        };
        Ok(Self {
            file,
            places,
            whole,
            mistakes,
            warnings: environment.nearly_ours(shape),
        })
    }
}

/// The place that means a whole file.
fn whole(name: &Arc<str>) -> Place {
    Place::File {
        name: Arc::clone(name),
        line: 0,
        column: 0,
    }
}

/// Reads sections one by one, so that a mistake in one does not hide those of the others.
struct Extraction<'a> {
    figment: &'a Figment,
    places: &'a BTreeMap<Key, Place>,
    whole: &'a Place,
    mistakes: &'a mut Mistakes,
}

impl Extraction<'_> {
    fn section<T: Default + for<'de> Deserialize<'de>>(&mut self, name: &str) -> T {
        self.figment.extract_inner(name).unwrap_or_else(|error| {
            // The walk has held the values against the same types, so this is a mistake that it cannot see.
            let key = Key::default().field(name);
            let place = self.places.get(&key).unwrap_or(self.whole).clone();
            self.mistakes
                .add(place, &key, format!("cannot be read: {}", error.kind));
            T::default()
        })
    }
}
