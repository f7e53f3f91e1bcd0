//! Credentials of the store: from the environment or the config file, never from a URL.

use std::fmt;

use serde::Deserialize;
use zeroize::Zeroizing;

/// A piece of text that no formatter shows and that is wiped when dropped.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Takes over `text`.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text, for the one place that hands it to the store's client.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What the store wants to see before it answers. All fields are optional: what is missing is
/// looked for by the store's client in the usual places (profile files, instance metadata).
///
/// Deserialises from a table of the config file; unknown keys are errors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreCredentials {
    /// S3: `AWS_ACCESS_KEY_ID`.
    pub access_key_id: Option<SecretText>,
    /// S3: `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key: Option<SecretText>,
    /// S3: `AWS_SESSION_TOKEN`, with temporary credentials.
    pub session_token: Option<SecretText>,
    /// Azure: `AZURE_STORAGE_ACCOUNT_NAME` or `AZURE_STORAGE_ACCOUNT`.
    pub account_name: Option<SecretText>,
    /// Azure: `AZURE_STORAGE_ACCOUNT_KEY` or `AZURE_STORAGE_KEY`.
    pub account_key: Option<SecretText>,
    /// Azure: `AZURE_STORAGE_SAS_TOKEN`.
    pub sas_token: Option<SecretText>,
    /// Google: path of a service account's JSON file, `GOOGLE_APPLICATION_CREDENTIALS`.
    pub service_account_file: Option<SecretText>,
    /// Google: the service account's JSON itself, base64, `GOOGLE_SERVICE_ACCOUNT_KEY`.
    pub service_account_key: Option<SecretText>,
}

impl StoreCredentials {
    /// What the environment of this process offers. Empty variables count as unset.
    #[must_use]
    pub fn from_env() -> Self {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// As [`StoreCredentials::from_env`] over any source of variables.
    #[must_use]
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let first = |names: &[&str]| {
            names
                .iter()
                .find_map(|name| lookup(name).map(SecretText::new).filter(|v| !v.is_empty()))
        };
        Self {
            access_key_id: first(&["AWS_ACCESS_KEY_ID"]),
            secret_access_key: first(&["AWS_SECRET_ACCESS_KEY"]),
            session_token: first(&["AWS_SESSION_TOKEN"]),
            account_name: first(&["AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT"]),
            account_key: first(&["AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_KEY"]),
            sas_token: first(&["AZURE_STORAGE_SAS_TOKEN"]),
            service_account_file: first(&["GOOGLE_APPLICATION_CREDENTIALS"]),
            service_account_key: first(&["GOOGLE_SERVICE_ACCOUNT_KEY"]),
        }
    }

    /// These credentials with those of `other` in front. The three S3 values travel together, so
    /// that a key of one source never meets the session token of another.
    #[must_use]
    pub fn overridden_by(self, other: Self) -> Self {
        let s3 = if other.access_key_id.is_some() || other.secret_access_key.is_some() {
            (other.access_key_id, other.secret_access_key, other.session_token)
        } else {
            (self.access_key_id, self.secret_access_key, self.session_token)
        };
        Self {
            access_key_id: s3.0,
            secret_access_key: s3.1,
            session_token: s3.2,
            account_name: other.account_name.or(self.account_name),
            account_key: other.account_key.or(self.account_key),
            sas_token: other.sas_token.or(self.sas_token),
            service_account_file: other.service_account_file.or(self.service_account_file),
            service_account_key: other.service_account_key.or(self.service_account_key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_is_read_by_its_usual_names_and_never_shown() {
        let credentials = StoreCredentials::from_lookup(|name| match name {
            "AWS_ACCESS_KEY_ID" => Some("AKIA-MARKER".into()),
            "AWS_SECRET_ACCESS_KEY" => Some("very-secret".into()),
            "AWS_SESSION_TOKEN" => Some(String::new()),
            _ => None,
        });
        assert_eq!(credentials.access_key_id.as_ref().map(SecretText::expose), Some("AKIA-MARKER"));
        assert_eq!(credentials.session_token, None);
        let shown = format!("{credentials:?}");
        assert!(!shown.contains("MARKER") && !shown.contains("very-secret"), "{shown}");
    }

    #[test]
    fn keys_of_two_sources_are_never_mixed() {
        let env = StoreCredentials {
            access_key_id: Some("env".to_owned().into()),
            secret_access_key: Some("env".to_owned().into()),
            session_token: Some("env".to_owned().into()),
            ..Default::default()
        };
        let config = StoreCredentials {
            access_key_id: Some("config".to_owned().into()),
            secret_access_key: Some("config".to_owned().into()),
            ..Default::default()
        };
        let both = env.clone().overridden_by(config);
        assert_eq!(both.session_token, None);
        assert_eq!(env.clone().overridden_by(StoreCredentials::default()), env);
    }
}
