//! Conversions between sizes, and sizes in text.

/// Widens a length in memory; the gateway runs on 64-bit hosts only.
#[must_use]
pub const fn to_u64(len: usize) -> u64 {
    const { assert!(usize::BITS == 64, "sealgate needs a 64-bit host") };
    #[expect(clippy::as_conversions, reason = "widening, checked at compile time above")]
    {
        len as u64
    }
}

/// Turns a stored length into a length in memory; lossless on 64-bit hosts.
#[must_use]
pub const fn to_usize(len: u64) -> usize {
    const { assert!(usize::BITS == 64, "sealgate needs a 64-bit host") };
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        reason = "same width, checked at compile time above"
    )]
    {
        len as usize
    }
}

/// Narrows a length that a limit already bounds.
///
/// # Panics
/// If `len` does not fit 32 bits: the caller did not apply its limit.
#[must_use]
pub fn to_u32(len: usize) -> u32 {
    u32::try_from(len).expect("lengths are bounded by base::limits before they are narrowed")
}

/// Reads a size such as `64KiB`, `16MiB`, `2GiB`, `4096` or `10MB`; `None` if it is not one.
#[must_use]
pub fn parse_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim() {
        "" | "B" => 1,
        "KiB" | "K" => 1 << 10,
        "MiB" | "M" => 1 << 20,
        "GiB" | "G" => 1 << 30,
        "TiB" | "T" => 1 << 40,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_unit() {
        assert_eq!(parse_bytes("64KiB"), Some(65_536));
        assert_eq!(parse_bytes("10 MB"), Some(10_000_000));
        assert_eq!(parse_bytes("7"), Some(7));
        assert_eq!(parse_bytes("7 parsecs"), None);
        assert_eq!(parse_bytes("99999999999TiB"), None);
        assert_eq!(parse_bytes(""), None);
    }
}
