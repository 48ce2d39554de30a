//! The second look at a configuration: what single values and their combinations must hold, each mistake noted with its place.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::files;
use super::key::Key;
use super::mistakes::{Mistake, Mistakes, Place};
use super::types::{DurationText, Hidden, Origin, SizeText};
use super::walk::quoted;
use crate::secret::Secret;

/// Longest duration taken: ten years, so that adding it to any present time stays within all clocks.
const LONGEST: Duration = Duration::from_secs(10 * 31_557_600);

/// The value is not to be had; a mistake says why.
#[derive(Debug)]
pub(super) struct Mistaken;

/// A checked value.
pub(super) type Checked<T> = Result<T, Mistaken>;

/// What is noted while the sections are checked.
pub(super) struct Validation<'a> {
    /// Where values stand.
    pub(super) places: &'a BTreeMap<Key, Place>,
    /// The file as a whole, for keys that stand nowhere.
    pub(super) whole: Place,
    /// Where relative paths begin.
    pub(super) directory: &'a Path,
    pub(super) mistakes: Mistakes,
    pub(super) warnings: Vec<Mistake>,
    /// What was read besides the configuration file, or was to be.
    pub(super) files: BTreeSet<PathBuf>,
    /// Secrets, by the keys that give them.
    pub(super) secrets: Vec<(Key, Secret)>,
}

