//! Metadata: an ordered, transactional byte store behind one trait, and the sealing of every record
//! before an engine sees it.

mod engine;
pub mod engines;
mod flush;

pub use engine::{Capabilities, Durability, Isolation, MetaEngine, MetaError, MetaTxn};
pub use flush::{FlushCoordinator, FlushStats};
