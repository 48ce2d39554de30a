//! The reference of `docs/configuration.md`: its tables say what the schema says, so neither can have a key that the other lacks.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::config::file::derived;
use crate::config::schema;

/// The tables of a section stand between these two, with the section's name in the first.
const BEGIN: &str = "<!-- keys: ";
const END: &str = "<!-- end of keys -->";

#[test]
fn the_reference_has_exactly_the_keys_of_the_schema() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let written = std::fs::read_to_string(path).expect("the reference");
    let right = with_tables(&written);
    if written != right {
        let proposal = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/configuration.md");
        std::fs::write(proposal, right).expect("a file");
        panic!(
            "docs/configuration.md is not what the schema says; target/configuration.md is, copy it over"
        );
    }
}

#[test]
fn the_schema_is_the_one_of_the_types() {
    let (derived, kept) = (derived(), schema());
    if derived != kept {
        let proposal = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/schema.json");
        std::fs::write(proposal, format!("{derived:#}\n")).expect("a file");
        panic!(
            "src/config/schema.json is not what the types say; target/schema.json is, copy it over"
        );
    }
}

#[test]
fn every_key_is_described() {
    let mut rows = Vec::new();
    for (name, section) in sections() {
        collect(&name, &section, &mut rows);
    }
    assert!(rows.len() > 60);
    for row in rows {
        assert!(
            row.meaning.ends_with(['.', '?']),
            "{}: {:?}",
            row.key,
            row.meaning
        );
    }
}

/// The text with every table made anew; sections that it lacks are put at its end.
fn with_tables(text: &str) -> String {
    let mut right = text.to_owned();
    for (name, section) in sections() {
        let begin = format!("{BEGIN}{name} -->\n");
        let table = format!("{begin}\n{}\n{END}\n", table(&name, &section));
        let found = right.find(&begin).and_then(|from| {
            let length = right.get(from..)?.find(END)?;
            Some(from..from + length + END.len() + 1)
        });
        match found {
            Some(range) if range.end <= right.len() => right.replace_range(range, &table),
            _ => right.push_str(&table),
        }
    }
    right
}

fn sections() -> Vec<(String, Value)> {
    let schema = derived();
    let properties = schema["properties"].as_object().expect("sections");
    properties
        .iter()
        .map(|(name, section)| (name.clone(), section.clone()))
        .collect()
}

/// What the reference tells of a key.
struct Row {
    key: String,
    default: String,
    meaning: String,
}

fn collect(key: &str, schema: &Value, rows: &mut Vec<Row>) {
    if let Some(keys) = schema["properties"].as_object() {
        for (name, schema) in keys {
            collect(&format!("{key}.{name}"), schema, rows);
        }
    } else if schema["items"]["properties"].is_object() {
        collect(&format!("{key}[0]"), &schema["items"], rows);
    } else {
        rows.push(Row {
            key: key.to_owned(),
            default: default(&schema["default"]),
            meaning: schema["description"]
                .as_str()
                .unwrap_or_default()
                .replace('\n', " "),
        });
    }
}

fn default(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) if text.is_empty() => "empty".to_owned(),
        Value::String(text) => format!("`{text}`"),
        Value::Array(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|entry| entry.as_str().unwrap_or_default().to_owned())
                .collect();
            format!("`[{}]`", entries.join(", "))
        }
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => format!("`{value}`"),
    }
}

fn table(name: &str, section: &Value) -> String {
    let mut rows = Vec::new();
    collect(name, section, &mut rows);
    let mut table = "| key and variable | default | meaning |\n|---|---|---|\n".to_owned();
    for Row {
        key,
        default,
        meaning,
    } in rows
    {
        let variable = key
            .replace('[', "__")
            .replace(']', "")
            .replace('.', "__")
            .to_uppercase();
        let key = key.replace("[0]", "[]");
        let meaning = meaning.replace('|', "\\|");
        writeln!(
            table,
            "| `{key}`<br>`GANTRY_{variable}` | {default} | {meaning} |"
        )
        .expect("text");
    }
    table
}
