//! `[memory]`: how much the gateway may hold.

use serde::Deserialize;

use crate::daemon::config::text::SizeText;

/// `[memory]`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemoryConfig {
    /// Most bytes of written content that wait in memory for the store. At the limit writers slow
    /// down; they never fail and memory never grows. Range 16MiB to 64GiB, default 256MiB.
    #[serde(default)]
    pub budget: Option<SizeText>,
}

impl MemoryConfig {
    /// The budget in bytes.
    ///
    /// # Errors
    /// What to write instead, if the budget is out of range.
    pub fn budget_bytes(&self) -> Result<u64, String> {
        match self.budget {
            None => Ok(BUDGET_BYTES_DEFAULT),
            Some(SizeText(bytes)) if (BUDGET_BYTES_MIN..=BUDGET_BYTES_MAX).contains(&bytes) => {
                Ok(bytes)
            }
            Some(SizeText(bytes)) => Err(format!(
                "budget in [memory] is {bytes} bytes; give something between 16MiB and 64GiB"
            )),
        }
    }
}

/// Enough for several segments under way on a link of 1 Gbit/s, small beside the host's memory.
const BUDGET_BYTES_DEFAULT: u64 = 256 << 20;
/// One open segment: with less, no segment would ever fill.
const BUDGET_BYTES_MIN: u64 = 16 << 20;
/// More would only delay the slowdown that a slow store makes necessary.
const BUDGET_BYTES_MAX: u64 = 64 << 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_out_of_range_is_refused() {
        let budget = |bytes| MemoryConfig { budget: Some(SizeText(bytes)) }.budget_bytes();
        assert_eq!(MemoryConfig::default().budget_bytes(), Ok(256 << 20));
        assert_eq!(budget(16 << 20), Ok(16 << 20));
        assert!(budget((16 << 20) - 1).unwrap_err().contains("16MiB"));
        assert!(budget((64 << 30) + 1).is_err());
    }
}
