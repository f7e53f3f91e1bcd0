//! The control plane: health, readiness, metrics and status over HTTP.
//!
//! Owns: the versioned answers in `api`, their routes, the admin listener and its limits.
//! Guarantees: no answer carries a secret, a file name or content; a slow or greedy client holds
//! one bounded connection and nothing else. Leaves to others: knowing the state (a [`StatusSource`]
//! that the daemon hands down), deciding which addresses may be bound.

mod api;
mod routes;
mod server;

pub use api::{
    DurabilityStatus, ListenerStatus, Readiness, Reason, ReasonCode, Status, VolumeStatus,
};
pub use routes::{AdminState, StatusSource};
pub use server::{AdminOptions, AdminServer};
