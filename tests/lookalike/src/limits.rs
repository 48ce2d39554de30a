//! The REST rate limiter: so many calls per window for each client address, route and method (RC §5.1, §5.2).

use std::collections::HashMap;

use axum::http::{HeaderMap, HeaderValue, Method};

use crate::settings::Settings;

/// What one bucket is counted by.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    address: String,
    route: String,
    method: Method,
}

struct Bucket {
    calls: u32,
    ends_at: i64,
}

/// All buckets; gone with a restart, as RC keeps them in memory.
#[derive(Default)]
pub(crate) struct Limits {
    buckets: HashMap<Key, Bucket>,
}

/// What is left in a bucket after a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quota {
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    /// Milliseconds since the epoch.
    pub(crate) reset: i64,
    pub(crate) exceeded: bool,
}

impl Quota {
    /// The three headers every limited answer carries.
    pub(crate) fn write(self, headers: &mut HeaderMap) {
        headers.insert("x-ratelimit-limit", HeaderValue::from(self.limit));
        headers.insert("x-ratelimit-remaining", HeaderValue::from(self.remaining));
        headers.insert("x-ratelimit-reset", HeaderValue::from(self.reset));
    }

    /// Whole seconds to wait, as the text of the 429 says it.
    pub(crate) fn seconds(self, now: i64) -> i64 {
        (self.reset - now).max(0).div_euclid(1000) + i64::from((self.reset - now) % 1000 > 0)
    }
}

impl Limits {
    /// Counts a call; `None` where the route is not limited.
    pub(crate) fn count(
        &mut self,
        settings: &Settings,
        address: &str,
        route: (&Method, &str),
        now: i64,
    ) -> Option<Quota> {
        let (method, route) = route;
        if !settings.on("API_Enable_Rate_Limiter") {
            return None;
        }
        let (limit, window) = rule(settings, route)?;
        let key = Key {
            address: address.to_owned(),
            route: route.to_owned(),
            method: method.clone(),
        };
        let bucket = self.buckets.entry(key).or_insert(Bucket {
            calls: 0,
            ends_at: now + window,
        });
        if bucket.ends_at <= now {
            *bucket = Bucket {
                calls: 0,
                ends_at: now + window,
            };
        }
        bucket.calls = bucket.calls.saturating_add(1);
        Some(Quota {
            limit,
            remaining: limit.saturating_sub(bucket.calls),
            reset: bucket.ends_at,
            exceeded: bucket.calls > limit,
        })
    }

    /// Forgets every bucket.
    pub(crate) fn clear(&mut self) {
        self.buckets.clear();
    }
}

/// Calls and window in milliseconds for a route; `None` where it is exempt.
fn rule(settings: &Settings, route: &str) -> Option<(u32, i64)> {
    let name = route
        .rsplit_once("/api/v1/")
        .map_or(route, |(_, name)| name);
    if name.starts_with("method.call") || name.starts_with("gantry-test.") {
        return None;
    }
    let number = |id| u32::try_from(settings.whole(id)).unwrap_or(0);
    Some(match name {
        "users.register" => (number("Rate_Limiter_Limit_RegisterUser"), 60_000),
        "users.updateOwnBasicInfo" | "users.sendConfirmationEmail" => (1, 60_000),
        "users.setStatus" => (5, 60_000),
        "directory" | "spotlight" => (100, 100_000),
        "loginCode.redeem" => (10, 60_000),
        _ => (
            number("API_Enable_Rate_Limiter_Limit_Calls_Default"),
            settings.whole("API_Enable_Rate_Limiter_Limit_Time_Default"),
        ),
    })
}
