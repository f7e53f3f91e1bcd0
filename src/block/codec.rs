//! Compression of frames. What does not shrink is stored as it is.

use crate::format::Compression;

/// Zstandard level: the fastest that still pays on a slow link.
const ZSTD_LEVEL: i32 = 1;

/// Compresses `plain`; returns the bytes to seal and the codec they carry.
pub(super) fn compress(plain: Vec<u8>, with: Compression) -> (Vec<u8>, Compression) {
    let packed = match with {
        Compression::None => None,
        Compression::Lz4 => Some(lz4_flex::block::compress(&plain)),
        Compression::Zstd => zstd::bulk::compress(&plain, ZSTD_LEVEL).ok(),
    };
    match packed {
        Some(packed) if packed.len() < plain.len() => (packed, with),
        _ => (plain, Compression::None),
    }
}

/// Restores exactly `plain_len` bytes; says why it cannot.
pub(super) fn decompress(
    packed: Vec<u8>,
    with: Compression,
    plain_len: usize,
) -> Result<Vec<u8>, String> {
    let plain = match with {
        Compression::None => packed,
        Compression::Lz4 => {
            lz4_flex::block::decompress(&packed, plain_len).map_err(|error| error.to_string())?
        }
        Compression::Zstd => {
            zstd::bulk::decompress(&packed, plain_len).map_err(|error| error.to_string())?
        }
    };
    if plain.len() == plain_len {
        Ok(plain)
    } else {
        Err(format!("{} bytes instead of {plain_len}", plain.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_codec_restores_what_it_packed() {
        let text = b"the same words again and again, ".repeat(200);
        for with in [Compression::None, Compression::Lz4, Compression::Zstd] {
            let (packed, codec) = compress(text.clone(), with);
            assert_eq!(codec, with);
            assert_eq!(decompress(packed.clone(), codec, text.len()), Ok(text.clone()));
            assert!(decompress(packed, codec, text.len() - 1).is_err(), "a bound is a bound");
        }
    }

    #[test]
    fn what_does_not_shrink_is_stored_as_it_is() {
        let (packed, codec) = compress(vec![7], Compression::Zstd);
        assert_eq!((packed, codec), (vec![7], Compression::None));
    }
}
