//! Where a store is, in one line of text.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::store::error::StoreError;

/// The address of a store: which vendor, which bucket, which prefix. Carries no credential.
///
/// `./dir`, `/dir`, `dir` and `fs:///dir` name a local directory, `memory://` a store that ends
/// with the process, `s3://bucket/prefix?endpoint=URL&region=R&virtual_host=true` S3 and its
/// relatives, `azblob://container/prefix?endpoint=URL&account=NAME` Azure, and
/// `gcs://bucket/prefix?endpoint=URL` Google. Values may be percent-encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreUrl {
    pub(super) backend: Backend,
}

/// The parts of an address, by vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Backend {
    Directory { path: PathBuf },
    Memory,
    S3(S3Address),
    Azblob { container: String, prefix: String, endpoint: Option<String>, account: Option<String> },
    Gcs { bucket: String, prefix: String, endpoint: Option<String> },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct S3Address {
    pub(super) bucket: String,
    pub(super) prefix: String,
    pub(super) endpoint: Option<String>,
    pub(super) region: Option<String>,
    pub(super) virtual_host: bool,
}

impl StoreUrl {
    /// Reads an address. A bare word is a directory; a caller that knows volumes by name asks its
    /// config file first.
    ///
    /// # Errors
    /// `Invalid` for an unknown scheme, an unknown or repeated query key (named in the message),
    /// a missing bucket, a prefix with `.`, `..` or empty parts, and for anything that looks like
    /// a credential. The message never repeats a value.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Self::directory(Path::new(text));
        };
        let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut query = Query::parse(query)?;
        if address.contains('@') {
            return Err(refuse_credential("a user name or password"));
        }
        let (name, prefix) = address.split_once('/').unwrap_or((address, ""));
        let backend = match scheme {
            "fs" | "file" => {
                if !name.is_empty() || !address.starts_with('/') {
                    return Err(StoreError::invalid(
                        "fs:// wants an absolute path with three slashes: fs:///path/to/dir",
                    ));
                }
                query.finish(scheme)?;
                return Self::directory(Path::new(&decode(address)?));
            }
            "memory" if address.is_empty() => Backend::Memory,
            "memory" => return Err(StoreError::invalid("memory:// takes no path")),
            "s3" => Backend::S3(S3Address {
                bucket: bucket(name, "bucket")?,
                prefix: prefix_of(prefix)?,
                endpoint: query.endpoint()?,
                region: query.take("region"),
                virtual_host: query.flag("virtual_host")?,
            }),
            "azblob" => Backend::Azblob {
                container: bucket(name, "container")?,
                prefix: prefix_of(prefix)?,
                endpoint: query.endpoint()?,
                account: query.take("account"),
            },
            "gcs" | "gs" => Backend::Gcs {
                bucket: bucket(name, "bucket")?,
                prefix: prefix_of(prefix)?,
                endpoint: query.endpoint()?,
            },
            _ => {
                return Err(StoreError::invalid(
                    "unknown kind of store: use a path, fs://, memory://, s3://, azblob:// or \
                     gcs://",
                ));
            }
        };
        query.finish(scheme)?;
        Ok(Self { backend })
    }

    /// The store in a local directory.
    ///
    /// # Errors
    /// `Invalid` if `path` is empty or cannot be made absolute.
    pub fn directory(path: &Path) -> Result<Self, StoreError> {
        if path.as_os_str().is_empty() {
            return Err(StoreError::invalid("the store's path is empty"));
        }
        let path = std::path::absolute(path)
            .map_err(|err| StoreError::invalid(format!("the store's path is unusable: {err}")))?;
        Ok(Self { backend: Backend::Directory { path } })
    }

    /// The kind of store: `fs`, `memory`, `s3`, `azblob` or `gcs`.
    #[must_use]
    pub const fn scheme(&self) -> &'static str {
        match self.backend {
            Backend::Directory { .. } => "fs",
            Backend::Memory => "memory",
            Backend::S3(_) => "s3",
            Backend::Azblob { .. } => "azblob",
            Backend::Gcs { .. } => "gcs",
        }
    }

    /// The directory, if the store is one.
    #[must_use]
    pub fn as_directory(&self) -> Option<&Path> {
        match &self.backend {
            Backend::Directory { path } => Some(path),
            Backend::Memory | Backend::S3(_) | Backend::Azblob { .. } | Backend::Gcs { .. } => None,
        }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, prefix, query): (&str, &str, Vec<(&str, &str)>) = match &self.backend {
            Backend::Directory { path } => {
                return write!(f, "fs://{}", Escaped(&path.to_string_lossy()));
            }
            Backend::Memory => return f.write_str("memory://"),
            Backend::S3(s3) => {
                let mut query = Vec::new();
                query.extend(s3.endpoint.as_deref().map(|v| ("endpoint", v)));
                query.extend(s3.region.as_deref().map(|v| ("region", v)));
                query.extend(s3.virtual_host.then_some(("virtual_host", "true")));
                (&s3.bucket, &s3.prefix, query)
            }
            Backend::Azblob { container, prefix, endpoint, account } => {
                let mut query = Vec::new();
                query.extend(endpoint.as_deref().map(|v| ("endpoint", v)));
                query.extend(account.as_deref().map(|v| ("account", v)));
                (container, prefix, query)
            }
            Backend::Gcs { bucket, prefix, endpoint } => {
                (bucket, prefix, endpoint.as_deref().map(|v| ("endpoint", v)).into_iter().collect())
            }
        };
        write!(f, "{}://{name}", self.scheme())?;
        if !prefix.is_empty() {
            write!(f, "/{}", Escaped(prefix))?;
        }
        for (index, (key, value)) in query.iter().enumerate() {
            write!(f, "{}{key}={}", if index == 0 { '?' } else { '&' }, Escaped(value))?;
        }
        Ok(())
    }
}

