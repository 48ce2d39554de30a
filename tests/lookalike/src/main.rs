//! The lookalike as a program: listens, prints where and with which service account, and ends on Ctrl-C.

use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::Parser;
use lookalike::{CreateToken, Lookalike, Manner, NewUser, Options};
use serde_json::Value;

/// A Rocket.Chat that behaves as the contract says; for tests only.
#[derive(Parser)]
struct Arguments {
    /// The address to listen on.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    address: IpAddr,
    /// The port to listen on; 0 takes a free one.
    #[arg(long, default_value_t = 3000)]
    port: u16,
    /// The version to behave as, such as 6.13, 7, 8.0 or 8.7.
    #[arg(long, default_value = "8.7", value_parser = manner)]
    manner: Manner,
    /// The shared secret of users.createToken, from 8.0.
    #[arg(long)]
    secret: Option<String>,
    /// The public URL; its path part prefixes every route.
    #[arg(long)]
    root_url: Option<String>,
    /// Switches the rate limiter off.
    #[arg(long)]
    unlimited: bool,
    /// Writes every token to this file as it is made.
    #[arg(long)]
    tokens_file: Option<PathBuf>,
    /// Puts a user in, whose password is the name with `-password` behind it; may be given several times.
    #[arg(long = "person", value_name = "NAME")]
    people: Vec<String>,
    /// Puts an administrator in, as somebody's first start of a workspace does; may be given several times.
    #[arg(long = "admin", value_name = "NAME=PASSWORD", value_parser = admin)]
    admins: Vec<(String, String)>,
    /// Grants the role of bots nothing that it does not hold in a fresh workspace.
    #[arg(long)]
    bare: bool,
    /// Changes a setting; the value is JSON. May be given several times.
    #[arg(long = "setting", value_name = "ID=JSON", value_parser = setting)]
    settings: Vec<(String, Value)>,
    /// Remembers the requests received, at the cost of memory and time.
    #[arg(long)]
    record: bool,
}

fn admin(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=');
    let (name, password) = pair.ok_or_else(|| format!("{text} is no NAME=PASSWORD"))?;
    Ok((name.to_owned(), password.to_owned()))
}

fn setting(text: &str) -> Result<(String, Value), String> {
    let (id, value) = text
        .split_once('=')
        .ok_or_else(|| format!("{text} is no ID=JSON"))?;
    let value = serde_json::from_str(value).map_err(|error| format!("{value}: {error}"))?;
    Ok((id.to_owned(), value))
}

fn manner(version: &str) -> Result<Manner, String> {
    Manner::of_version(version).ok_or_else(|| format!("{version} is no version from 6 on"))
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    let options = Options {
        address: SocketAddr::new(arguments.address, arguments.port),
        create_token: arguments
            .secret
            .map_or_else(CreateToken::default, CreateToken::Secret),
        root_url: arguments.root_url,
        rate_limiter: !arguments.unlimited,
        tokens_file: arguments.tokens_file,
        ..Options::new(arguments.manner)
    };
    let rc = Lookalike::start(options).await?;
    rc.set_recording(arguments.record);
    for name in &arguments.people {
        rc.add_user(NewUser {
            password: Some(format!("{name}-password")),
            ..NewUser::new(name)
        });
    }
    for (name, password) in arguments.admins {
        rc.add_user(NewUser {
            password: Some(password),
            roles: vec!["admin".to_owned()],
            ..NewUser::new(&name)
        });
    }
    if arguments.bare {
        rc.revoke_grants();
    }
    for (id, value) in arguments.settings {
        rc.set_setting(&id, value);
    }
    let mut out = io::stdout();
    writeln!(out, "url: {}", rc.url())?;
    writeln!(out, "user_id: {}", rc.service_user_id())?;
    writeln!(out, "token: {}", rc.service_token())?;
    writeln!(out, "username: {}", rc.service_username())?;
    writeln!(out, "password: {}", rc.service_password())?;
    out.flush()?;
    tokio::signal::ctrl_c().await?;
    rc.stop().await;
    Ok(())
}
