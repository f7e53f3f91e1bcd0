//! The probe: does this store keep the promises the gateway builds on? Asked at every start.

use bytes::Bytes;
use futures::future::join_all;
use http::{HeaderMap, Request, StatusCode};
use opendal::Buffer;
use serde::Serialize;
use std::time::Duration;

use crate::base::{Clock, OsRandom, Random, SystemClock, to_u64};
use crate::store::error::{StoreError, StoreErrorKind};
use crate::store::sse::{Sse, SseFacts};
use crate::store::store::{PROBE_PREFIX, Store};

/// What the probe saw. Facts for `status` and for the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProbeReport {
    /// The kind of store: `fs`, `memory`, `s3`, `azblob`, `gcs`.
    pub backend: String,
    /// The server-side encryption that was asked for.
    pub sse: SseFacts,
    /// What the store says about the encryption of the probe object; `None` if it says nothing.
    pub sse_reply: Option<SseReply>,
    /// Whether the probe only read. All promises about writes are unchecked then.
    pub read_only: bool,
    /// A second create of one key failed, and of eight at once exactly one succeeded.
    pub exclusive_create: bool,
    /// The store can compare before it overwrites.
    pub compare_and_swap: bool,
    /// Objects deleted by one request.
    pub delete_batch: usize,
    /// The largest body that was written with one request by the probe.
    pub single_put_bytes: u64,
}

/// The store's words about an object's encryption, from its reply headers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SseReply {
    /// `x-amz-server-side-encryption`.
    pub algorithm: Option<String>,
    /// `x-amz-server-side-encryption-aws-kms-key-id`.
    pub kms_key_id: Option<String>,
    /// `x-amz-server-side-encryption-customer-algorithm`.
    pub customer_algorithm: Option<String>,
}

impl Store {
    /// Writes, reads, lists and removes a few short-lived objects under `probe/` and checks every
    /// promise: server-side encryption as asked, exclusive creation, overwrites and lists that
    /// show at once, exact ranges, bodies in one request.
    ///
    /// # Errors
    /// `Incapable` with words that say what to change, and those of any request.
    ///
    /// # Cost
    /// About 20 requests and 6 MiB up.
    pub async fn probe(&self) -> Result<ProbeReport, StoreError> {
        self.remove_old_probes().await;
        let id: String = OsRandom.bytes16().iter().map(|byte| format!("{byte:02x}")).collect();
        let probe = Probe { store: self, dir: format!("{PROBE_PREFIX}{id}/") };
        let report = probe.run().await;
        let keys: Vec<String> = PROBE_NAMES.iter().map(|name| probe.key(name)).collect();
        match (report, self.delete(&keys).await) {
            (Ok(report), Ok(())) => {
                probe.check_deleted(&keys).await?;
                Ok(report)
            }
            (Err(err), _) | (Ok(_), Err(err)) => Err(err),
        }
    }

    /// The probe of a gateway that only reads: lists, and reads the first bytes of what it finds.
    ///
    /// # Errors
    /// Those of any request.
    pub async fn probe_read_only(&self) -> Result<ProbeReport, StoreError> {
        if let Some(object) = self.list("", None, 1).await?.first() {
            self.get_range(&object.key, 0..object.size.min(16)).await?;
        }
        Ok(self.report(None, true))
    }

    fn report(&self, sse_reply: Option<SseReply>, read_only: bool) -> ProbeReport {
        let info = self.operator().info();
        let capability = info.capability();
        ProbeReport {
            backend: info.scheme().to_owned(),
            sse: self.sse(),
            sse_reply,
            read_only,
            exclusive_create: !read_only,
            compare_and_swap: capability.write_with_if_match
                || capability.write_with_if_version_match,
            delete_batch: capability.delete_max_size.unwrap_or(1),
            single_put_bytes: if read_only { 0 } else { to_u64(SINGLE_PUT_BYTES) },
        }
    }

