//! Metadata: an ordered, transactional byte store behind one trait, and the sealing of every record
//! before an engine sees it.
//!
//! Owns: keys of records and their sealing. Guarantees: an engine and whatever it writes see sealed
//! values and keys without names. Leaves to others: what records mean (`vfs`), their layouts
//! (`format`).

mod engine;
pub mod engines;
mod flush;
pub mod keys;
mod sealed;

pub use engine::{Capabilities, Durability, Isolation, MetaEngine, MetaError, MetaTxn};
pub use flush::{FlushCoordinator, FlushStats};
pub use keys::RecordKey;
pub use sealed::{Found, RecordError, Records, Txn};
