//! Tools for tests: a clock that stands still until it is told, random bytes from a seed, a model
//! file system, a volume in memory. Nothing here is part of the gateway.

mod clock;
mod fault;
mod memory_volume;
mod model;
mod random;
mod recount;
mod world;

pub use clock::SimClock;
pub use fault::{Fault, Faults};
pub use memory_volume::MemoryVolume;
pub use model::{Model, Node, NodeId, Stamp};
pub use random::SeededRandom;
pub use recount::recount;
pub use world::{SECRET, Unlocked, World};
