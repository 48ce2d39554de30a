//! Who is not let in: told so in Rocket.Chat's words, and never tried there, where it would count against everybody (RC §5.5).

use serde_json::json;

use crate::sockets::stage::{
    BOTH, Client, Framing, answers, call, check_error, logins, names, stand_in, told,
};
use crate::support::gateway::Gateway;

/// Shows this; it is worth nothing, and Rocket.Chat does not learn of it.
async fn check_worthless(gateway: &Gateway, client: &mut Client, shown: &str) {
    let before = told(gateway).len();
    client.log_in("1", shown).await;
    let all = client.all().await;
    assert_eq!(names(&all), ["result 1", "updated 1"], "{shown}");
    check_error(&all[0], 403);
    assert_eq!(told(gateway).len(), before, "{shown}");
}

/// Two people, each with a session.
async fn two() -> (Gateway, [String; 2], [String; 2]) {
    let gateway = Gateway::start().await;
    let tokens = ["alice", "bob"].map(|name| gateway.issuer.token(name));
    let stand_ins = [
        stand_in(&gateway, &tokens[0]).await,
        stand_in(&gateway, &tokens[1]).await,
    ];
    (gateway, tokens, stand_ins)
}

async fn check_works_as_alice(gateway: &Gateway, client: &mut Client) {
    client.say(call("m1", "rooms/get", &json!([]))).await;
    let all = client.all().await;
    assert_eq!(answers(&all, "m1"), [1, 1], "{all:?}");
    assert_eq!(logins(gateway), gateway.rc.live_tokens("alice"));
}

#[tokio::test]
async fn what_nobody_here_gave_out_is_refused_here() {
    for framing in BOTH {
        let (gateway, [token, _], _) = two().await;
        let expired = gateway
            .issuer
            .token_with("alice", json!({ "exp": 1_000_000_000 }));
        let foreign = gateway
            .issuer
            .token_with("alice", json!({ "aud": "another" }));
        let real = gateway.rc.live_tokens("alice").pop().unwrap();
        let mut client = Client::anonymous(&gateway, framing).await;
        let broken = &token[..token.len() - 10];
        for shown in [
            "x",
            "A".repeat(43).as_str(),
            &expired,
            &foreign,
            broken,
            // It would work at Rocket.Chat.
            &real,
            &gateway.rc.service_token(),
            &"long ".repeat(10_000),
        ] {
            check_worthless(&gateway, &mut client, shown).await;
        }
        // It may still become somebody.
        client.log_in("2", &token).await;
        assert!(client.result("2").await.get("error").is_none());
    }
}

#[tokio::test]
async fn a_token_that_was_logged_out_is_refused() {
    let (gateway, [token, _], [stand_in, _]) = two().await;
    let gone = gateway.post("/_gantry/logout", &token).send().await;
    assert_eq!(gone.unwrap().status(), 204);
    let mut client = Client::anonymous(&gateway, Framing::Raw).await;
    check_worthless(&gateway, &mut client, &token).await;
    check_worthless(&gateway, &mut client, &stand_in).await;
}

#[tokio::test]
async fn somebody_whom_the_upgrade_identified_becomes_nobody_else() {
    for framing in BOTH {
        let (gateway, [alice, bob], [_, of_bob]) = two().await;
        let mut client = Client::identified(&gateway, framing, &alice).await;
        check_worthless(&gateway, &mut client, &bob).await;
        check_worthless(&gateway, &mut client, &of_bob).await;
        check_works_as_alice(&gateway, &mut client).await;
    }
}

#[tokio::test]
async fn somebody_who_logged_in_becomes_nobody_else() {
    for framing in BOTH {
        let (gateway, [alice, bob], [_, of_bob]) = two().await;
        let mut client = Client::anonymous(&gateway, framing).await;
        client.log_in("1", &alice).await;
        client.all().await;
        check_worthless(&gateway, &mut client, &bob).await;
        check_worthless(&gateway, &mut client, &of_bob).await;
        let other_session = gateway
            .issuer
            .token_with("alice", json!({ "sid": "other" }));
        check_worthless(&gateway, &mut client, &other_session).await;
        check_works_as_alice(&gateway, &mut client).await;
    }
}

#[tokio::test]
async fn a_bad_claim_beside_a_good_upgrade_is_refused_and_the_upgrade_still_counts() {
    let (gateway, [alice, _], _) = two().await;
    let expired = gateway
        .issuer
        .token_with("alice", json!({ "exp": 1_000_000_000 }));
    let mut client = Client::identified(&gateway, Framing::Raw, &alice).await;
    check_worthless(&gateway, &mut client, &expired).await;
    check_works_as_alice(&gateway, &mut client).await;
}

#[tokio::test]
async fn who_may_not_come_in_is_told_so_and_not_that_the_token_is_worth_nothing() {
    let gateway = Gateway::configured(|config| config.users.provision = false).await;
    let token = gateway.issuer.token("stranger");
    let mut client = Client::anonymous(&gateway, Framing::Raw).await;
    client.log_in("1", &token).await;
    let all = client.all().await;
    assert_eq!(names(&all), ["result 1", "updated 1"]);
    check_error(&all[0], 403);
    assert_eq!(
        all[0]["error"]["reason"],
        "This account may not be used here."
    );
    assert_eq!(logins(&gateway), Vec::<String>::new());
}
