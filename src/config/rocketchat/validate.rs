//! Checks section `rocketchat`: the URL, exactly one kind of service account, and the secrets that the way of minting needs.

use std::time::Duration;

use data_encoding::BASE32_NOPAD;
use url::Url;

use super::{
    LEAST_PASSWORD_KEY, Mint, MintWord, Minting, MintingFile, Regime, RocketChat, RocketChatFile,
    ServiceAccount, ServiceAccountFile, Timeouts, TimeoutsFile, VersionSetting, VersionWord,
};
use crate::config::key::Key;
use crate::config::validation::{Checked, Mistaken, Validation};
use crate::secret::Secret;

impl RocketChatFile {
    /// Checks the section at `key`.
    pub(in crate::config) fn validate(
        &self,
        validation: &mut Validation<'_>,
        key: &Key,
    ) -> Checked<RocketChat> {
        let url = self.upstream(validation, &key.field("url"));
        let tls = match &url {
            Ok(url) => self.tls.validate(validation, &key.field("tls"), url),
            Err(_) => Err(Mistaken),
        };
        let service_account = self
            .service_account
            .validate(validation, &key.field("service_account"));
        let create_token_secret = validation.secret(
            key,
            "create_token_secret",
            (&self.create_token_secret, &self.create_token_secret_file),
        );
        let version = VersionSetting::from(self.version);
        let secret_is_missing = matches!(create_token_secret, Ok(None));
        let needs_secret = self.mint == MintWord::CreateToken
            && matches!(
                version,
                VersionSetting::Fixed(Regime::Secret | Regime::SecretAndPermission)
            );
        let create_token_secret = if needs_secret && secret_is_missing {
            let advice = "Rocket.Chat 8.0 and later mint tokens only with the value of their \
                          CREATE_TOKENS_FOR_USERS_SECRET; give it or the file that holds it";
            Err(validation.missing(&key.field("create_token_secret"), advice))
        } else {
            create_token_secret
        };
        let mint = self.mint(validation, key);
        let timeouts = self.timeouts.validate(validation, &key.field("timeouts"));
        let minting = self.minting.validate(validation, &key.field("minting"));
        Ok(RocketChat {
            url: url?,
            tls: tls?,
            service_account: service_account?,
            create_token_secret: create_token_secret?,
            version,
            mint: mint?,
            timeouts: timeouts?,
            minting: minting?,
        })
    }

    fn upstream(&self, validation: &mut Validation<'_>, key: &Key) -> Checked<Url> {
        let wanted = "a URL such as http://127.0.0.1:3000, without path, query and user";
        validation.parse(key, &self.url, wanted, |text| {
            let url = Url::parse(text).ok()?;
            let plain = matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.path() == "/"
                && url.query().is_none()
                && url.fragment().is_none()
                && url.username().is_empty()
                && url.password().is_none();
            plain.then_some(url)
        })
    }

    fn mint(&self, validation: &mut Validation<'_>, key: &Key) -> Checked<Mint> {
        let given = (&self.password_key, &self.password_key_file);
        let password_key = validation.secret(key, "password_key", given)?;
        let at = key.field(if self.password_key_file.is_some() {
            "password_key_file"
        } else {
            "password_key"
        });
        match (self.mint, password_key) {
            (MintWord::CreateToken, None) => Ok(Mint::CreateToken),
            (MintWord::CreateToken, Some(_)) => {
                validation.warn(&at, "has no effect unless `rocketchat.mint` is `password`");
                Ok(Mint::CreateToken)
            }
            (MintWord::Password, None) => {
                let advice =
                    "`mint: password` derives passwords from it; give 32 random bytes or more";
                Err(validation.missing(&at, advice))
            }
            (MintWord::Password, Some(key)) if key.reveal().len() < LEAST_PASSWORD_KEY => {
                let problem = format!("should be at least {LEAST_PASSWORD_KEY} bytes long");
                Err(validation.mistake(&at, problem))
            }
            (MintWord::Password, Some(key)) => Ok(Mint::Password { key }),
        }
    }
}

