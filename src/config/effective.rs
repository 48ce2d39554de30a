//! Shows the effective configuration as YAML: defaults, file and environment laid together, secrets as `[redacted]`.

use serde_json::Value;
use yaml_rust2::yaml::Hash;
use yaml_rust2::{Yaml, YamlEmitter};

use super::file::File;

/// The configuration as a file that would give the same again, once its secrets are put back.
pub(super) fn show(file: &File) -> String {
    // Every part writes itself as plain data, so nothing of this can fail.
    let yaml = yaml(&serde_json::to_value(file).unwrap_or_default());
    let mut text = String::new();
    let mut emitter = YamlEmitter::new(&mut text);
    if emitter.dump(&yaml).is_err() {
        text.clear();
    }
    let mut text = text.trim_start_matches("---\n").to_owned();
    text.push('\n');
    text
}

fn yaml(value: &Value) -> Yaml {
    match value {
        Value::Null => Yaml::Null,
        Value::Bool(switch) => Yaml::Boolean(*switch),
        Value::Number(number) => number
            .as_i64()
            .map_or_else(|| Yaml::Real(number.to_string()), Yaml::Integer),
        Value::String(text) => Yaml::String(text.clone()),
        Value::Array(entries) => Yaml::Array(entries.iter().map(yaml).collect()),
        Value::Object(entries) => {
            let entries = entries
                .iter()
                .map(|(name, value)| (Yaml::String(name.clone()), yaml(value)));
            Yaml::Hash(entries.collect::<Hash>())
        }
    }
}
