//! Checks `sessions.redis`: exactly one way to it, passwords once, and TLS files that are what they should be.

use std::path::{Path, PathBuf};

use super::url::Said;
use super::{Node, Reach, Redis, RedisFile, Sentinel, SentinelFile, Tls, TlsFile};
use crate::config::files;
use crate::config::key::Key;
use crate::config::validation::{Checked, Mistaken, Validation};
use crate::config::walk::quoted;
use crate::secret::Secret;

/// Longest `key_prefix`: keys are short, and their prefix is paid for with each.
const LONGEST_PREFIX: usize = 32;

/// Most bytes of a PEM file: hundreds of authorities.
const LARGEST_PEM: u64 = 1024 * 1024;

/// What a node should be.
const NODE: &str = "a host with a port, such as redis-1:6379 or [fd00::1]:6379";

impl RedisFile {
    /// Checks the keys at `key`.
    pub(in crate::config) fn validate(
        &self,
        validation: &mut Validation<'_>,
        key: &Key,
    ) -> Checked<Redis> {
        let said = self.said(validation, &key.field("url"));
        let password = validation.secret(key, "password", (&self.password, &self.password_file));
        let nodes = validation.each(&key.field("nodes"), &self.nodes, NODE, node);
        let sentinel = self.sentinel.validate(validation, &key.field("sentinel"));
        let key_prefix = self.key_prefix(validation, &key.field("key_prefix"));
        let said = said?;
        let by_url = said.as_ref().is_some_and(|said| said.tls);
        let tls = self.tls.validate(validation, &key.field("tls"), by_url);
        let who = self.who(validation, key, (said.as_ref(), password?));
        let reach = self.reach(validation, key, (said, nodes?, sentinel?));
        let (username, password) = who?;
        Ok(Redis {
            reach: reach?,
            username,
            password,
            tls: tls?,
            key_prefix: key_prefix?,
        })
    }

    fn said(&self, validation: &mut Validation<'_>, key: &Key) -> Checked<Option<Said>> {
        let Some(url) = &self.url else {
            return Ok(None);
        };
        match url.said() {
            Some(said) => Ok(Some(said)),
            // Without the value: it may hold a password.
            None => Err(validation.mistake(
                key,
                "should be a URL such as redis://redis:6379/0, or rediss:// for TLS, without a query",
            )),
        }
    }

    /// The one way to Redis.
    fn reach(
        &self,
        validation: &mut Validation<'_>,
        key: &Key,
        given: (Option<Said>, Vec<Node>, Option<Sentinel>),
    ) -> Checked<Reach> {
        let at = |name: &str| key.field(name);
        match (self.cluster, given) {
            (false, (Some(said), nodes, None)) if nodes.is_empty() => Ok(Reach::Single {
                node: said.node,
                database: said.database,
            }),
            (false, (None, nodes, Some(sentinel))) if nodes.is_empty() => {
                Ok(Reach::Sentinel(sentinel))
            }
            (false, (None, nodes, None)) if nodes.is_empty() => Err(validation.missing(
                &at("url"),
                "give it for one server, or `cluster: true` with `nodes`, or `sentinel`",
            )),
            (false, (Some(_), _, Some(_))) => Err(validation.mistake(
                &at("sentinel"),
                "both `url` and `sentinel` are given; sentinels say themselves where the master is, so keep one",
            )),
            (false, _) => Err(validation.mistake(&at("nodes"), "goes with `cluster: true` only")),
            (true, (_, _, Some(_))) => Err(validation.mistake(
                &at("sentinel"),
                "both `cluster` and `sentinel` are given; keep one",
            )),
            (true, (Some(said), nodes, None)) => {
                if !nodes.is_empty() {
                    let problem = "both `url` and `nodes` are given; keep one";
                    return Err(validation.mistake(&at("nodes"), problem));
                }
                if said.database != 0 {
                    let problem = "names a database, and a cluster has but one; take it out";
                    return Err(validation.mistake(&at("url"), problem));
                }
                Ok(Reach::Cluster(vec![said.node]))
            }
            (true, (None, nodes, None)) => {
                if nodes.is_empty() {
                    let advice = "give at least one node of the cluster";
                    return Err(validation.missing(&at("nodes"), advice));
                }
                Ok(Reach::Cluster(nodes))
            }
        }
    }

    /// Name and password, from the URL or from the keys.
    fn who(
        &self,
        validation: &mut Validation<'_>,
        key: &Key,
        (said, password): (Option<&Said>, Option<Secret>),
    ) -> Checked<(Option<String>, Option<Secret>)> {
        let mut twice = |name: &str| {
            let problem = format!("`url` has a {name} too; keep one");
            let key = key.field(match (name, self.password_file.is_some()) {
                ("password", true) => "password_file",
                _ => name,
            });
            validation.mistake(&key, problem)
        };
        let said_name = said.and_then(|said| said.username.clone());
        let said_password = said.and_then(|said| said.password.clone());
        if said_name.is_some() && self.username.is_some() {
            return Err(twice("username"));
        }
        if said_password.is_some() && password.is_some() {
            return Err(twice("password"));
        }
        let username = self.username.clone().or(said_name);
        paired(validation, key, (username, password.or(said_password)))
    }

