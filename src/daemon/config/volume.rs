//! `[volume.NAME]`: where a volume lives and how its store is reached.

use std::path::PathBuf;

use serde::Deserialize;

use crate::store::SecretText;

/// One `[volume.NAME]` table. `NAME` may stand for the volume on the command line.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VolumeConfig {
    /// A path or a URL, as on the command line. Never holds credentials.
    pub url: String,
    /// Server-side encryption: `none`, `s3`, `kms`, `kms:KEY-ID` or `customer`. Default: what the
    /// volume header says.
    #[serde(default)]
    pub sse: Option<String>,
    /// File with the volume secret, used when neither a flag nor the environment names one.
    #[serde(default)]
    pub secret_file: Option<PathBuf>,
    /// Credentials of the store. Default: the environment, by the names the vendors use.
    #[serde(default)]
    pub credentials: CredentialsConfig,
}

/// `credentials` of a volume. A secret stands here, or its file is named with `..._file`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CredentialsConfig {
    /// S3: access key id.
    pub access_key_id: Option<SecretText>,
    /// S3: secret access key.
    pub secret_access_key: Option<SecretText>,
    /// File with the S3 secret access key.
    pub secret_access_key_file: Option<PathBuf>,
    /// S3: token of temporary credentials.
    pub session_token: Option<SecretText>,
    /// File with the S3 session token.
    pub session_token_file: Option<PathBuf>,
    /// Azure: account name.
    pub account_name: Option<SecretText>,
    /// Azure: account key.
    pub account_key: Option<SecretText>,
    /// File with the Azure account key.
    pub account_key_file: Option<PathBuf>,
    /// Azure: shared access signature.
    pub sas_token: Option<SecretText>,
    /// File with the Azure shared access signature.
    pub sas_token_file: Option<PathBuf>,
    /// Google: file with the service account's JSON.
    pub service_account_file: Option<PathBuf>,
    /// SSE-C: the customer key, 32 bytes in base64.
    pub customer_key: Option<SecretText>,
    /// File with the customer key.
    pub customer_key_file: Option<PathBuf>,
}

impl CredentialsConfig {
    /// Whether the config file itself holds a secret, so that nobody else may read it.
    #[must_use]
    pub fn holds_secret(&self) -> bool {
        [
            &self.secret_access_key,
            &self.session_token,
            &self.account_key,
            &self.sas_token,
            &self.customer_key,
        ]
        .into_iter()
        .any(Option::is_some)
    }
}
