//! People who talk in a workspace.

use lookalike::{NewUser, Options};
use serde_json::json;

use crate::support::{Credentials, RequestExt as _, Workspace};

impl Workspace {
    /// A workspace with alice, bob and carol, whose passwords are `<name>-password`.
    pub(crate) async fn with_people(options: Options) -> Self {
        let workspace = Self::start(options).await;
        for name in ["alice", "bob", "carol"] {
            let password = Some(format!("{name}-password"));
            workspace.rc.add_user(NewUser {
                password,
                ..NewUser::new(name)
            });
        }
        workspace
    }

    /// Logs one of them in over REST.
    pub(crate) async fn log_in(&self, name: &str) -> Credentials {
        let body = json!({"user": name, "password": format!("{name}-password")});
        let data = self.post("/api/v1/login", &body).answer().await.with(200)["data"].clone();
        let text = |key: &str| data[key].as_str().unwrap().to_owned();
        Credentials {
            user_id: text("userId"),
            token: text("authToken"),
        }
    }
}

#[tokio::test]
async fn administrators_say_which_roles_hold_a_permission() {
    let workspace = Workspace::with_people(Options::default()).await;
    workspace.rc.revoke_grants();
    workspace.rc.add_user(NewUser {
        roles: vec!["admin".to_owned()],
        password: Some("root-password".to_owned()),
        ..NewUser::new("root")
    });
    let (root, alice) = (
        workspace.log_in("root").await,
        workspace.log_in("alice").await,
    );
    let path = "/api/v1/permissions.update";
    let holders =
        |id: &str, role: &str| json!({"permissions": [{"_id": id, "roles": ["admin", role]}]});

    for (body, kind) in [
        (holders("no-such", "bot"), "error-invalid-permission"),
        (holders("create-user", "no-such"), "error-invalid-role"),
        (json!({}), "invalid-params"),
        (
            json!({"permissions": [{"_id": "create-user"}]}),
            "invalid-params",
        ),
    ] {
        let answer = workspace
            .post(path, &body)
            .by(&root)
            .answer()
            .await
            .with(400);
        assert_eq!(answer["errorType"], kind, "{body}");
    }
    let body = holders("create-user", "bot");
    workspace
        .post(path, &body)
        .by(&alice)
        .answer()
        .await
        .with(403);
    let answer = workspace
        .post(path, &body)
        .by(&root)
        .answer()
        .await
        .with(200);

    let all = answer["permissions"].as_array().unwrap();
    let set = all.iter().find(|one| one["_id"] == "create-user").unwrap();
    assert_eq!(set["roles"], json!(["admin", "bot"]));
}