/// Text with what would end or change an address percent-encoded: what is printed can be typed.
struct Escaped<'t>(&'t str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            if c.is_control() || matches!(c, '%' | '?' | '&' | '@') {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    write!(f, "%{byte:02X}")?;
                }
            } else {
                write!(f, "{c}")?;
            }
        }
        Ok(())
    }
}

impl std::str::FromStr for StoreUrl {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        Self::parse(text)
    }
}

/// The query of a URL; every key must be taken by somebody.
struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    fn parse(text: &str) -> Result<Self, StoreError> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let key = decode(key)?;
            let lower = key.to_ascii_lowercase();
            if CREDENTIAL_WORDS.iter().any(|word| lower.contains(word)) {
                return Err(refuse_credential(&format!("`{key}`")));
            }
            if pairs.iter().any(|(known, _)| *known == key) {
                return Err(StoreError::invalid(format!("the URL has `{key}` twice")));
            }
            pairs.push((key, decode(value)?));
        }
        Ok(Self { pairs })
    }

    fn take(&mut self, key: &str) -> Option<String> {
        let index = self.pairs.iter().position(|(known, _)| known == key)?;
        Some(self.pairs.remove(index).1).filter(|value| !value.is_empty())
    }

    fn endpoint(&mut self) -> Result<Option<String>, StoreError> {
        let Some(endpoint) = self.take("endpoint") else { return Ok(None) };
        let Some((scheme, host)) = endpoint.split_once("://") else {
            return Err(StoreError::invalid("`endpoint` must start with http:// or https://"));
        };
        if !matches!(scheme, "http" | "https") || host.is_empty() {
            return Err(StoreError::invalid("`endpoint` must start with http:// or https://"));
        }
        if host.contains('@') {
            return Err(refuse_credential("a user name or password in `endpoint`"));
        }
        Ok(Some(endpoint.trim_end_matches('/').to_owned()))
    }

    fn flag(&mut self, key: &str) -> Result<bool, StoreError> {
        match self.take(key).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(StoreError::invalid(format!("`{key}` is true or false"))),
        }
    }

    fn finish(&self, scheme: &str) -> Result<(), StoreError> {
        match self.pairs.first() {
            None => Ok(()),
            Some((key, _)) => Err(StoreError::invalid(format!(
                "unknown key `{key}` in a {scheme}:// URL{}",
                match scheme {
                    "s3" => ": it takes endpoint, region and virtual_host",
                    "azblob" => ": it takes endpoint and account",
                    "gcs" | "gs" => ": it takes endpoint",
                    _ => ": it takes none",
                }
            ))),
        }
    }
}

fn refuse_credential(what: &str) -> StoreError {
    StoreError::invalid(format!(
        "the URL carries {what}: a URL ends up in shell histories, process lists and logs, so \
         credentials belong in the environment (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, \
         AZURE_STORAGE_ACCOUNT_KEY, GOOGLE_APPLICATION_CREDENTIALS) or in the config file"
    ))
}

fn bucket(name: &str, what: &str) -> Result<String, StoreError> {
    let name = decode(name)?;
    let lawful = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '$');
    if name.is_empty() || name.len() > 255 || !name.chars().all(lawful) {
        return Err(StoreError::invalid(format!("the URL names no lawful {what}")));
    }
    Ok(name)
}

