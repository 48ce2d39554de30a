//! The paths of the admin listener, in one table.

use http::Method;

/// What a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'a> {
    /// The status page.
    Page,
    /// What it shows.
    Status,
    /// The OpenAPI description.
    Description,
    /// Is the process alive?
    Livez,
    /// Is traffic welcome?
    Readyz,
    /// The metrics page.
    Metrics,
    /// All sessions.
    Sessions,
    /// The session with this id.
    Session(&'a str),
    /// A principal, named by the query.
    Principals,
}

impl<'a> Place<'a> {
    /// Every place there is, with its path as the description writes it.
    pub const ALL: [(&'static str, Self); 9] = [
        ("/", Self::Page),
        ("/status.json", Self::Status),
        ("/openapi.json", Self::Description),
        ("/livez", Self::Livez),
        ("/readyz", Self::Readyz),
        ("/metrics", Self::Metrics),
        ("/sessions", Self::Sessions),
        ("/sessions/{id}", Self::Session("{id}")),
        ("/principals", Self::Principals),
    ];

    /// What this path names. Paths are compared as they are written: no spelling but one leads here.
    #[must_use]
    pub fn of(path: &'a str) -> Option<Self> {
        if let Some(id) = path.strip_prefix("/sessions/") {
            return (!id.is_empty() && !id.contains('/')).then_some(Self::Session(id));
        }
        let mut all = Place::ALL.into_iter();
        all.find(|(known, _)| *known == path)
            .map(|(_, place)| place)
    }

    /// Its methods, as `Allow` names them.
    #[must_use]
    pub fn allowed(self) -> &'static str {
        match self {
            Self::Session(_) | Self::Principals => "GET, HEAD, DELETE",
            Self::Page
            | Self::Status
            | Self::Description
            | Self::Livez
            | Self::Readyz
            | Self::Metrics
            | Self::Sessions => "GET, HEAD",
        }
    }

    /// Is this one of them?
    #[must_use]
    pub fn knows(self, method: &Method) -> bool {
        self.allowed()
            .split(", ")
            .any(|known| known == method.as_str())
    }

    /// Does it ask for the token? What is open tells of nobody: probes, aggregates, and a description that is public anyway.
    #[must_use]
    pub fn is_guarded(self) -> bool {
        matches!(self, Self::Sessions | Self::Session(_) | Self::Principals)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_leads_to_its_place_and_no_other_spelling_does() {
        for (path, place) in Place::ALL {
            assert_eq!(Place::of(path), Some(place), "{path}");
        }
        for path in [
            "",
            "//",
            "/livez/",
            "/Livez",
            "/sessions/",
            "/sessions/a/b",
            "/%6Civez",
            "/status",
        ] {
            assert_eq!(Place::of(path), None, "{path}");
        }
    }
}
