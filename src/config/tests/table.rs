//! Configurations with one mistake each: its line, its key, and the mend that is told.

use super::LEAST;
use crate::config::{Config, Environment, Place};

/// A line of a table is `where ¦ text ¦ key ¦ part of the problem`: `+2` puts the text in as line 2 of the least configuration, `=2` puts it
/// in the place of that line. There is one mistake then, in this line.
#[track_caller]
fn check(table: &str) {
    for row in table.lines().filter(|row| !row.is_empty()) {
        let columns: Vec<&str> = row.split(" ¦ ").collect();
        let [place, text, key, part] = columns.as_slice() else {
            panic!("{row}");
        };
        let (how, number) = place.split_at(1);
        let number: usize = number.parse().expect(row);
        let mut lines: Vec<&str> = LEAST.lines().collect();
        if how == "+" {
            lines.insert(number - 1, text);
        } else {
            lines[number - 1] = text;
        }
        let mistakes = Config::parse(&lines.join("\n"), &Environment::default()).expect_err(row);
        let found: Vec<_> = mistakes.iter().collect();
        let [mistake] = found.as_slice() else {
            panic!("{row}\n{mistakes}");
        };
        let Place::File { line, .. } = mistake.place else {
            panic!("{row}\n{mistake}");
        };
        let told = (line, mistake.key.as_str());
        assert_eq!(told, (number, *key), "{row}\n{mistake}");
        assert!(mistake.problem.contains(part), "{row}\n{mistake}");
    }
}

#[test]
fn misspelt_and_misplaced_keys() {
    check(
        r#"
+10 ¦ lissen: {} ¦ lissen ¦ did you mean `listen`?
+10 ¦ Listen: {} ¦ Listen ¦ did you mean `listen`?
+10 ¦ session: {} ¦ session ¦ did you mean `sessions`?
+10 ¦ web_socket: {} ¦ web_socket ¦ did you mean `websocket`?
+10 ¦ backchannel: {} ¦ backchannel ¦ known here: listen, admin
+10 ¦ limits: {} ¦ limits ¦ did you mean `listen.limits`?
+2 ¦   adress: x ¦ listen.adress ¦ did you mean `address`?
+2 ¦   limits: { header: 1 } ¦ listen.limits.header ¦ did you mean `headers`?
+2 ¦   tls: { cert_file: x } ¦ listen.tls.cert_file ¦ known here: certificate_file
+10 ¦ admin: { tokn: x } ¦ admin.tokn ¦ unknown key; did you mean
+4 ¦   uri: x ¦ rocketchat.uri ¦ did you mean `url`?
+4 ¦   timeouts: { cal: 1s } ¦ rocketchat.timeouts.cal ¦ did you mean `call`?
+4 ¦   minting: { queue_timout: 1s } ¦ rocketchat.minting.queue_timout ¦ unknown key; did you mean
+4 ¦   user_id: x ¦ rocketchat.user_id ¦ did you mean `rocketchat.service_account.user_id`?
+7 ¦     leway: 1s ¦ issuers[0].leway ¦ did you mean `leeway`?
+7 ¦     jwks_uri: x ¦ issuers[0].jwks_uri ¦ did you mean `jwks_url`?
+7 ¦     claims: { user_name: x } ¦ issuers[0].claims.user_name ¦ did you mean `username`?
+10 ¦ tokens: { cokie: x } ¦ tokens.cokie ¦ did you mean `cookie`?
+10 ¦ users: { adopt: true } ¦ users.adopt ¦ known here: provision
+10 ¦ sessions: { redis: { uri: x } } ¦ sessions.redis.uri ¦ did you mean `url`?
+10 ¦ sessions: { redis: { sentinel: { servise: x } } } ¦ sessions.redis.sentinel.servise ¦ unknown key; did you mean
+10 ¦ proxy: { alowed_origins: [] } ¦ proxy.alowed_origins ¦ unknown key; did you mean
+10 ¦ websocket: { max_mesage: 1MiB } ¦ websocket.max_mesage ¦ unknown key; did you mean
+10 ¦ iframe: { cookie: { samesite: lax } } ¦ iframe.cookie.samesite ¦ did you mean `same_site`?
+10 ¦ filter: { enable: true } ¦ filter.enable ¦ did you mean `enabled`?
+10 ¦ telemetry: { log: { levl: info } } ¦ telemetry.log.levl ¦ did you mean `level`?
"#,
    );
}

#[test]
fn values_of_the_wrong_type() {
    check(
        r#"
+10 ¦ admin: [] ¦ admin ¦ should be a map of keys, not a list
+10 ¦ admin: 9090 ¦ admin ¦ should be a map of keys, not a single value
+2 ¦   limits: { connections: many } ¦ listen.limits.connections ¦ a whole number
+2 ¦   limits: { connections: '10' } ¦ listen.limits.connections ¦ without quotes
+2 ¦   limits: { headers: -1 } ¦ listen.limits.headers ¦ from 16 to 4096
+2 ¦   trusted_proxies: 10.0.0.0/8 ¦ listen.trusted_proxies ¦ a list
+10 ¦ tokens: { bearer: 'true' } ¦ tokens.bearer ¦ without quotes
+10 ¦ tokens: { cookie: [a] } ¦ tokens.cookie ¦ not a list
+10 ¦ users: { roles: [a] } ¦ users.roles ¦ not a list
+10 ¦ users: { default_roles: user } ¦ users.default_roles ¦ a list
+10 ¦ sessions: { refresh_at: often } ¦ sessions.refresh_at ¦ a number
+10 ¦ proxy: { denied: [[/x]] } ¦ proxy.denied[0] ¦ not a list
+10 ¦ proxy: { denied: [/x, ] , allowed_origins: [~] } ¦ proxy.allowed_origins[0] ¦ an empty entry
=7 ¦     audiences: chat ¦ issuers[0].audiences ¦ a list
"#,
    );
}