    /// Best effort: another gateway's probe may be under way, so only old ones go.
    async fn remove_old_probes(&self) {
        let now = SystemClock::new().now().seconds;
        let Ok(found) = self.list(PROBE_PREFIX, None, 1_000).await else { return };
        let old = found
            .into_iter()
            .filter(|object| object.modified.is_some_and(|at| now - at.seconds > LEFTOVER_SECONDS))
            .map(|object| object.key)
            .collect::<Vec<_>>();
        if !old.is_empty() {
            drop(self.delete(&old).await);
        }
    }
}

struct Probe<'a> {
    store: &'a Store,
    dir: String,
}

impl Probe<'_> {
    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.dir)
    }

    async fn run(&self) -> Result<ProbeReport, StoreError> {
        self.exclusive_create().await?;
        let sse_reply = self.sse().await?;
        self.race().await?;
        self.overwrite_and_ranges().await?;
        self.single_put().await?;
        self.list().await?;
        Ok(self.store.report(sse_reply, false))
    }

    async fn exclusive_create(&self) -> Result<(), StoreError> {
        let key = self.key("once");
        self.store.create(&key, FIRST).await.map_err(explain_first_write)?;
        match self.store.create(&key, SECOND).await {
            Err(err) if err.kind() == StoreErrorKind::AlreadyExists => Ok(()),
            Err(err) => Err(err),
            Ok(()) => Err(not_exclusive()),
        }
    }

    /// Many at once, since a store may look before it writes without a lock in between.
    async fn race(&self) -> Result<(), StoreError> {
        let key = self.key("race");
        let bodies: Vec<Bytes> = (0_u8..8).map(|racer| Bytes::from(vec![racer; 64])).collect();
        let racers = bodies.iter().map(|body| self.store.create(&key, body.clone()));
        let mut winner = None;
        for (body, result) in bodies.iter().zip(join_all(racers).await) {
            match result {
                Ok(()) if winner.is_none() => winner = Some(body),
                Ok(()) => return Err(not_exclusive()),
                Err(err) if err.kind() == StoreErrorKind::AlreadyExists => {}
                Err(err) => return Err(err),
            }
        }
        let stored = self.store.get(&key, 64).await?;
        if winner != Some(&stored) {
            return Err(not_exclusive());
        }
        Ok(())
    }

    async fn overwrite_and_ranges(&self) -> Result<(), StoreError> {
        let key = self.key("once");
        self.store.put(&key, THIRD).await?;
        if self.store.get(&key, 64).await? != THIRD {
            return Err(StoreError::incapable(
                "the store shows old bytes after an overwrite: it must be strongly consistent",
            ));
        }
        if self.store.get_range(&key, 2..7).await? != THIRD.slice(2..7) {
            return Err(StoreError::incapable(
                "the store answers a range read with other bytes: a proxy or cache in front of it \
                 may ignore the Range header",
            ));
        }
        Ok(())
    }

    /// More than the size at which clients usually split an upload.
    async fn single_put(&self) -> Result<(), StoreError> {
        let key = self.key("large");
        let body = Buffer::from(vec![0x5A; SINGLE_PUT_BYTES]);
        self.store.put(&key, body).await?;
        let size = to_u64(SINGLE_PUT_BYTES);
        let found = self.store.stat(&key).await?;
        let tail = self.store.get_range(&key, size - 16..size).await?;
        if found.size != size || tail != vec![0x5A; 16] {
            return Err(StoreError::incapable("the store kept only a part of a large object"));
        }
        Ok(())
    }

    async fn list(&self) -> Result<(), StoreError> {
        let mut wanted: Vec<String> = PROBE_NAMES.iter().map(|name| self.key(name)).collect();
        wanted.sort_unstable();
        let keys = |found: Vec<crate::store::ObjectMeta>| {
            found.into_iter().map(|object| object.key).collect::<Vec<_>>()
        };
        let all = keys(self.store.list(&self.dir, None, 10).await?);
        let rest = keys(self.store.list(&self.dir, wanted.first().map(|k| &**k), 10).await?);
        if all != wanted || !wanted.ends_with(&rest) || rest.len() + 1 != wanted.len() {
            return Err(StoreError::incapable(
                "a listing right after the writes does not show exactly what was written: the \
                 store must list consistently",
            ));
        }
        Ok(())
    }

    async fn check_deleted(&self, keys: &[String]) -> Result<(), StoreError> {
        for key in keys {
            match self.store.stat(key).await {
                Err(err) if err.kind() == StoreErrorKind::NotFound => {}
                Err(err) => return Err(err),
                Ok(_) => {
                    return Err(StoreError::incapable(
                        "the store still shows an object after it was deleted",
                    ));
                }
            }
        }
        Ok(())
    }

    /// Asks the store itself what it did: the client library drops these headers.
    async fn sse(&self) -> Result<Option<SseReply>, StoreError> {
        let asked = self.store.sse_setting();
        match (head(self.store, &self.key("once")).await, asked) {
            (Ok(headers), _) => {
                let reply = SseReply::from_headers(&headers);
                judge(asked, &reply)?;
                Ok(Some(reply).filter(|reply| *reply != SseReply::default()))
            }
            (Err(_), Sse::None) => Ok(None),
            (Err(err), _) => Err(err),
        }
    }
}

