//! From an address and options to an OpenDAL operator with its layers.

use std::sync::Arc;
use std::time::Duration;

use opendal::layers::{ConcurrentLimitLayer, RetryLayer, TimeoutLayer};
use opendal::services::{Azblob, Gcs, S3};
use opendal::{Builder, Operator};

use crate::base::{Clock, OsRandom, SystemClock};
use crate::store::credentials::{SecretText, StoreCredentials};
use crate::store::directory::DirectoryObjects;
use crate::store::error::StoreError;
use crate::store::measure::{MeasureLayer, count_retry};
use crate::store::memory::MemoryObjects;
use crate::store::plain;
use crate::store::sse::Sse;
use crate::store::url::{Backend, S3Address, StoreUrl};

/// How to reach a store.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Where the store is.
    pub url: StoreUrl,
    /// Server-side encryption of every object written.
    pub sse: Sse,
    /// From the environment or the config file, never from the URL.
    pub credentials: StoreCredentials,
    /// Requests under way at once, 1 to 1,024. Default 64. Each may hold one object in memory.
    pub concurrency: usize,
    /// How long one attempt of a request may take: 30 s by default, enough for a 16 MiB segment
    /// over 5 Mbit/s. Stores over a network only.
    pub attempt_timeout: Duration,
    /// When a request with all its attempts is given up: 60 s by default. A client that waits
    /// for the gateway gets its answer before it loses patience.
    pub deadline: Duration,
}

impl StoreOptions {
    /// The defaults for `url`, with the credentials of the environment and no SSE.
    #[must_use]
    pub fn new(url: StoreUrl) -> Self {
        Self {
            url,
            sse: Sse::None,
            credentials: StoreCredentials::from_env(),
            concurrency: 64,
            attempt_timeout: Duration::from_secs(30),
            deadline: Duration::from_secs(60),
        }
    }
}

