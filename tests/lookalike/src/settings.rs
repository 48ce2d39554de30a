//! The workspace settings that the contract names, with their defaults (RC §5, §8, §11).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::options::Options;

/// All settings by id.
pub(crate) struct Settings {
    values: BTreeMap<String, Value>,
}

/// Settings that `settings.public` never shows.
const PRIVATE: &[&str] = &[
    "Accounts_BlockedUsernameList",
    "Accounts_SystemBlockedUsernameList",
    "Accounts_Registration_Users_Default_Roles",
    "Block_Multiple_Failed_Logins_Ip_Whitelist",
];

/// A number as JavaScript writes it: whole ones without a fraction.
fn number(value: f64) -> Value {
    let whole = value as i64;
    if whole as f64 == value {
        json!(whole)
    } else {
        json!(value)
    }
}

impl Settings {
    /// The defaults of a fresh workspace.
    pub(crate) fn new(options: &Options) -> Self {
        let v8 = options.manner.is_8();
        let window = u64::try_from(options.limit_window.as_millis()).unwrap_or(u64::MAX);
        let defaults = [
            ("API_CORS_Origin", json!("*")),
            ("API_Enable_CORS", json!(false)),
            ("API_Enable_Rate_Limiter", json!(options.rate_limiter)),
            (
                "API_Enable_Rate_Limiter_Limit_Calls_Default",
                json!(options.limit_calls),
            ),
            ("API_Enable_Rate_Limiter_Limit_Time_Default", json!(window)),
            ("API_Use_REST_For_DDP_Calls", json!(true)),
            ("Accounts_AllowAnonymousRead", json!(false)),
            ("Accounts_AllowAnonymousWrite", json!(false)),
            ("Accounts_AllowDeleteOwnAccount", json!(false)),
            ("Accounts_AllowedDomainsList", json!("")),
            ("Accounts_AvatarBlockUnauthenticatedAccess", json!(v8)),
            ("Accounts_AvatarCacheTime", json!(3600)),
            ("Accounts_BlockedDomainsList", json!("")),
            ("Accounts_BlockedUsernameList", json!("")),
            ("Accounts_EmailVerification", json!(false)),
            ("Accounts_ForgetUserSessionOnWindowClose", json!(false)),
            (
                "Accounts_LoginExpiration",
                number(options.login_expiration_days),
            ),
            ("Accounts_ManuallyApproveNewUsers", json!(false)),
            ("Accounts_PasswordReset", json!(true)),
            ("Accounts_RegistrationForm", json!("Public")),
            ("Accounts_Registration_Users_Default_Roles", json!("user")),
            ("Accounts_RequireNameForSignUp", json!(true)),
            ("Accounts_ShowFormLogin", json!(true)),
            (
                "Accounts_SystemBlockedUsernameList",
                json!("admin,administrator,system,user"),
            ),
            (
                "Accounts_TwoFactorAuthentication_By_Email_Auto_Opt_In",
                json!(true),
            ),
            ("Accounts_TwoFactorAuthentication_Enabled", json!(true)),
            (
                "Accounts_TwoFactorAuthentication_Enforce_Password_Fallback",
                json!(true),
            ),
            ("Accounts_TwoFactorAuthentication_RememberFor", json!(1800)),
            ("Accounts_UseDefaultBlockedDomainsList", json!(true)),
            ("Accounts_iframe_enabled", json!(false)),
            ("Accounts_iframe_url", json!("")),
            ("Accounts_Iframe_api_url", json!("")),
            ("Accounts_Iframe_api_method", json!("POST")),
            (
                "Block_Multiple_Failed_Logins_Attempts_Until_Block_By_Ip",
                json!(50),
            ),
            (
                "Block_Multiple_Failed_Logins_Attempts_Until_Block_by_User",
                json!(10),
            ),
            ("Block_Multiple_Failed_Logins_By_Ip", json!(true)),
            ("Block_Multiple_Failed_Logins_By_User", json!(true)),
            ("Block_Multiple_Failed_Logins_Enabled", json!(true)),
            ("Block_Multiple_Failed_Logins_Ip_Whitelist", json!("")),
            (
                "Block_Multiple_Failed_Logins_Time_To_Unblock_By_Ip_In_Minutes",
                json!(5),
            ),
            (
                "Block_Multiple_Failed_Logins_Time_To_Unblock_By_User_In_Minutes",
                json!(5),
            ),
            ("Enable_CSP", json!(true)),
            ("Extra_CSP_Domains", json!("")),
            ("FileUpload_Enable_json_web_token_for_files", json!(true)),
            ("FileUpload_ProtectFiles", json!(true)),
            ("FileUpload_Restrict_to_room_members", json!(true)),
            ("Force_SSL", json!(false)),
            ("Iframe_Integration_receive_enable", json!(false)),
            ("Iframe_Integration_receive_origin", json!("*")),
            ("Iframe_Integration_send_enable", json!(false)),
            ("Iframe_Integration_send_target_origin", json!("*")),
            ("Iframe_Restrict_Access", json!(true)),
            ("Iframe_X_Frame_Options", json!("sameorigin")),
            ("LDAP_Enable", json!(false)),
            ("Rate_Limiter_Limit_RegisterUser", json!(1)),
            ("Site_Name", json!("Rocket.Chat")),
            (
                "Site_Url",
                json!(options.root_url.clone().unwrap_or_default()),
            ),
            ("UTF8_User_Names_Validation", json!("[0-9a-zA-Z-_.]+")),
        ];
        Self {
            values: defaults.map(|(id, value)| (id.to_owned(), value)).into(),
        }
    }

    pub(crate) fn set(&mut self, id: &str, value: Value) {
        self.values.insert(id.to_owned(), value);
    }

    pub(crate) fn value(&self, id: &str) -> Option<&Value> {
        self.values.get(id)
    }

    /// A boolean setting; anything else counts as false.
    pub(crate) fn on(&self, id: &str) -> bool {
        self.value(id).and_then(Value::as_bool).unwrap_or(false)
    }

    /// A number; anything else counts as 0.
    pub(crate) fn number(&self, id: &str) -> f64 {
        self.value(id).and_then(Value::as_f64).unwrap_or(0.0)
    }

    /// A whole number, cut off; anything else counts as 0.
    pub(crate) fn whole(&self, id: &str) -> i64 {
        self.value(id).and_then(Value::as_i64).unwrap_or(0)
    }

    /// A text; anything else counts as empty.
    pub(crate) fn text(&self, id: &str) -> &str {
        self.value(id).and_then(Value::as_str).unwrap_or("")
    }

    /// The non-empty entries of a comma-separated setting.
    pub(crate) fn list(&self, id: &str) -> impl Iterator<Item = &str> {
        self.text(id)
            .split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
    }

    /// Every public setting in the order of ids.
    pub(crate) fn public(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.values
            .iter()
            .filter(|(id, _)| !PRIVATE.contains(&id.as_str()))
            .map(|(id, value)| (id.as_str(), value))
    }
}
