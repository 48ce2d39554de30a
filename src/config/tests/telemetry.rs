//! Section `telemetry`: the collector of traces, and what it is shown.

use std::fs;

use super::{LEAST, good, mistakes};
use crate::config::telemetry::OtlpProtocol;
use crate::config::{Config, Environment};

fn with(telemetry: &str) -> String {
    format!("{LEAST}\ntelemetry: {{ {telemetry} }}\n")
}

fn refused(telemetry: &str, expected: &str) {
    let lines = mistakes(&with(telemetry), &[]);
    assert!(
        lines.len() == 1 && lines[0].contains(expected),
        "{telemetry}: {lines:#?}"
    );
}

#[test]
fn there_are_no_traces_unless_a_collector_is_named() {
    assert!(good(LEAST, &[]).telemetry.traces.is_none());
    assert!(
        good(&with("sample_ratio: 0.5"), &[])
            .telemetry
            .traces
            .is_none()
    );
    assert!(good(LEAST, &[]).telemetry.audit);
}

#[test]
fn a_collector_over_http_takes_traces_at_their_own_path() {
    for (endpoint, expected) in [
        ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
        (
            "https://a.example/otlp/",
            "https://a.example/otlp/v1/traces",
        ),
        ("https://a.example/v1/traces", "https://a.example/v1/traces"),
    ] {
        let text = with(&format!(
            "otlp_endpoint: \"{endpoint}\", otlp_protocol: http"
        ));
        let traces = good(&text, &[]).telemetry.traces.expect("traces");
        assert_eq!(traces.endpoint.as_str(), expected);
        assert_eq!(traces.protocol, OtlpProtocol::Http);
    }
}

#[test]
fn what_cannot_be_is_said() {
    let no_url = "telemetry.otlp_endpoint: \"127.0.0.1:4317\" should be an http or https URL";
    refused("otlp_endpoint: \"127.0.0.1:4317\"", no_url);
    for url in [
        "ftp://a",
        "http://user@a",
        "http://a?b",
        "http://a#b",
        "unix:/a",
    ] {
        refused(
            &format!("otlp_endpoint: \"{url}\""),
            "should be an http or https URL",
        );
    }
    refused(
        "otlp_endpoint: \"http://a/v1/traces\"",
        "telemetry.otlp_endpoint: has a path, which gRPC has no use for",
    );
    for ratio in ["-0.1", "1.1"] {
        refused(
            &format!("sample_ratio: {ratio}"),
            "telemetry.sample_ratio: ",
        );
    }
    refused(
        "service_name: \"\"",
        "telemetry.service_name: should be a name",
    );
}

#[test]
fn the_headers_file_is_read_and_its_mistakes_name_the_line_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("gantry.yaml");
    let text = with("otlp_endpoint: \"http://a:4317\", otlp_headers_file: fields");
    fs::write(&file, text).expect("a file");
    let load = |fields: &str| {
        fs::write(directory.path().join("fields"), fields).expect("a file");
        Config::load(Some(&file), &Environment::default())
    };
    let config = load("authorization: Bearer abc\n\nx-tenant: 7\n").expect("a configuration");
    let traces = config.telemetry.traces.expect("traces");
    assert_eq!(traces.headers["authorization"], "Bearer abc");
    assert_eq!(traces.headers["x-tenant"], "7");
    assert!(!format!("{traces:?}").contains("abc"));
    assert!(
        config
            .warnings
            .iter()
            .any(|warning| warning.to_string().contains("plain http"))
    );
    for odd in [
        "a: b\nhunter2",
        "a: b\nhunt er2: c",
        "a: b\nc: hunter2\u{7}",
    ] {
        let mistakes = load(odd).expect_err("a mistake").to_string();
        assert!(
            mistakes.contains("telemetry.otlp_headers_file: line 2 of the file"),
            "{mistakes}"
        );
        assert!(!mistakes.contains("er2"), "{mistakes}");
    }
}