impl Validation<'_> {
    /// Notes what is wrong with a value that was given.
    pub(super) fn mistake(&mut self, key: &Key, problem: impl Into<String>) -> Mistaken {
        let place = self.place(key);
        self.mistakes.add(place, key, problem);
        Mistaken
    }

    /// Notes that a key is missing, unless it was given and is mistaken already.
    pub(super) fn missing(&mut self, key: &Key, advice: &str) -> Mistaken {
        if self.mistakes.touch(key) {
            return Mistaken;
        }
        self.mistake(key, format!("missing; {advice}"))
    }

    /// Notes what works but is seldom meant.
    pub(super) fn warn(&mut self, key: &Key, text: &str) {
        let place = self.place(key);
        self.warnings.push(Mistake {
            place,
            key: key.to_string(),
            problem: text.to_owned(),
        });
    }

    /// Where the key stands, or the nearest one around it.
    fn place(&self, key: &Key) -> Place {
        std::iter::successors(Some(key.clone()), Key::parent)
            .filter(|key| !key.as_str().is_empty())
            .find_map(|key| self.places.get(&key).cloned())
            .unwrap_or_else(|| self.whole.clone())
    }

    /// Reads a value by `parse`; `wanted` says what would be right.
    pub(super) fn parse<T>(
        &mut self,
        key: &Key,
        text: &str,
        wanted: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Checked<T> {
        parse(text).ok_or_else(|| self.mistake(key, format!("{} should be {wanted}", quoted(text))))
    }

    /// Reads every entry of a list by `parse`.
    pub(super) fn each<T>(
        &mut self,
        key: &Key,
        texts: &[String],
        wanted: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Checked<Vec<T>> {
        let read: Vec<Checked<T>> = texts
            .iter()
            .enumerate()
            .map(|(index, text)| self.parse(&key.entry(index), text, wanted, &parse))
            .collect();
        read.into_iter().collect()
    }

    /// A duration above zero.
    pub(super) fn duration(&mut self, key: &Key, text: &DurationText) -> Checked<Duration> {
        let wanted = "a duration above zero, such as 500ms, 30s, 12h or 7d";
        let duration = self.parse(key, text.as_str(), wanted, |text| {
            humantime::parse_duration(text)
                .ok()
                .filter(|duration| !duration.is_zero())
        })?;
        self.bounded(key, text, duration, LONGEST)
    }

    /// A duration up to `longest`; zero is taken.
    pub(super) fn tolerance(
        &mut self,
        key: &Key,
        text: &DurationText,
        longest: Duration,
    ) -> Checked<Duration> {
        let wanted = "a duration such as 0s or 30s";
        let duration = self.parse(key, text.as_str(), wanted, |text| {
            humantime::parse_duration(text).ok()
        })?;
        self.bounded(key, text, duration, longest.min(LONGEST))
    }

    /// A duration within bounds.
    pub(super) fn period(
        &mut self,
        key: &Key,
        text: &DurationText,
        (least, most): (Duration, Duration),
    ) -> Checked<Duration> {
        let duration = self.duration(key, text)?;
        if (least..=most).contains(&duration) {
            return Ok(duration);
        }
        let (least, most) = (
            humantime::format_duration(least),
            humantime::format_duration(most),
        );
        let problem = format!("{} should be from {least} to {most}", quoted(text.as_str()));
        Err(self.mistake(key, problem))
    }

    fn bounded(
        &mut self,
        key: &Key,
        text: &DurationText,
        duration: Duration,
        longest: Duration,
    ) -> Checked<Duration> {
        if duration <= longest {
            return Ok(duration);
        }
        let longest = humantime::format_duration(longest);
        Err(self.mistake(
            key,
            format!("{} should be at most {longest}", quoted(text.as_str())),
        ))
    }

    /// A number of bytes within bounds.
    pub(super) fn size(
        &mut self,
        key: &Key,
        text: &SizeText,
        least: u64,
        most: u64,
    ) -> Checked<u64> {
        let wanted = "a size with its unit, such as 512B, 64KiB, 100MiB or 1GiB";
        let bytes = self.parse(key, text.as_str(), wanted, SizeText::bytes)?;
        if (least..=most).contains(&bytes) {
            return Ok(bytes);
        }
        let (least, most) = (SizeText::of(least), SizeText::of(most));
        let problem = format!(
            "{} should be from {} to {}",
            quoted(text.as_str()),
            least.as_str(),
            most.as_str()
        );
        Err(self.mistake(key, problem))
    }

    /// A list of exact web origins.
    pub(super) fn origins(&mut self, key: &Key, texts: &[String]) -> Checked<Vec<Origin>> {
        let wanted = "one exact origin such as https://app.example.com, without wildcard and path";
        self.each(key, texts, wanted, |text| {
            Origin::parse(text).filter(|_| !text.contains('*'))
        })
    }

    /// A certificate and its key at `key`: both or neither, since nobody can show the one without the other.
    pub(super) fn identity<T>(
        &mut self,
        key: &Key,
        (certificate, own_key): (Option<T>, Option<T>),
    ) -> Checked<Option<(T, T)>> {
        match (certificate, own_key) {
            (Some(certificate), Some(own_key)) => Ok(Some((certificate, own_key))),
            (None, None) => Ok(None),
            (Some(_), None) => {
                let advice = "`certificate_file` is given, and nobody can show it without its key";
                Err(self.missing(&key.field("key_file"), advice))
            }
            (None, Some(_)) => {
                let advice = "`key_file` is given; give the certificate that it belongs to";
                Err(self.missing(&key.field("certificate_file"), advice))
            }
        }
    }

    /// Where a path of the configuration leads.
    pub(super) fn file(&self, path: &Path) -> PathBuf {
        self.directory.join(path)
    }

    /// As [`Validation::file`], of a file that is read: when it changes, the configuration has changed.
    pub(super) fn read(&mut self, path: &Path) -> PathBuf {
        let file = self.file(path);
        self.files.insert(file.clone());
        file
    }

    /// The secret `name` below `at`, given inline or as `name_file`; `None` when neither is given.
    pub(super) fn secret(
        &mut self,
        at: &Key,
        name: &str,
        given: (&Option<Hidden>, &Option<PathBuf>),
    ) -> Checked<Option<Secret>> {
        let inline_key = at.field(name);
        let file_key = at.field(&format!("{name}_file"));
        match given {
            (Some(_), Some(_)) => {
                let problem = format!("both `{name}` and `{name}_file` are given; keep one");
                Err(self.mistake(&file_key, problem))
            }
            (Some(inline), None) if inline.secret().reveal().is_empty() => {
                Err(self.mistake(&inline_key, "is empty; give the secret or take the key out"))
            }
            (Some(inline), None) => {
                let secret = inline.secret().clone();
                self.secrets.push((inline_key, secret.clone()));
                Ok(Some(secret))
            }
            (None, Some(path)) => match Secret::from_file(&self.read(path)) {
                Ok(secret) => {
                    if let Some(text) = files::openness(&self.file(path)) {
                        self.warn(&file_key, text);
                    }
                    self.secrets.push((file_key, secret.clone()));
                    Ok(Some(secret))
                }
                Err(error) => {
                    let problem = format!(
                        "{} should be a file that holds the secret: {error}",
                        quoted(&path.to_string_lossy())
                    );
                    Err(self.mistake(&file_key, problem))
                }
            },
            (None, None) if self.mistakes.touch(&inline_key) || self.mistakes.touch(&file_key) => {
                Err(Mistaken)
            }
            (None, None) => Ok(None),
        }
    }
}
