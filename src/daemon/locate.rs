//! Reaching a store and finding the volume in it.

use std::path::Path;

use zeroize::Zeroizing;

use crate::daemon::config::CredentialsConfig;
use crate::daemon::error::DaemonError;
use crate::daemon::secret_file::{SecretFileError, read_secret_file};
use crate::keyslot::Header;
use crate::store::{
    CustomerKey, SecretText, Sse, Store, StoreCredentials, StoreError, StoreErrorKind,
    StoreOptions, StoreUrl,
};
use crate::volume::{self, VolumeError};

/// Which store, and how to speak to it.
#[derive(Clone, Debug)]
pub struct StoreChoice {
    /// Where it is.
    pub url: StoreUrl,
    /// From the config file over the environment.
    pub credentials: StoreCredentials,
    /// Server-side encryption that somebody asked for; `None`: what the header says.
    pub sse: Option<Sse>,
    /// Key for a header that says `customer`.
    pub customer_key: Option<CustomerKey>,
}

impl StoreChoice {
    /// A store with the environment's credentials, `configured` credentials over them, and the
    /// words of `--sse` or of the config file.
    ///
    /// # Errors
    /// [`DaemonError::Store`] for an unlawful `sse` or customer key, [`DaemonError::Credentials`]
    /// for a credentials file that is missing or that others may read.
    pub fn resolve(
        url: StoreUrl,
        sse: Option<&str>,
        configured: &CredentialsConfig,
    ) -> Result<Self, DaemonError> {
        let credentials = StoreCredentials::from_env().overridden_by(from_config(configured)?);
        let key =
            secret(configured.customer_key.as_ref(), configured.customer_key_file.as_deref())?;
        let customer_key = match key {
            Some(key) => Some(CustomerKey::parse(key.expose())?),
            None => CustomerKey::from_env()?,
        };
        let sse = sse.map(|text| Sse::parse_with(text, customer_key.clone())).transpose()?;
        Ok(Self { url, credentials, sse, customer_key })
    }

    /// Opens the store. Sends nothing.
    ///
    /// # Errors
    /// [`StoreError`] if the options make no sense for this kind of store.
    pub fn open_with(&self, sse: Sse) -> Result<Store, StoreError> {
        let mut options = StoreOptions::new(self.url.clone());
        options.credentials = self.credentials.clone();
        options.sse = sse;
        Store::open(&options)
    }
}

/// A store, and the header of the volume in it if there is one.
#[derive(Debug)]
pub struct Found {
    /// The store, opened with the server-side encryption that counts.
    pub store: Store,
    /// The header; `None` if the store holds no volume.
    pub header: Option<Header>,
    /// What a person should know: one copy of the header is damaged.
    pub warning: Option<String>,
}

/// Opens the store and reads the volume header. Server-side encryption is what was asked for, or
/// else what the header records.
///
/// # Errors
/// [`DaemonError::StoreAt`] if the store cannot be reached, [`DaemonError::Volume`] if the header
/// cannot be read.
pub async fn locate(choice: &StoreChoice) -> Result<Found, DaemonError> {
    find(choice).await.map_err(|error| error.at(&choice.url.to_string()))
}

async fn find(choice: &StoreChoice) -> Result<Found, DaemonError> {
    let first = choice.open_with(choice.sse.clone().unwrap_or_default())?;
    let (store, found) = match volume::read_header(&first).await {
        // A store answers a read of an SSE-C object without its key like a broken request, so the
        // key is tried when there is one and nobody said which mode to use.
        Err(VolumeError::Store(error)) if is_refusal(&error) && choice.sse.is_none() => {
            let Some(key) = choice.customer_key.clone() else { return Err(error.into()) };
            let store = choice.open_with(Sse::Customer { key })?;
            let found = volume::read_header(&store).await;
            (store, found)
        }
        found => (first, found),
    };
    let found = match found {
        Ok(found) => found,
        Err(VolumeError::NoVolume { .. }) => {
            return Ok(Found { store, header: None, warning: None });
        }
        Err(error) => return Err(error.into()),
    };
    let recorded = volume::recorded_sse(&found.header);
    let store = if choice.sse.is_none() && recorded != store.sse() {
        choice.open_with(Sse::from_facts(&recorded, choice.customer_key.clone())?)?
    } else {
        store
    };
    Ok(Found { store, header: Some(found.header), warning: found.warning })
}

fn is_refusal(error: &StoreError) -> bool {
    // Unavailable as well: the client library's retries leave the same mark on every failure, so a
    // 400 cannot always be told from a broken connection.
    matches!(
        error.kind(),
        StoreErrorKind::Invalid | StoreErrorKind::Denied | StoreErrorKind::Unavailable
    )
}

fn from_config(configured: &CredentialsConfig) -> Result<StoreCredentials, SecretFileError> {
    let path_text = |path: &Path| SecretText::new(path.to_string_lossy().into_owned());
    Ok(StoreCredentials {
        access_key_id: configured.access_key_id.clone(),
        secret_access_key: secret(
            configured.secret_access_key.as_ref(),
            configured.secret_access_key_file.as_deref(),
        )?,
        session_token: secret(
            configured.session_token.as_ref(),
            configured.session_token_file.as_deref(),
        )?,
        account_name: configured.account_name.clone(),
        account_key: secret(
            configured.account_key.as_ref(),
            configured.account_key_file.as_deref(),
        )?,
        sas_token: secret(configured.sas_token.as_ref(), configured.sas_token_file.as_deref())?,
        service_account_file: configured.service_account_file.as_deref().map(path_text),
        service_account_key: None,
    })
}

/// A secret from the config file itself, or else from the file it names.
fn secret(
    inline: Option<&SecretText>,
    file: Option<&Path>,
) -> Result<Option<SecretText>, SecretFileError> {
    match (inline, file) {
        (Some(secret), _) => Ok(Some(secret.clone())),
        (None, Some(file)) => {
            let text: Zeroizing<String> = read_secret_file(file)?;
            Ok(Some(SecretText::new(text.to_string())))
        }
        (None, None) => Ok(None),
    }
}
