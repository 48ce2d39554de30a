//! The parameters of a request on the admin listener: known ones, each once, of bounded length; everything else is refused by name.

use std::time::Duration;

use percent_encoding::percent_decode_str;

use crate::server::admin::AdminError;

/// Bytes of a query; the longest sensible one names an issuer and a subject.
const LONGEST: usize = 8 * 1024;

/// Characters of a name that an answer repeats.
const REPEATED: usize = 32;

/// What the query says, decoded.
#[derive(Debug)]
pub(super) struct Parameters(Vec<(&'static str, String)>);

impl Parameters {
    /// Reads a query of which `known` are the names.
    pub(super) fn parse(query: Option<&str>, known: &[&'static str]) -> Result<Self, AdminError> {
        let query = query.unwrap_or_default();
        if query.len() > LONGEST {
            return Err(AdminError::LongQuery);
        }
        let mut read: Vec<(&'static str, String)> = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let Some(name) = known.iter().find(|known| **known == name) else {
                return Err(AdminError::Parameter {
                    name: repeatable(name),
                    wanted: "is not known here",
                });
            };
            if read.iter().any(|(other, _)| other == name) {
                return Err(wrong(name, "may stand once"));
            }
            let Some(value) = decode(value) else {
                return Err(wrong(name, "cannot be read as percent-encoded UTF-8"));
            };
            if value.is_empty() {
                return Err(wrong(name, "is empty"));
            }
            read.push((name, value));
        }
        Ok(Self(read))
    }

    /// A text that need not be there.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let mut read = self.0.iter();
        read.find(|(other, _)| *other == name)
            .map(|(_, value)| value.as_str())
    }

    /// A text that must be there.
    pub(super) fn required(&self, name: &'static str) -> Result<&str, AdminError> {
        self.text(name).ok_or_else(|| wrong(name, "is missing"))
    }

    /// Something read by `parse`, if it is there; `wanted` says what would be right.
    pub(super) fn read<T>(
        &self,
        name: &'static str,
        wanted: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, AdminError> {
        match self.text(name) {
            Some(text) => parse(text).map(Some).ok_or_else(|| wrong(name, wanted)),
            None => Ok(None),
        }
    }

    /// A duration, if it is there.
    pub(super) fn duration(&self, name: &'static str) -> Result<Option<Duration>, AdminError> {
        let wanted = "should be a duration such as 30s, 12h or 7d";
        self.read(name, wanted, |text| humantime::parse_duration(text).ok())
    }
}

fn wrong(name: &'static str, wanted: &'static str) -> AdminError {
    AdminError::Parameter {
        name: Some(name.to_owned()),
        wanted,
    }
}

/// The name, unless an answer had better not hold it.
fn repeatable(name: &str) -> Option<String> {
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (name.len() <= REPEATED && !name.is_empty() && name.bytes().all(harmless))
        .then(|| name.to_owned())
}

/// `None` for a `%` without two digits behind it, and for what is no UTF-8.
fn decode(value: &str) -> Option<String> {
    let mut escapes = value.split('%');
    let _before_the_first = escapes.next();
    let is_escape = |rest: &str| {
        let mut bytes = rest.bytes();
        bytes.next().is_some_and(|byte| byte.is_ascii_hexdigit())
            && bytes.next().is_some_and(|byte| byte.is_ascii_hexdigit())
    };
    if !escapes.all(is_escape) {
        return None;
    }
    // As forms write blanks, and as every client library does it.
    let value = value.replace('+', " ");
    let decoded = percent_decode_str(&value).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 2] = ["a", "b"];

    fn good(query: &str, a: Option<&str>) {
        let read = Parameters::parse(Some(query), &KNOWN).expect(query);
        assert_eq!(read.text("a"), a, "{query}");
    }

    fn bad(query: &str, detail: &str) {
        let error = Parameters::parse(Some(query), &KNOWN).expect_err(query);
        assert_eq!(error.detail().as_deref(), Some(detail), "{query}");
    }

    #[test]
    fn known_parameters_are_decoded() {
        good("", None);
        good("b=1", None);
        good("a=1", Some("1"));
        good("b=2&&a=1&", Some("1"));
        good("a=x%20y+z%3D%c3%a9", Some("x y z=é"));
        good("a==", Some("="));
    }

    #[test]
    fn everything_else_is_refused_by_name() {
        bad("c=1", "`c` is not known here.");
        bad("A=1", "`A` is not known here.");
        bad("%61=1", "A parameter is not known here.");
        bad("=1", "A parameter is not known here.");
        bad("<script>=1", "A parameter is not known here.");
        bad("a=1&a=1", "`a` may stand once.");
        bad("a", "`a` is empty.");
        bad("a=", "`a` is empty.");
        for value in ["%", "%4", "%zz", "%ff", "x%c3"] {
            let query = format!("a={value}");
            bad(&query, "`a` cannot be read as percent-encoded UTF-8.");
        }
        let long = format!("a={}", "x".repeat(LONGEST));
        let error = Parameters::parse(Some(&long), &KNOWN).expect_err("long");
        assert_eq!(error, AdminError::LongQuery);
    }
}
