//! The ingress configurations of `config/gateways`, each run as it stands by the program that it is for, in front of Gantry and
//! Rocket.Chat; but for Traefik, which no package that can be had here holds.

mod attacks;
mod denials;
mod files;
pub(crate) mod ingress;
mod passing;
mod proxied;
mod refusals;
mod sockets;
mod stage;
mod targets;

/// Every test for one ingress.
macro_rules! holds_for {
    ($name:ident, $program:expr) => {
        mod $name {
            use super::*;

            holds_for! { $program =>
                passing: [
                    rest_goes_straight_to_rocketchat_as_its_user,
                    files_and_avatars_carry_their_readers_cookies,
                    static_files_go_on_as_nobodys,
                ]
                proxied: [
                    own_endpoints_are_reached,
                    logins_and_logouts_are_answered_by_gantry,
                    preflights_are_answered_by_gantry,
                    pages_get_the_boot_script,
                ]
                sockets: [
                    a_socket_is_logged_in_and_ends_with_its_session,
                ]
                denials: [
                    nobody_is_refused_with_gantrys_words,
                    what_is_denied_to_all_is_refused,
                    without_gantry_nothing_goes_on,
                ]
                attacks: [
                    no_spelling_of_a_forged_identity_survives,
                    no_forged_cookie_survives,
                    credentials_in_a_query_go_nowhere,
                    what_stands_twice_is_refused,
                    pages_of_other_origins_write_nothing_with_a_cookie,
                    fields_of_gateways_are_believed_from_no_client,
                    connection_takes_no_identity_off,
                    the_filter_is_out_of_reach,
                ]
                targets: [
                    no_spelling_of_a_path_goes_around_the_question,
                    the_absolute_form_leads_nowhere_else,
                    no_request_hides_in_the_body_of_another,
                ]
                refusals: [
                    dead_credentials_are_dropped_at_once,
                    a_rocketchat_that_refuses_everything_is_not_asked_for_ever,
                ]
            }
        }
    };
    ($program:expr => $($module:ident: [$($test:ident,)*])*) => {
        $($(
            #[tokio::test]
            async fn $test() {
                $module::$test($program).await;
            }
        )*)*
    };
}

holds_for!(nginx, ingress::Program::Nginx);
holds_for!(haproxy, ingress::Program::Haproxy);
holds_for!(caddy, ingress::Program::Caddy);
holds_for!(envoy, ingress::Program::Envoy);
holds_for!(envoy_grpc, ingress::Program::EnvoyGrpc);
