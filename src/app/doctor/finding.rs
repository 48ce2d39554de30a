//! What the doctor found, as a table and as JSON.

use std::fmt::Write as _;

use serde::Serialize;

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// Works, with a drawback.
    Warning,
    /// Does not work.
    Failed,
    /// Could not be tried, because something else failed.
    Skipped,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// One line of the report.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// Fixed name of the check, as in `docs/doctor.md`.
    pub id: &'static str,
    /// What was looked at where a check looks at several things; else empty.
    pub subject: String,
    /// How it went.
    pub state: State,
    /// What was seen; holds no secret.
    pub seen: String,
    /// What to do about it; `None` when it is all right.
    pub mend: Option<String>,
}

impl Finding {
    pub(super) fn ok(id: &'static str, subject: &str, seen: impl Into<String>) -> Self {
        Self {
            id,
            subject: subject.to_owned(),
            state: State::Ok,
            seen: seen.into(),
            mend: None,
        }
    }

    pub(super) fn warning(
        id: &'static str,
        subject: &str,
        seen: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self {
            state: State::Warning,
            mend: Some(mend.into()),
            ..Self::ok(id, subject, seen)
        }
    }

    pub(super) fn failed(
        id: &'static str,
        subject: &str,
        seen: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self {
            state: State::Failed,
            ..Self::warning(id, subject, seen, mend)
        }
    }

    pub(super) fn skipped(id: &'static str, because: &str) -> Self {
        Self {
            state: State::Skipped,
            ..Self::ok(id, "", format!("skipped because {because}"))
        }
    }
}

/// All findings, in the order of their checks.
#[derive(Clone, Debug, Default)]
pub struct Report(Vec<Finding>);

impl Report {
    pub(super) fn add(&mut self, finding: Finding) {
        self.0.push(finding);
    }

    pub(super) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// The findings.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.0
    }

    /// Is there one that failed? Warnings do not count.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.0.iter().any(|finding| finding.state == State::Failed)
    }

    /// For people: a line for each finding, its mend below it.
    #[must_use]
    pub fn table(&self) -> String {
        let name = |finding: &Finding| format!("{} {}", finding.id, finding.subject);
        let width = self.0.iter().map(|it| name(it).trim_end().len()).max();
        let width = width.unwrap_or_default();
        let mut table = String::new();
        for finding in &self.0 {
            let (state, name) = (finding.state.word(), name(finding));
            // Writing to a string does not fail.
            let _ = writeln!(
                table,
                "{state:<8} {:<width$}  {}",
                name.trim_end(),
                finding.seen
            );
            if let Some(mend) = &finding.mend {
                let _ = writeln!(table, "{:<8} {:<width$}  -> {mend}", "", "");
            }
        }
        table
    }

    /// For machines: an array of findings.
    ///
    /// # Errors
    /// None that is known: findings hold strings only.
    pub fn json(&self) -> serde_json::Result<String> {
        Ok(format!("{}\n", serde_json::to_string_pretty(&self.0)?))
    }
}
