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