    fn key_prefix(&self, validation: &mut Validation<'_>, key: &Key) -> Checked<String> {
        let wanted = "1 to 32 printable ASCII characters, without blanks and braces";
        validation.parse(key, &self.key_prefix, wanted, |text| {
            // Braces say to a cluster which keys lie together, and that is ours to say.
            let fits = |c: char| c.is_ascii_graphic() && c != '{' && c != '}';
            let long = (1..=LONGEST_PREFIX).contains(&text.len());
            (long && text.chars().all(fits)).then(|| text.to_owned())
        })
    }
}

impl SentinelFile {
    fn validate(&self, validation: &mut Validation<'_>, key: &Key) -> Checked<Option<Sentinel>> {
        let password = validation.secret(key, "password", (&self.password, &self.password_file));
        let nodes = validation.each(&key.field("nodes"), &self.nodes, NODE, node);
        let (password, nodes) = (password?, nodes?);
        let untouched = self.service.is_none()
            && nodes.is_empty()
            && self.username.is_none()
            && password.is_none();
        if untouched {
            return Ok(None);
        }
        let service = match self.service.as_deref() {
            Some(service) if !service.is_empty() => Ok(service.to_owned()),
            Some(_) | None => {
                let advice = "give the name of the master that the sentinels watch";
                Err(validation.missing(&key.field("service"), advice))
            }
        };
        if nodes.is_empty() {
            let advice = "give at least one sentinel, such as [sentinel-1:26379]";
            return Err(validation.missing(&key.field("nodes"), advice));
        }
        let (username, password) = paired(validation, key, (self.username.clone(), password))?;
        Ok(Some(Sentinel {
            service: service?,
            nodes,
            username,
            password,
        }))
    }
}

impl TlsFile {
    fn validate(
        &self,
        validation: &mut Validation<'_>,
        key: &Key,
        by_url: bool,
    ) -> Checked<Option<Tls>> {
        let files = [
            ("ca_file", &self.ca_file),
            ("certificate_file", &self.certificate_file),
            ("key_file", &self.key_file),
        ];
        if !self.enabled && !by_url {
            let given = files.iter().find(|(_, file)| file.is_some());
            return match given {
                None => Ok(None),
                // Else a password would go over the network in the clear beside files that say otherwise.
                Some((name, _)) => Err(validation.mistake(
                    &key.field(name),
                    "goes with TLS only; write `tls.enabled: true` or a `rediss://` URL",
                )),
            };
        }
        let mut pem = |name: &str, file: &Option<PathBuf>, label: &str| {
            file.as_deref()
                .map(|file| pem(validation, &key.field(name), (file, label)))
                .transpose()
        };
        let ca_file = pem("ca_file", &self.ca_file, "CERTIFICATE");
        let certificate = pem("certificate_file", &self.certificate_file, "CERTIFICATE");
        let own_key = pem("key_file", &self.key_file, "PRIVATE KEY");
        let identity = validation.identity(key, (certificate?, own_key?))?;
        Ok(Some(Tls {
            ca_file: ca_file?,
            identity,
        }))
    }
}

/// A name is nothing without a password.
fn paired(
    validation: &mut Validation<'_>,
    key: &Key,
    (username, password): (Option<String>, Option<Secret>),
) -> Checked<(Option<String>, Option<Secret>)> {
    if username.is_some() && password.is_none() {
        let advice = "a username is given; give its password, best in `password_file`";
        return Err(validation.missing(&key.field("password"), advice));
    }
    Ok((username, password))
}

/// Where a PEM file lies that holds what `label` says.
fn pem(
    validation: &mut Validation<'_>,
    key: &Key,
    (file, label): (&Path, &str),
) -> Checked<PathBuf> {
    let shown = quoted(&file.to_string_lossy());
    let file = validation.read(file);
    let problem = match files::text(&file, LARGEST_PEM) {
        Err(error) => format!("cannot read {shown}: {error}"),
        Ok(text) if !text.contains("-----BEGIN ") || !text.contains(&format!("{label}-----")) => {
            format!("{shown} should hold a {} as PEM", label.to_lowercase())
        }
        Ok(_) => return Ok(file),
    };
    let Mistaken = validation.mistake(key, problem);
    Err(Mistaken)
}

fn node(text: &str) -> Option<Node> {
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port != 0)?;
    let bare = match host.strip_prefix('[') {
        Some(address) => address.strip_suffix(']')?,
        None if host.contains(':') => return None,
        None => host,
    };
    let odd = |c: char| !(c.is_ascii_alphanumeric() || ['-', '_', '.', ':', '%'].contains(&c));
    (!bare.is_empty() && !bare.contains(odd)).then(|| Node {
        host: bare.to_owned(),
        port,
    })
}