impl SseReply {
    fn from_headers(headers: &HeaderMap) -> Self {
        let header = |name: &str| {
            let value = headers.get(name)?.to_str().ok()?;
            Some(value.chars().take(HEADER_CHARS_MAX).collect())
        };
        Self {
            algorithm: header("x-amz-server-side-encryption"),
            kms_key_id: header("x-amz-server-side-encryption-aws-kms-key-id"),
            customer_algorithm: header("x-amz-server-side-encryption-customer-algorithm"),
        }
    }
}

/// Whether the store did what was asked.
fn judge(asked: &Sse, reply: &SseReply) -> Result<(), StoreError> {
    let algorithm = reply.algorithm.as_deref();
    let kept = match asked {
        Sse::None => true,
        Sse::S3 => algorithm == Some("AES256"),
        Sse::Kms { key_id: None } => algorithm.is_some_and(|name| name.starts_with("aws:kms")),
        Sse::Kms { key_id: Some(id) } => {
            // A store answers a short id with the whole ARN, and an alias with the key behind it.
            let alias = id.starts_with("alias/") || id.contains(":alias/");
            let same = reply.kms_key_id.as_ref().is_some_and(|found| {
                found == id || found.ends_with(&format!("/{id}")) || id.ends_with(found.as_str())
            });
            algorithm.is_some_and(|name| name.starts_with("aws:kms")) && (alias || same)
        }
        Sse::Customer { .. } => reply.customer_algorithm.as_deref() == Some("AES256"),
    };
    if kept {
        return Ok(());
    }
    let said = match (&reply.algorithm, &reply.kms_key_id, &reply.customer_algorithm) {
        (Some(name), Some(id), _) => format!("{name} with key {id}"),
        (Some(name), None, _) | (None, _, Some(name)) => name.clone(),
        (None, _, None) => "nothing".to_owned(),
    };
    Err(StoreError::incapable(format!(
        "the store does not do the server-side encryption `{asked}`: its reply names {said}. Use a \
         store that does, set up its keys, or choose another `--sse` (`none` leaves the volume's \
         own encryption as the only layer)"
    )))
}