/// Builds the operator. Sends nothing.
pub(super) fn open(options: &StoreOptions) -> Result<Operator, StoreError> {
    refuse_sse_that_nobody_answers(&options.url, &options.sse)?;
    if options.concurrency == 0 || options.concurrency > CONCURRENCY_MAX {
        return Err(StoreError::invalid(format!("`concurrency` is 1 to {CONCURRENCY_MAX}")));
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let operator = match &options.url.backend {
        Backend::Directory { path } => {
            let objects = DirectoryObjects::open(path.clone(), &*clock, Arc::new(OsRandom));
            built("fs", plain::operator(objects))?
        }
        Backend::Memory => built("memory", plain::operator(MemoryObjects::new(clock.clone())))?,
        Backend::S3(address) => network(s3(address, options)?, "s3", options)?,
        Backend::Azblob { container, prefix, endpoint, account } => {
            let service = azblob(container, prefix, endpoint.as_deref(), account.as_deref());
            network(service(&options.credentials)?, "azblob", options)?
        }
        Backend::Gcs { bucket, prefix, endpoint } => {
            let service = gcs(bucket, prefix, endpoint.as_deref(), &options.credentials);
            network(service, "gcs", options)?
        }
    };
    Ok(finish(operator, options.concurrency, clock))
}

/// A store in memory, measured like any other.
pub(super) fn memory() -> Operator {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let operator = plain::operator(MemoryObjects::new(Arc::clone(&clock)))
        .expect("the memory service is built without anything that could fail");
    operator.layer(MeasureLayer { clock })
}

fn built(scheme: &str, operator: opendal::Result<Operator>) -> Result<Operator, StoreError> {
    operator.map_err(|err| StoreError::from_opendal("open", scheme, &err))
}

/// Local stores need neither retries nor time limits: a disk that hesitates must not make a write
/// arrive twice.
fn finish(operator: Operator, concurrency: usize, clock: Arc<dyn Clock>) -> Operator {
    // The limit stands inside the retries, so that a request that waits to be sent again leaves
    // its place to others; it stands outside the time limit, so that waiting is not a timeout.
    operator.layer(ConcurrentLimitLayer::new(concurrency)).layer(MeasureLayer { clock })
}

fn network(
    service: impl Builder,
    scheme: &str,
    options: &StoreOptions,
) -> Result<Operator, StoreError> {
    // Services over HTTP find their transport here; calling it again changes nothing.
    opendal::install_default();
    let timeout = TimeoutLayer::new()
        .with_timeout(options.attempt_timeout)
        .with_io_timeout(options.attempt_timeout);
    let retry = RetryLayer::new()
        .with_min_delay(RETRY_DELAY_MIN)
        .with_max_delay(RETRY_DELAY_MAX)
        .with_max_times(RETRIES_MAX)
        .with_factor(2.0)
        .with_jitter()
        .with_notify(count_retry);
    Ok(built(scheme, Operator::new(service))?.layer(timeout).layer(retry))
}

fn s3(address: &S3Address, options: &StoreOptions) -> Result<S3, StoreError> {
    let mut service = S3::default()
        .bucket(&address.bucket)
        .root(&address.prefix)
        // The address alone decides where requests go; AWS_ENDPOINT_URL has no say.
        .endpoint(address.endpoint.as_deref().unwrap_or(AWS_ENDPOINT))
        .checksum_algorithm("crc32c");
    let region = address.region.clone().or_else(region_from_env);
    service = match (&region, &address.endpoint) {
        (Some(region), _) => service.region(region),
        // Compatible stores sign for this region unless told otherwise.
        (None, Some(_)) => service.region("us-east-1"),
        (None, None) => {
            return Err(StoreError::invalid(
                "the region of the bucket is unknown: add ?region=REGION or set AWS_REGION",
            ));
        }
    };
    if address.virtual_host {
        service = service.enable_virtual_host_style();
    }
    let credentials = &options.credentials;
    service = match (&credentials.access_key_id, &credentials.secret_access_key) {
        (Some(id), Some(secret)) => {
            let token = credentials.session_token.as_ref().map_or("", SecretText::expose);
            service
                .access_key_id(id.expose())
                .secret_access_key(secret.expose())
                .session_token(token)
                .disable_config_load()
                .disable_ec2_metadata()
        }
        (None, None) if address.endpoint.is_some() => service.disable_ec2_metadata(),
        (None, None) => service,
        _ => {
            return Err(StoreError::invalid(
                "S3 credentials come in pairs: set both AWS_ACCESS_KEY_ID and \
                 AWS_SECRET_ACCESS_KEY",
            ));
        }
    };
    Ok(match &options.sse {
        Sse::None => service,
        Sse::S3 => service.server_side_encryption_with_s3_key(),
        Sse::Kms { key_id: None } => service.server_side_encryption_with_aws_managed_kms_key(),
        Sse::Kms { key_id: Some(id) } => {
            service.server_side_encryption_with_customer_managed_kms_key(id)
        }
        Sse::Customer { key } => {
            service.server_side_encryption_with_customer_key("AES256", key.expose())
        }
    })
}

fn region_from_env() -> Option<String> {
    ["AWS_REGION", "AWS_DEFAULT_REGION"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
}

fn azblob<'a>(
    container: &'a str,
    prefix: &'a str,
    endpoint: Option<&'a str>,
    account: Option<&'a str>,
) -> impl FnOnce(&StoreCredentials) -> Result<Azblob, StoreError> + 'a {
    move |credentials| {
        let account = account.or_else(|| credentials.account_name.as_ref().map(SecretText::expose));
        let public = account.map(|account| format!("https://{account}.blob.core.windows.net"));
        let endpoint = endpoint.map(str::to_owned).or(public).ok_or_else(|| {
            StoreError::invalid(
                "the Azure account is unknown: add ?account=NAME or set AZURE_STORAGE_ACCOUNT_NAME",
            )
        })?;
        let mut service = Azblob::default().container(container).root(prefix).endpoint(&endpoint);
        if let Some(account) = account {
            service = service.account_name(account);
        }
        if let Some(key) = &credentials.account_key {
            service = service.account_key(key.expose());
        }
        if let Some(token) = &credentials.sas_token {
            service = service.sas_token(token.expose());
        }
        Ok(service)
    }
}

