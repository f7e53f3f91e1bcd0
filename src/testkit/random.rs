//! Random bytes from a seed: a failing run is run again by its number.

use parking_lot::Mutex;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::base::Random;

/// A stream of bytes that depends on its seed alone.
#[derive(Debug)]
pub struct SeededRandom(Mutex<ChaCha20Rng>);

impl SeededRandom {
    /// The stream of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(ChaCha20Rng::seed_from_u64(seed)))
    }

    /// A number below `bound`.
    ///
    /// # Panics
    /// If `bound` is 0.
    #[must_use]
    pub fn below(&self, bound: u64) -> u64 {
        self.0.lock().next_u64() % bound
    }
}

impl Random for SeededRandom {
    fn fill(&self, out: &mut [u8]) {
        self.0.lock().fill_bytes(out);
    }
}
