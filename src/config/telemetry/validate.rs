//! Checks section `telemetry`: the collector's URL, what is shown to it, and the share of traces.

use http::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::{
    FormatWord, LevelWord, LogFormat, OtlpProtocol, ProtocolWord, Telemetry, TelemetryFile, Traces,
};
use crate::config::key::Key;
use crate::config::validation::{Checked, Validation};

/// Where traces are taken over HTTP, below an endpoint (OTLP specification 1.9, "OTLP/HTTP Request").
const TRACES_PATH: &str = "/v1/traces";

/// Most bytes of a service's name: it goes along with every batch.
const LONGEST_NAME: usize = 255;

impl TelemetryFile {
    /// Checks the section at `key`.
    pub(in crate::config) fn validate(
        &self,
        validation: &mut Validation<'_>,
        key: &Key,
    ) -> Checked<Telemetry> {
        let traces = self.traces(validation, key)?;
        Ok(Telemetry {
            format: match self.log.format {
                FormatWord::Json => LogFormat::Json,
                FormatWord::Text => LogFormat::Text,
            },
            level: match self.log.level {
                LevelWord::Error => tracing::Level::ERROR,
                LevelWord::Warn => tracing::Level::WARN,
                LevelWord::Info => tracing::Level::INFO,
                LevelWord::Debug => tracing::Level::DEBUG,
            },
            audit: self.log.audit,
            traces,
        })
    }

    fn traces(&self, validation: &mut Validation<'_>, key: &Key) -> Checked<Option<Traces>> {
        let sample_ratio = if (0.0..=1.0).contains(&self.sample_ratio) {
            Ok(self.sample_ratio)
        } else {
            let problem = format!("{} should be from 0 to 1", self.sample_ratio);
            Err(validation.mistake(&key.field("sample_ratio"), problem))
        };
        let service_name = self.service_name.trim();
        let service_name = if service_name.is_empty() || service_name.len() > LONGEST_NAME {
            let problem = "should be a name of at most 255 bytes";
            Err(validation.mistake(&key.field("service_name"), problem))
        } else {
            Ok(service_name.to_owned())
        };
        if self.otlp_endpoint.is_empty() {
            if self.otlp_headers_file.is_some() {
                let at = key.field("otlp_headers_file");
                validation.warn(&at, "has no effect without `telemetry.otlp_endpoint`");
            }
            sample_ratio?;
            service_name?;
            return Ok(None);
        }
        let protocol = match self.otlp_protocol {
            ProtocolWord::Grpc => OtlpProtocol::Grpc,
            ProtocolWord::Http => OtlpProtocol::Http,
        };
        let endpoint = self.endpoint(validation, &key.field("otlp_endpoint"), protocol);
        let headers = self.headers(validation, key);
        let traces = Traces {
            endpoint: endpoint?,
            protocol,
            headers: headers?,
            sample_ratio: sample_ratio?,
            service_name: service_name?,
        };
        if traces.endpoint.scheme() == "http" && !traces.headers.is_empty() {
            let advice = "what it holds goes to the collector over plain http; use https unless nobody else reads there";
            validation.warn(&key.field("otlp_headers_file"), advice);
        }
        Ok(Some(traces))
    }

    fn endpoint(
        &self,
        validation: &mut Validation<'_>,
        key: &Key,
        protocol: OtlpProtocol,
    ) -> Checked<Url> {
        let wanted =
            "an http or https URL such as http://127.0.0.1:4317, without user, query and fragment";
        let mut url = validation.parse(key, &self.otlp_endpoint, wanted, |text| {
            let url = Url::parse(text).ok()?;
            let fits = matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
                && url.fragment().is_none();
            fits.then_some(url)
        })?;
        match protocol {
            OtlpProtocol::Grpc if url.path() != "/" => {
                let problem = "has a path, which gRPC has no use for; take it out, or set `otlp_protocol: http`";
                return Err(validation.mistake(key, problem));
            }
            OtlpProtocol::Grpc => {}
            OtlpProtocol::Http => {
                let below = url.path().trim_end_matches('/');
                let below = below.strip_suffix(TRACES_PATH).unwrap_or(below);
                let path = format!("{below}{TRACES_PATH}");
                url.set_path(&path);
            }
        }
        Ok(url)
    }

    /// The fields of the file; its text is a secret as a whole.
    fn headers(&self, validation: &mut Validation<'_>, key: &Key) -> Checked<HeaderMap> {
        let mut headers = HeaderMap::new();
        let given = (&None, &self.otlp_headers_file);
        let Some(text) = validation.secret(key, "otlp_headers", given)? else {
            return Ok(headers);
        };
        for (index, line) in text.reveal().lines().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            let Some((name, value)) = field(line) else {
                // Which line, never what stands there.
                let problem = format!(
                    "line {} of the file should be a field such as `authorization: Bearer abc`",
                    index + 1
                );
                return Err(validation.mistake(&key.field("otlp_headers_file"), problem));
            };
            headers.append(name, value);
        }
        Ok(headers)
    }
}

fn field(line: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = line.split_once(':')?;
    let name = HeaderName::try_from(name.trim()).ok()?;
    let mut value = HeaderValue::from_str(value.trim()).ok()?;
    value.set_sensitive(true);
    Some((name, value))
}
