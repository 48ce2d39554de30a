//! Tests of the whole way from text and environment to the checked configuration.

use super::{Config, Environment};

mod examples;
mod filter;
mod hostile;
mod layers;
mod mistakes;
mod reference;
mod secrets;
mod stores;
mod table;
mod telemetry;
mod tls;
mod together;

/// The least that is accepted.
const LEAST: &str = "\
listen:
  public_url: https://chat.example.com
rocketchat:
  service_account: { user_id: gantry, auth_token: not-to-be-shown }
issuers:
  - issuer: https://app.example.com
    audiences: [chat]
    algorithms: [RS256]
    jwks_url: https://app.example.com/jwks.json
";

/// The configuration of `text`, which must be right.
fn good(text: &str, variables: &[(&str, &str)]) -> Config {
    Config::parse(text, &Environment::of(variables.iter().copied()))
        .unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

/// The mistakes of `text`, one line each.
fn mistakes(text: &str, variables: &[(&str, &str)]) -> Vec<String> {
    match Config::parse(text, &Environment::of(variables.iter().copied())) {
        Ok(_) => Vec::new(),
        Err(mistakes) => mistakes.iter().map(ToString::to_string).collect(),
    }
}
