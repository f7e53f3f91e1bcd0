//! Randomness as an argument.

/// Where random bytes come from. Keys, nonces and ids need one that nobody can predict.
pub trait Random: Send + Sync + 'static {
    /// Fills `out` with random bytes.
    fn fill(&self, out: &mut [u8]);

    /// 16 random bytes, the size of every random id.
    fn bytes16(&self) -> [u8; 16] {
        let mut out = [0; 16];
        self.fill(&mut out);
        out
    }
}

/// The operating system's random source.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsRandom;

impl Random for OsRandom {
    /// # Panics
    /// If the operating system has no random bytes to give. Going on would mean keys that
    /// somebody can guess.
    #[expect(clippy::disallowed_methods, reason = "this is where randomness enters the program")]
    fn fill(&self, out: &mut [u8]) {
        getrandom::fill(out).expect("the operating system gives random bytes");
    }
}