fn gcs(bucket: &str, prefix: &str, endpoint: Option<&str>, credentials: &StoreCredentials) -> Gcs {
    let mut service = Gcs::default().bucket(bucket).root(prefix);
    if let Some(endpoint) = endpoint {
        service = service.endpoint(endpoint);
    }
    match (&credentials.service_account_key, &credentials.service_account_file) {
        (Some(key), _) => service.credential(key.expose()).disable_vm_metadata(),
        (None, Some(path)) => service.credential_path(path.expose()).disable_vm_metadata(),
        // An emulator of one's own asks for nothing.
        (None, None) if endpoint.is_some() => service.skip_signature(),
        (None, None) => service,
    }
}

/// `--sse` is a promise that the probe checks in the store's answers; where nothing answers it,
/// taking it would be pretending.
fn refuse_sse_that_nobody_answers(url: &StoreUrl, sse: &Sse) -> Result<(), StoreError> {
    if *sse == Sse::None {
        return Ok(());
    }
    let why = match &url.backend {
        Backend::S3(_) => return Ok(()),
        Backend::Directory { .. } => {
            "a local directory has no server-side encryption: leave `--sse` out; the volume's own \
             sealing stays, and an encrypted disk adds a second layer"
        }
        Backend::Memory => "memory:// has no server-side encryption: leave `--sse` out",
        Backend::Azblob { .. } => {
            "Azure encrypts every blob at rest without being asked: leave `--sse` out and choose \
             the keys in the storage account's settings"
        }
        Backend::Gcs { .. } => {
            "Google Cloud Storage encrypts every object at rest without being asked: leave `--sse` \
             out and choose the keys in the bucket's settings"
        }
    };
    Err(StoreError::invalid(why))
}

/// Where S3 requests go when the address names no endpoint; the region is filled in.
const AWS_ENDPOINT: &str = "https://s3.amazonaws.com";
/// More requests at once only queue in the network.
const CONCURRENCY_MAX: usize = 1_024;
/// Wait before the first retry.
const RETRY_DELAY_MIN: Duration = Duration::from_millis(200);
/// Longest wait between retries.
const RETRY_DELAY_MAX: Duration = Duration::from_secs(10);
/// With these delays a store that refuses at once is given up after about 23 s.
const RETRIES_MAX: usize = 7;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreErrorKind;

    fn refusal(url: &str, sse: Sse) -> String {
        let mut options = StoreOptions::new(StoreUrl::parse(url).unwrap());
        options.sse = sse;
        let err = open(&options).unwrap_err();
        assert_eq!(err.kind(), StoreErrorKind::Invalid);
        err.to_string()
    }

    #[test]
    fn sse_is_refused_where_nothing_answers_it() {
        assert!(refusal("/nowhere", Sse::S3).contains("local directory"));
        assert!(refusal("memory://", Sse::Kms { key_id: None }).contains("leave `--sse` out"));
        assert!(refusal("azblob://c?account=a", Sse::S3).contains("at rest"));
        assert!(refusal("gcs://b", Sse::S3).contains("at rest"));
    }

    #[test]
    fn half_a_pair_of_credentials_is_refused() {
        let url = StoreUrl::parse("s3://b?region=r").unwrap();
        let mut options = StoreOptions::new(url);
        options.credentials = StoreCredentials {
            access_key_id: Some("id".to_owned().into()),
            ..StoreCredentials::default()
        };
        assert!(open(&options).unwrap_err().to_string().contains("pairs"));
    }

    #[test]
    fn opening_a_directory_makes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("volume");
        open(&StoreOptions::new(StoreUrl::directory(&root).unwrap())).unwrap();
        assert!(!root.exists());
    }
}
