//! What a refused write is about, told from its code and from what was sent, never from its text (RC §4.3, §4.4).

use crate::rocketchat::NewUser;
use crate::rocketchat::answer::{Answer, Refused};
use crate::rocketchat::error::{Refusal, RefusedData};

/// The refusal of `users.create`; `None` when the answer is none.
pub(in crate::rocketchat) fn of_new_user(answer: &Answer, user: &NewUser<'_>) -> Option<Refusal> {
    let sent = Sent {
        username: Some(user.username),
        name: Some(user.name),
        email: Some(user.email),
    };
    answer.refused().map(|refused| sent.refusal(&refused))
}

/// The refusal of `users.update`; `None` when the answer is none.
pub(in crate::rocketchat) fn of_update(
    answer: &Answer,
    name: Option<&str>,
    email: Option<&str>,
) -> Option<Refusal> {
    let sent = Sent {
        username: None,
        name,
        email,
    };
    answer.refused().map(|refused| sent.refusal(&refused))
}

#[derive(Clone, Copy)]
struct Sent<'a> {
    username: Option<&'a str>,
    name: Option<&'a str>,
    email: Option<&'a str>,
}

impl Sent<'_> {
    fn refusal(self, refused: &Refused) -> Refusal {
        let code = refused.code.as_deref();
        let field = refused
            .details
            .get("field")
            .and_then(|field| field.as_str());
        Refusal::new(code, self.about(code, field))
    }

    fn about(self, code: Option<&str>, field: Option<&str>) -> RefusedData {
        match code {
            Some("error-field-unavailable") => self.taken(field),
            // Lost a race for an index; which one stands in the text only.
            Some("403") => RefusedData::Taken,
            Some("error-input-is-not-a-valid-field" | "error-blocked-username") => {
                RefusedData::Username
            }
            Some("error-the-field-is-required") => match field {
                Some(field) if field.eq_ignore_ascii_case("username") => RefusedData::Username,
                Some(field) if field.eq_ignore_ascii_case("name") => RefusedData::Name,
                Some(field) if field.eq_ignore_ascii_case("email") => RefusedData::Email,
                Some(_) | None => RefusedData::Other,
            },
            Some(
                "error-invalid-email" | "error-invalid-domain" | "error-email-domain-blacklisted",
            ) => RefusedData::Email,
            Some("error-license-user-limit-reached" | "error-max-guests-number-reached") => {
                RefusedData::Seats
            }
            // The one refusal without a code that we know, told by what was sent.
            None if self.has_odd_name() => RefusedData::Name,
            Some(_) | None => RefusedData::Other,
        }
    }

    /// `details.field` is the value itself, as sent or escaped for HTML.
    fn taken(self, value: Option<&str>) -> RefusedData {
        let Some(value) = value else {
            return RefusedData::Taken;
        };
        let is = |sent: Option<&str>| {
            sent.is_some_and(|sent| {
                sent.eq_ignore_ascii_case(value) || escaped(sent).eq_ignore_ascii_case(value)
            })
        };
        match (is(self.username), is(self.email)) {
            (true, false) => RefusedData::UsernameTaken,
            (false, true) => RefusedData::EmailTaken,
            (true, true) | (false, false) => RefusedData::Taken,
        }
    }

    fn has_odd_name(self) -> bool {
        self.name
            .is_some_and(|name| name.contains(['<', '>', '/', '\\']))
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: Sent<'_> = Sent {
        username: Some("alice"),
        name: Some("Alice"),
        email: Some("a&b@example.org"),
    };

    #[test]
    fn a_refusal_is_about_what_its_code_and_its_field_say() {
        let check = |code: Option<&str>, field: Option<&str>, about: RefusedData| {
            assert_eq!(SENT.about(code, field), about, "for {code:?} {field:?}");
        };
        let unavailable = Some("error-field-unavailable");
        check(unavailable, Some("Alice"), RefusedData::UsernameTaken);
        check(
            unavailable,
            Some("a&b@example.org"),
            RefusedData::EmailTaken,
        );
        check(
            unavailable,
            Some("a&amp;b@example.org"),
            RefusedData::EmailTaken,
        );
        check(unavailable, Some("bob"), RefusedData::Taken);
        check(unavailable, None, RefusedData::Taken);
        check(Some("403"), None, RefusedData::Taken);
        check(
            Some("error-input-is-not-a-valid-field"),
            Some("Username"),
            RefusedData::Username,
        );
        check(Some("error-blocked-username"), None, RefusedData::Username);
        check(
            Some("error-the-field-is-required"),
            Some("Name"),
            RefusedData::Name,
        );
        check(Some("error-invalid-domain"), None, RefusedData::Email);
        check(
            Some("error-email-domain-blacklisted"),
            None,
            RefusedData::Email,
        );
        check(
            Some("error-license-user-limit-reached"),
            None,
            RefusedData::Seats,
        );
        check(Some("error-email-send-failed"), None, RefusedData::Other);
        check(None, None, RefusedData::Other);
    }

    #[test]
    fn a_refusal_without_a_code_is_about_a_name_that_is_known_to_be_refused() {
        let sent = Sent {
            name: Some("Alice <the first>"),
            ..SENT
        };
        assert_eq!(sent.about(None, None), RefusedData::Name);
    }
}
