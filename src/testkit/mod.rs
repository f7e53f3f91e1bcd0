//! Tools for tests: a clock that stands still until it is told, random bytes from a seed, a model
//! file system, a volume in memory. Nothing here is part of the gateway.

mod clock;
mod random;
mod world;

pub use clock::SimClock;
pub use random::SeededRandom;
pub use world::{SECRET, World};
