//! The store: a bucket, a container or a directory, reached through an OpenDAL operator.
//!
//! Every object is written whole, with one PUT, and asks for the volume's server-side encryption.
//! Local directories and memory are services of our own, because those of the library cannot
//! create an object both atomically and exclusively. The probe checks all promises at start and
//! refuses a store that cannot keep them.

mod credentials;
mod directory;
mod error;
mod measure;
mod memory;
mod open;
mod plain;
mod probe;
mod sse;
#[expect(clippy::module_inception, reason = "the type this module is named after")]
mod store;
#[cfg(test)]
mod tests;
mod url;

pub use credentials::{SecretText, StoreCredentials};
pub use error::{StoreError, StoreErrorKind};
pub use open::StoreOptions;
pub use probe::{ProbeReport, SseReply};
pub use sse::{CustomerKey, SSE_CUSTOMER_KEY_ENV, Sse, SseFacts};
pub use store::{ObjectMeta, Store, without_empty_parts};
pub use url::StoreUrl;
