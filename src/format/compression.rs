//! Compression codecs, by the byte that names them in a frame's binding.

use std::fmt;
use std::str::FromStr;

use crate::base::CodecError;

/// How frames are compressed before they are sealed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Not at all: lengths tell nothing about content.
    #[default]
    None,
    /// LZ4 block format: fast.
    Lz4,
    /// Zstandard: smaller.
    Zstd,
}

impl Compression {
    /// The byte in a frame's binding.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Lz4 => 1,
            Self::Zstd => 2,
        }
    }

    /// Reads the byte of a frame's binding.
    ///
    /// # Errors
    /// [`CodecError::Range`] for a codec this program does not know.
    pub const fn from_code(code: u8) -> Result<Self, CodecError> {
        match code {
            0 => Ok(Self::None),
            1 => Ok(Self::Lz4),
            2 => Ok(Self::Zstd),
            _ => Err(CodecError::Range { field: "codec" }),
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        })
    }
}

impl FromStr for Compression {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "none" => Ok(Self::None),
            "lz4" => Ok(Self::Lz4),
            "zstd" => Ok(Self::Zstd),
            other => Err(format!("unknown compression `{other}`: use none, lz4 or zstd")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_codec_reads_back_from_its_byte_and_its_name() {
        for codec in [Compression::None, Compression::Lz4, Compression::Zstd] {
            assert_eq!(Compression::from_code(codec.code()), Ok(codec));
            assert_eq!(codec.to_string().parse(), Ok(codec));
        }
        assert!(Compression::from_code(3).is_err());
        assert!("gzip".parse::<Compression>().is_err());
    }
}
