//! The people who work at the demo's host application. They exist there alone: Rocket.Chat learns of each at
//! their first request through Gantry.

/// The password of everybody, shown on the login page.
pub(crate) const PASSWORD: &str = "demo";

/// Somebody who may log in at the host application.
#[derive(Debug)]
pub(crate) struct Person {
    /// The login name, which also becomes the Rocket.Chat username.
    pub(crate) username: &'static str,
    /// The full name.
    pub(crate) name: &'static str,
    /// What they do, for the login page.
    pub(crate) title: &'static str,
}

impl Person {
    /// The address the host application has verified.
    pub(crate) fn email(&self) -> String {
        format!("{}@fernway.example", self.username)
    }

    /// The letter of the round picture.
    pub(crate) fn initial(&self) -> char {
        self.name.chars().next().unwrap_or('?')
    }
}

/// Everybody.
pub(crate) static PEOPLE: [Person; 4] = [
    Person {
        username: "alice",
        name: "Alice Archer",
        title: "Engineering",
    },
    Person {
        username: "bob",
        name: "Bob Barlow",
        title: "Support",
    },
    Person {
        username: "carol",
        name: "Carol Chen",
        title: "Design",
    },
    Person {
        username: "dana",
        name: "Dana Diaz",
        title: "Operations",
    },
];

/// The person with this username and password.
pub(crate) fn log_in(username: &str, password: &str) -> Option<&'static Person> {
    let person = named(username)?;
    (password == PASSWORD).then_some(person)
}

/// The person with this username.
pub(crate) fn named(username: &str) -> Option<&'static Person> {
    PEOPLE.iter().find(|person| person.username == username)
}
