//! The answers of the admin service. Fields are added, never renamed; a new meaning is a new path.

use serde::Serialize;

/// Why a gateway is not ready, for machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasonCode {
    /// The process is stopping: requests under way are finished, new ones are not taken.
    Draining,
    /// Another gateway took the volume over; this one refuses writes for good.
    Fenced,
    /// The object store did not answer the last check.
    StoreUnreachable,
    /// A flush failed; writes are refused until one succeeds.
    WritesRefused,
}

/// One reason why a gateway is not ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// For machines.
    pub code: ReasonCode,
    /// For people: what happened and what to do.
    pub message: String,
}

/// The body of `/readyz`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Readiness {
    /// Whether requests are served in full. `/readyz` answers 200 if so, 503 if not.
    pub ready: bool,
    /// Why not; empty when ready.
    pub reasons: Vec<Reason>,
}

impl Readiness {
    /// Ready exactly if there is no reason against it.
    #[must_use]
    pub fn from_reasons(reasons: Vec<Reason>) -> Self {
        Self { ready: reasons.is_empty(), reasons }
    }
}

/// The volume being served, in `/v1/status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VolumeStatus {
    /// The name given at creation, if any.
    pub name: Option<String>,
    /// 32 hexadecimal digits.
    pub id: String,
    /// Where it lives, without credentials.
    pub store: String,
    /// `aes-256-gcm` or `none`.
    pub encryption: String,
    /// `none`, `lz4` or `zstd`.
    pub compression: String,
    /// Bytes of one extent.
    pub extent_bytes: u32,
    /// Server-side encryption asked of the store.
    pub sse: String,
    /// Whether this gateway refuses writes by choice.
    pub read_only: bool,
}

/// What an acknowledged write survives, in `/v1/status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DurabilityStatus {
    /// `store`: the object store has what was acknowledged as stable.
    pub tier: &'static str,
    /// `always` or `interval`.
    pub metadata_sync: String,
    /// Longest time a metadata change waits under `interval`, in milliseconds.
    pub flush_interval_ms: u64,
}

/// The bound addresses, in `/v1/status`; null when switched off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ListenerStatus {
    /// NFSv3 and MOUNT.
    pub nfs: Option<String>,
    /// WebDAV.
    pub webdav: Option<String>,
    /// This service.
    pub admin: Option<String>,
}

/// The body of `/v1/status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Version of the gateway.
    pub version: &'static str,
    /// Seconds since the process began to serve.
    pub uptime_seconds: u64,
    /// The volume.
    pub volume: VolumeStatus,
    /// What an acknowledged write survives.
    pub durability: DurabilityStatus,
    /// Content written by clients that the store does not have yet, in bytes.
    pub dirty_bytes: u64,
    /// Where it is served.
    pub listeners: ListenerStatus,
    /// As `/readyz`.
    pub readiness: Readiness,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_names_each_reason_for_machines_and_people() {
        let reason = Reason { code: ReasonCode::StoreUnreachable, message: "no answer".to_owned() };
        let readiness = Readiness::from_reasons(vec![reason]);
        assert!(!readiness.ready);
        assert_eq!(
            serde_json::to_string(&readiness).unwrap(),
            r#"{"ready":false,"reasons":[{"code":"store_unreachable","message":"no answer"}]}"#
        );
        assert!(Readiness::from_reasons(Vec::new()).ready);
    }
}
