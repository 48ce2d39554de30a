//! Section `filter`: on only where somebody may ask and shows what clients cannot.

use super::{LEAST, good, mistakes};

const KEY: &str = "0123456789abcdef0123456789abcdef";

/// What turns it on.
fn on(more: &'static str) -> Vec<(&'static str, &'static str)> {
    let mut variables = vec![
        ("GANTRY_FILTER__ENABLED", "true"),
        ("GANTRY_FILTER__SECRET", KEY),
        ("GANTRY_LISTEN__TRUSTED_PROXIES__0", "10.0.0.0/8"),
    ];
    if !more.is_empty() {
        variables.push(("GANTRY_FILTER__GRPC_ADDRESS", more));
    }
    variables
}

#[track_caller]
fn check(variables: &[(&str, &str)], expected: &str) {
    let lines = mistakes(LEAST, variables);
    assert!(
        lines.iter().any(|line| line.contains(expected)),
        "{lines:#?}"
    );
}

#[test]
fn it_is_off_unless_it_is_turned_on() {
    assert!(good(LEAST, &[]).filter.is_none());
    let config = good(LEAST, &[("GANTRY_FILTER__GRPC_ADDRESS", "127.0.0.1:9191")]);
    assert!(config.filter.is_none());
    assert!(
        config.warnings[0]
            .problem
            .contains("`filter.enabled` is false")
    );
    let filter = good(LEAST, &on("")).filter.expect("a filter");
    assert_eq!(filter.secret.reveal(), KEY);
    assert_eq!(filter.grpc_address, None);
    let filter = good(LEAST, &on("[::1]:9191")).filter.expect("a filter");
    assert_eq!(filter.grpc_address, "[::1]:9191".parse().ok());
}

#[test]
fn it_needs_a_secret_that_nobody_guesses() {
    let without: Vec<_> = on("")
        .into_iter()
        .filter(|(name, _)| !name.contains("SECRET"))
        .collect();
    check(&without, "filter.secret: missing");
    for (secret, expected) in [
        ("short", "at least 32 characters"),
        ("0123456789abcdef 0123456789abcdef", "should be of letters"),
        ("0123456789abcdef&0123456789abcdef", "should be of letters"),
        ("0123456789abcdef%0123456789abcdef", "should be of letters"),
        ("0123456789abcdef#0123456789abcdef", "should be of letters"),
    ] {
        let mut variables = without.clone();
        variables.push(("GANTRY_FILTER__SECRET", secret));
        check(&variables, expected);
    }
}

#[test]
fn it_needs_somebody_who_may_ask() {
    let nobody: Vec<_> = on("")
        .into_iter()
        .filter(|(name, _)| !name.contains("TRUSTED"))
        .collect();
    check(&nobody, "listen.trusted_proxies");
}

#[test]
fn its_address_is_one_and_no_other_listeners() {
    check(
        &on("nowhere"),
        "filter.grpc_address: \"nowhere\" should be an IP address",
    );
    check(&on("127.0.0.1:8080"), "has the port of `listen.address`");
    check(&on("127.0.0.1:9090"), "has the port of `admin.address`");
}