#[test]
fn values_out_of_range_or_form() {
    check(
        r#"
+2 ¦   address: 8080 ¦ listen.address ¦ such as 0.0.0.0:8080
+2 ¦   trusted_proxies: [10.0.0.0/8, ten] ¦ listen.trusted_proxies[1] ¦ a CIDR
+2 ¦   limits: { body: 2TiB } ¦ listen.limits.body ¦ with its unit
+2 ¦   limits: { idle_timeout: 0s } ¦ listen.limits.idle_timeout ¦ above zero
=2 ¦   public_url: chat.example.com ¦ listen.public_url ¦ such as https://chat.example.com
+4 ¦   version: 8.3 ¦ rocketchat.version ¦ 8.0 or 8.7
+4 ¦   url: rc:3000 ¦ rocketchat.url ¦ such as http://127.0.0.1:3000
+4 ¦   minting: { concurrency: 0 } ¦ rocketchat.minting.concurrency ¦ from 1 to 1024
+7 ¦     leeway: 10m ¦ issuers[0].leeway ¦ at most 5m
+7 ¦     max_age: forever ¦ issuers[0].max_age ¦ such as 500ms, 30s
+7 ¦     claims: { session: a..b } ¦ issuers[0].claims.session ¦ single dots
=8 ¦     algorithms: [none] ¦ issuers[0].algorithms[0] ¦ never believed
=8 ¦     algorithms: [RS265] ¦ issuers[0].algorithms[0] ¦ did you mean `RS256`?
=9 ¦     jwks_url: /keys ¦ issuers[0].jwks_url ¦ an https URL
+10 ¦ tokens: { cookie: rc_uid } ¦ tokens.cookie ¦ another meaning
+10 ¦ users: { username: '{name' } ¦ users.username ¦ without its `}`
+10 ¦ users: { email_domain: '@x' } ¦ users.email_domain ¦ without `@`
+10 ¦ sessions: { store: disc } ¦ sessions.store ¦ memory, file or redis
+10 ¦ sessions: { grace: 1d } ¦ sessions.grace ¦ at most 1h
+10 ¦ sessions: { max_per_principal: 0 } ¦ sessions.max_per_principal ¦ from 1 to 1000
+10 ¦ proxy: { denied: [x] } ¦ proxy.denied[0] ¦ a decoded absolute path
+10 ¦ proxy: { allowed_origins: ['*'] } ¦ proxy.allowed_origins[0] ¦ one exact origin
+10 ¦ websocket: { ping_interval: 1h } ¦ websocket.ping_interval ¦ from 1s to 10m
+10 ¦ iframe: { ticket_ttl: 6m } ¦ iframe.ticket_ttl ¦ from 1s to 5m
+10 ¦ telemetry: { log: { format: yaml } } ¦ telemetry.log.format ¦ json or text
"#,
    );
}

#[test]
fn keys_that_contradict_each_other() {
    check(
        r#"
+10 ¦ admin: { address: '127.0.0.1:8080' } ¦ admin.address ¦ has the port of `listen.address`
+4 ¦   url: http://127.0.0.1:8080 ¦ rocketchat.url ¦ Gantry itself
+4 ¦   url: http://localhost:8080 ¦ rocketchat.url ¦ Gantry itself
+4 ¦   version: 8.7 ¦ rocketchat.create_token_secret ¦ CREATE_TOKENS_FOR_USERS_SECRET
=8 ¦     algorithms: [RS256, HS256] ¦ issuers[0].algorithms[1] ¦ does not go with public keys
+10 ¦ tokens: { bearer: false, subprotocol: '' } ¦ tokens ¦ no place is left
+10 ¦ tokens: { cookie: gantry_session } ¦ tokens.cookie ¦ is the session cookie
+10 ¦ users: { default_roles: [admin] } ¦ users.default_roles[0] ¦ `users.protected_roles`
+10 ¦ sessions: { store: file } ¦ sessions.encryption_key_file ¦ openssl rand -base64 32
+10 ¦ proxy: { denied: [/x/*], public_paths: [/y, /x/*] } ¦ proxy.public_paths[1] ¦ is in `proxy.denied`, too
+10 ¦ iframe: { cookie: { secure: false, partitioned: false } } ¦ iframe.cookie.same_site ¦ write `lax` or `strict`
+10 ¦ filter: { enabled: true, secret: 0123456789abcdef0123456789abcdef } ¦ filter.enabled ¦ name the gateway's addresses
"#,
    );
}

#[test]
fn yaml_that_cannot_be_read_as_meant() {
    check(
        r#"
+2 ¦ 	address: x ¦  ¦ without tabs
+2 ¦   address: "x ¦  ¦ not YAML
+10 ¦ listen: {} ¦ listen ¦ the key is given twice, first at config:1:1
+7 ¦     issuer: x ¦ issuers[0].issuer ¦ the key is given twice
+10 ¦ admin: &a {} ¦  ¦ anchors (`&name`) are not read
+10 ¦ admin: *a ¦  ¦ unknown anchor
+10 ¦ admin: !!map {} ¦  ¦ tags (`!name`) are not read
+10 ¦ --- ¦  ¦ a second document begins here
"#,
    );
}
