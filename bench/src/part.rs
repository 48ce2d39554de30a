//! What can be measured alone.

use anyhow::Context as _;

/// A part of the bench.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Time from start to readiness.
    Start,
    /// Memory, idle and after the parts under load that are measured too.
    Memory,
    /// CPU time of requests with known tokens.
    Warm,
    /// CPU time of requests with tokens that were never seen.
    Fresh,
    /// Added latency at a fixed rate.
    Latency,
    /// What reloads add to the wait of requests.
    Reload,
    /// CPU time of decisions for a gateway, against proxied requests.
    Filter,
    /// CPU time of requests under TLS, against plain ones.
    Tls,
    /// Memory of idle relayed sockets.
    Sockets,
    /// Round trips and CPU time of messages on logged-in sockets.
    Ddp,
    /// Thousands of logins on sockets at once.
    Logins,
    /// Memory of idle logged-in sockets.
    Idle,
    /// What a session store costs warm and first requests.
    Stores,
    /// Memory of many sessions, and their end all at once.
    Many,
    /// A file with many sessions, and the start with it.
    File,
}

impl Part {
    const ALL: [(&'static str, Self); 15] = [
        ("start", Self::Start),
        ("memory", Self::Memory),
        ("warm", Self::Warm),
        ("fresh", Self::Fresh),
        ("latency", Self::Latency),
        ("reload", Self::Reload),
        ("filter", Self::Filter),
        ("tls", Self::Tls),
        ("sockets", Self::Sockets),
        ("ddp", Self::Ddp),
        ("logins", Self::Logins),
        ("idle", Self::Idle),
        ("stores", Self::Stores),
        ("many", Self::Many),
        ("file", Self::File),
    ];

    /// The parts of these names; without names, all.
    pub(crate) fn named(names: &[String]) -> anyhow::Result<Vec<Self>> {
        if names.is_empty() {
            return Ok(Self::ALL.iter().map(|(_, part)| *part).collect());
        }
        let find = |wanted: &String| {
            Self::ALL
                .iter()
                .find_map(|(name, part)| (name == wanted).then_some(*part))
                .with_context(|| {
                    let known = Self::ALL.map(|(name, _)| name).join(", ");
                    format!("no part is called {wanted}; there are {known}")
                })
        };
        names.iter().map(find).collect()
    }

    /// Does it put requests on one kept process?
    pub(crate) fn is_under_load(self) -> bool {
        matches!(
            self,
            Self::Memory | Self::Warm | Self::Fresh | Self::Latency
        )
    }
}