/// A HEAD signed like the library's own, with the customer key if there is one.
async fn head(store: &Store, key: &str) -> Result<HeaderMap, StoreError> {
    let operator = store.operator();
    let presign = operator.presign_stat(key, Duration::from_secs(300));
    let request = store.within("head", key, presign).await?;
    let mut last = None;
    for _ in 0..HEAD_ATTEMPTS {
        let request: Request<Buffer> = request.clone().into();
        let send = operator.context().http_transport().send(request);
        match store.within("head", key, send).await {
            Ok(reply) if reply.status() == StatusCode::OK => {
                return Ok(reply.into_parts().0.headers);
            }
            Ok(reply) => {
                let kind = match reply.status().as_u16() {
                    401 | 403 => StoreErrorKind::Denied,
                    500.. | 429 => StoreErrorKind::Unavailable,
                    _ => StoreErrorKind::Invalid,
                };
                let text = format!("head {key}: the store answers {}", reply.status());
                last = Some(StoreError::new(kind, text));
            }
            Err(err) => last = Some(err),
        }
    }
    Err(last.unwrap_or_else(|| StoreError::invalid("no HEAD was sent")))
}

fn not_exclusive() -> StoreError {
    StoreError::incapable(
        "the store lets two writers create the same object (it ignores If-None-Match or checks it \
         without a lock), so two gateways could destroy a volume: use a store, or a version of it, \
         with conditional writes",
    )
}

fn explain_first_write(err: StoreError) -> StoreError {
    if err.kind() != StoreErrorKind::Denied {
        return err;
    }
    StoreError::new(
        StoreErrorKind::Denied,
        format!("{err}. The gateway needs to put, get, list and delete objects"),
    )
}

const PROBE_NAMES: [&str; 3] = ["large", "once", "race"];
const FIRST: Bytes = Bytes::from_static(b"sealgate probe, first");
const SECOND: Bytes = Bytes::from_static(b"sealgate probe, second");
const THIRD: Bytes = Bytes::from_static(b"sealgate probe, third");
/// Above the 5 MiB at which S3 clients start to split.
const SINGLE_PUT_BYTES: usize = 6 << 20;
/// A probe is abandoned after a day; the slowest takes a minute.
const LEFTOVER_SECONDS: i64 = 24 * 3_600;
/// The HEAD is sent past the retry layer, so it has a few tries of its own.
const HEAD_ATTEMPTS: usize = 3;
/// Longest part of a reply header that is kept.
const HEADER_CHARS_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(algorithm: &str, id: &str) -> SseReply {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        SseReply { algorithm: some(algorithm), kms_key_id: some(id), customer_algorithm: None }
    }

    #[test]
    fn only_the_encryption_that_was_asked_for_is_accepted() {
        let arn = "arn:aws:kms:eu-1:123:key/abc-1";
        let kms = |id: &str| Sse::Kms { key_id: Some(id.to_owned()) };
        assert!(judge(&Sse::None, &reply("", "")).is_ok());
        assert!(judge(&Sse::S3, &reply("AES256", "")).is_ok());
        assert!(judge(&Sse::S3, &reply("", "")).is_err());
        assert!(judge(&Sse::S3, &reply("aws:kms", arn)).is_err());
        assert!(judge(&Sse::Kms { key_id: None }, &reply("aws:kms", arn)).is_ok());
        assert!(judge(&Sse::Kms { key_id: None }, &reply("AES256", "")).is_err());
        assert!(judge(&kms("abc-1"), &reply("aws:kms", arn)).is_ok());
        assert!(judge(&kms(arn), &reply("aws:kms", arn)).is_ok());
        assert!(judge(&kms("alias/volume"), &reply("aws:kms", arn)).is_ok());
        assert!(judge(&kms("other"), &reply("aws:kms", arn)).is_err());
        let key = crate::store::CustomerKey::parse(&format!("{}=", "A".repeat(43))).unwrap();
        let customer = Sse::Customer { key };
        assert!(judge(&customer, &reply("AES256", "")).is_err());
        let answered = SseReply { customer_algorithm: Some("AES256".into()), ..Default::default() };
        assert!(judge(&customer, &answered).is_ok());
    }

    #[test]
    fn the_refusal_says_what_came_and_what_to_change() {
        let text = judge(&Sse::S3, &reply("", "")).unwrap_err().to_string();
        assert!(text.contains("`s3`") && text.contains("nothing") && text.contains("--sse"));
    }
}