fn prefix_of(text: &str) -> Result<String, StoreError> {
    let prefix = decode(text)?;
    let prefix = prefix.trim_end_matches('/');
    if prefix.is_empty() {
        return Ok(String::new());
    }
    if prefix.len() > PREFIX_BYTES_MAX {
        return Err(StoreError::invalid("the prefix is too long"));
    }
    for part in prefix.split('/') {
        if matches!(part, "" | "." | "..") || part.chars().any(char::is_control) {
            return Err(StoreError::invalid(
                "the prefix has an empty part, `.`, `..` or a control",
            ));
        }
    }
    Ok(prefix.to_owned())
}

/// Undoes percent-encoding.
fn decode(text: &str) -> Result<String, StoreError> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|b| char::from(b).to_digit(16));
        let pair = digit().zip(digit()).and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
        out.push(pair.ok_or_else(|| StoreError::invalid("the URL has a broken % escape"))?);
    }
    String::from_utf8(out).map_err(|_| StoreError::invalid("the URL is not UTF-8"))
}

/// Words in a query key that make it a credential.
const CREDENTIAL_WORDS: [&str; 8] =
    ["secret", "token", "password", "passwd", "credential", "key", "sas", "signature"];

/// Object keys end at 1,024 bytes in most stores; ours need up to 200 of them.
const PREFIX_BYTES_MAX: usize = 800;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreErrorKind;

    /// Regression: the directory `/d/a?b` was printed as `fs:///d/a?b`, which names `/d/a`.
    #[test]
    fn a_printed_address_names_the_same_store() {
        let odd = "/d/a?b 100% & more@home";
        let label = StoreUrl::parse(odd).unwrap().to_string();
        assert_eq!(StoreUrl::parse(&label), StoreUrl::parse(odd), "{label}");
        let odd = "s3://bucket/a%3Fb%25c?region=x%26y";
        let label = StoreUrl::parse(odd).unwrap().to_string();
        assert_eq!(StoreUrl::parse(&label), StoreUrl::parse(odd), "{label}");
        assert_eq!(label, odd);
    }

    fn shown(text: &str) -> String {
        StoreUrl::parse(text).unwrap().to_string()
    }

    fn refusal(text: &str) -> String {
        let err = StoreUrl::parse(text).unwrap_err();
        assert_eq!(err.kind(), StoreErrorKind::Invalid);
        err.to_string()
    }

    #[test]
    fn a_path_in_any_spelling_is_a_directory() {
        assert_eq!(shown("/var/volume"), "fs:///var/volume");
        assert_eq!(shown("fs:///var/a%20b"), "fs:///var/a b");
        for relative in ["volume", "./volume", "a/b"] {
            assert!(StoreUrl::parse(relative).unwrap().as_directory().unwrap().is_absolute());
        }
        assert!(refusal("fs://var/volume").contains("fs:///path"));
        assert!(refusal("").contains("empty"));
    }

    #[test]
    fn every_vendor_reads_back_from_its_own_display() {
        for text in [
            "memory://",
            "s3://bucket",
            "s3://bucket/a/b?endpoint=http://127.0.0.1:9000&region=eu-1&virtual_host=true",
            "azblob://container/p?endpoint=https://a.blob.core.windows.net&account=a",
            "gcs://bucket/p?endpoint=http://127.0.0.1:4443",
        ] {
            assert_eq!(shown(text), text);
        }
        assert_eq!(
            shown("s3://b/p/?endpoint=http%3A%2F%2Fh%3A1%2F"),
            "s3://b/p?endpoint=http://h:1"
        );
    }

    #[test]
    fn an_unknown_key_is_named() {
        assert!(refusal("s3://b/p?regoin=x").contains("`regoin`"));
        assert!(refusal("memory://?x=1").contains("`x`"));
        assert!(refusal("s3://b?region=a&region=b").contains("twice"));
        assert!(refusal("ftp://b/p").contains("unknown kind"));
    }

    #[test]
    fn a_credential_in_the_url_is_refused_without_repeating_it() {
        for text in [
            "s3://AKIA:HUSH@bucket/p",
            "s3://bucket?access_key_id=HUSH",
            "s3://bucket?secret_access_key=HUSH",
            "s3://bucket?session_token=HUSH",
            "s3://bucket?endpoint=http://user:HUSH@host",
            "azblob://c?sas_token=HUSH",
        ] {
            let message = refusal(text);
            assert!(message.contains("environment"), "{message}");
            assert!(!message.contains("HUSH"), "{message}");
        }
    }

    #[test]
    fn a_prefix_cannot_climb() {
        for text in ["s3://b/../c", "s3://b/a//b", "s3://b/./c", "s3://b/a%2f..%2fb", "s3:///p"] {
            refusal(text);
        }
        refusal("s3://b/%zz");
        refusal("s3://b?endpoint=host:9000");
    }
}