impl ServiceAccountFile {
    fn validate(&self, validation: &mut Validation<'_>, key: &Key) -> Checked<ServiceAccount> {
        let token = validation.secret(key, "auth_token", (&self.auth_token, &self.auth_token_file));
        let password = validation.secret(key, "password", (&self.password, &self.password_file));
        let totp = validation.secret(
            key,
            "totp_secret",
            (&self.totp_secret, &self.totp_secret_file),
        );
        let by_token = self.user_id.is_some() || !matches!(token, Ok(None));
        let by_password =
            self.username.is_some() || !matches!(password, Ok(None)) || !matches!(totp, Ok(None));
        match (by_token, by_password) {
            (true, true) => {
                let problem = "give either `user_id` with `auth_token`, or `username` with `password`, not parts of both";
                Err(validation.mistake(key, problem))
            }
            (false, false) => {
                let advice =
                    "give `user_id` with `auth_token_file`, or `username` with `password_file`";
                Err(validation.missing(key, advice))
            }
            (true, false) => {
                let user_id = named(validation, &key.field("user_id"), self.user_id.as_deref());
                let auth_token = needed(validation, &key.field("auth_token"), token);
                Ok(ServiceAccount::Token {
                    user_id: user_id?,
                    auth_token: auth_token?,
                })
            }
            (false, true) => {
                let username = named(validation, &key.field("username"), self.username.as_deref());
                let password = needed(validation, &key.field("password"), password);
                let totp_secret = match totp {
                    Ok(Some(secret)) => {
                        let file = self.totp_secret_file.is_some();
                        let name = if file {
                            "totp_secret_file"
                        } else {
                            "totp_secret"
                        };
                        base32(validation, &key.field(name), &secret).map(Some)
                    }
                    Ok(None) => Ok(None),
                    Err(mistaken) => Err(mistaken),
                };
                Ok(ServiceAccount::Password {
                    username: username?,
                    password: password?,
                    totp_secret: totp_secret?,
                })
            }
        }
    }
}

/// A name that must be there.
fn named(validation: &mut Validation<'_>, key: &Key, name: Option<&str>) -> Checked<String> {
    match name {
        None => Err(validation.missing(key, "the other half of the service account is given")),
        Some(name) => validation.parse(key, name, "a name without spaces", |name| {
            let odd = |c: char| c.is_whitespace() || c.is_control();
            (!name.is_empty() && !name.contains(odd)).then(|| name.to_owned())
        }),
    }
}

/// A secret that must be there.
fn needed(
    validation: &mut Validation<'_>,
    key: &Key,
    secret: Checked<Option<Secret>>,
) -> Checked<Secret> {
    secret?.ok_or_else(|| {
        validation.missing(
            key,
            "give it here, or the path of its file in the key that ends in `_file`",
        )
    })
}

/// The secret of one-time codes in the one form that decoders take: capitals, no blanks, no padding.
fn base32(validation: &mut Validation<'_>, key: &Key, secret: &Secret) -> Checked<Secret> {
    let mut text = secret.reveal().to_ascii_uppercase();
    text.retain(|c| !c.is_whitespace() && c != '=' && c != '-');
    if text.is_empty() || BASE32_NOPAD.decode(text.as_bytes()).is_err() {
        let Mistaken = validation.mistake(
            key,
            "should be the Base32 text that the authenticator app was given",
        );
        return Err(Mistaken);
    }
    Ok(Secret::new(text))
}

impl TimeoutsFile {
    fn validate(&self, validation: &mut Validation<'_>, key: &Key) -> Checked<Timeouts> {
        let mut read =
            |name: &str, text| -> Checked<Duration> { validation.duration(&key.field(name), text) };
        let connect = read("connect", &self.connect);
        let call = read("call", &self.call);
        let response_header = read("response_header", &self.response_header);
        Ok(Timeouts {
            connect: connect?,
            call: call?,
            response_header: response_header?,
        })
    }
}

impl MintingFile {
    fn validate(&self, validation: &mut Validation<'_>, key: &Key) -> Checked<Minting> {
        let queue_timeout =
            validation.duration(&key.field("queue_timeout"), &self.queue_timeout)?;
        Ok(Minting {
            concurrency: self.concurrency,
            queue: self.queue,
            queue_timeout,
        })
    }
}

impl From<VersionWord> for VersionSetting {
    fn from(word: VersionWord) -> Self {
        match word {
            VersionWord::Auto => Self::Auto,
            VersionWord::Six | VersionWord::Seven => Self::Fixed(Regime::NoSecret),
            VersionWord::Eight => Self::Fixed(Regime::Secret),
            VersionWord::EightSeven => Self::Fixed(Regime::SecretAndPermission),
        }
    }
}
