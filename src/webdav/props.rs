//! Properties (RFC 4918 §15, RFC 4331): live ones made from attributes, dead ones kept as XML.

use bytes::Bytes;

use super::dates::http_date;
use super::dates::iso_date;
use super::locks::Lock;
use super::session::etag;
use super::xml;
use super::xml::Element;
use super::xml::NS_DAV;
use crate::base::FileName;
use crate::vfs::Attr;
use crate::vfs::FileKind;
use crate::vfs::StatFs;

/// Namespace of the Windows redirector's properties.
pub(super) const NS_MICROSOFT: &str = "urn:schemas-microsoft-com:";
/// Namespace of Apache's `executable`.
pub(super) const NS_APACHE: &str = "http://apache.org/dav/props/";

/// The name of a property.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct PropName {
    pub(super) namespace: String,
    pub(super) name: String,
}

impl PropName {
    /// The name that `element` has as a property.
    pub(super) fn of(element: &Element) -> Self {
        Self { namespace: element.namespace.clone(), name: element.name.clone() }
    }

    fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.to_owned(), name: name.to_owned() }
    }

    /// The key under which the vfs keeps it as a dead property: `{namespace}name`.
    pub(super) fn key(&self) -> Bytes {
        Bytes::from(format!("{{{}}}{}", self.namespace, self.name))
    }

    /// Reads a key back. Local names hold no brace, so the last one ends the namespace.
    pub(super) fn from_key(key: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(key).ok()?.strip_prefix('{')?;
        let (namespace, name) = text.rsplit_once('}')?;
        Some(Self::new(namespace, name))
    }

    /// Whether it is the `DAV:` property `name`.
    fn is_dav(&self, name: &str) -> bool {
        self.namespace == NS_DAV && self.name == name
    }

    /// Appends the property without a value, as `propname` and refusals list it.
    pub(super) fn write_empty(&self, out: &mut String) {
        self.write(out, "");
    }

    /// Appends the property with `content`, which is XML already. `D` is declared outside.
    fn write(&self, out: &mut String, content: &str) {
        let (prefix, declared) = match self.namespace.as_str() {
            NS_DAV => ("D:", String::new()),
            "" => ("", String::new()),
            namespace => {
                let mut declared = String::from(" xmlns:p=\"");
                xml::escape(&mut declared, namespace);
                declared.push('"');
                ("p:", declared)
            }
        };
        let name = &self.name;
        if content.is_empty() {
            out.push_str(&format!("<{prefix}{name}{declared}/>"));
        } else {
            out.push_str(&format!("<{prefix}{name}{declared}>{content}</{prefix}{name}>"));
        }
    }
}

/// A resource as properties see it.
#[derive(Debug)]
pub(super) struct Resource<'a> {
    pub(super) attr: &'a Attr,
    /// Last name of its path, `None` for the root: decides its content type.
    pub(super) name: Option<&'a FileName>,
    /// Locks that cover it, with the time each has left in seconds.
    pub(super) locks: &'a [(Lock, u64)],
    /// Space, if a quota property was asked for and could be had.
    pub(super) space: Option<&'a StatFs>,
    /// Its dead properties: key and XML.
    pub(super) dead: &'a [(Bytes, Bytes)],
}

/// Properties that `allprop` gives, besides the dead ones (RFC 4918 §9.1, appendix of live ones).
const ALLPROP: [&str; 8] = [
    "creationdate",
    "getcontentlength",
    "getcontenttype",
    "getetag",
    "getlastmodified",
    "lockdiscovery",
    "resourcetype",
    "supportedlock",
];

/// What only an explicit request gives: quota is not free, and RFC 4331 §3 says so.
const NAMED_ONLY: [&str; 4] = ["quota-available-bytes", "quota-used-bytes", "quota", "quotaused"];

/// The live properties of Windows.
const WIN32: [&str; 4] =
    ["Win32CreationTime", "Win32LastAccessTime", "Win32LastModifiedTime", "Win32FileAttributes"];

/// The names that `allprop` stands for; Windows also expects its own.
pub(super) fn allprop(microsoft: bool) -> Vec<PropName> {
    let mut names: Vec<_> = ALLPROP.iter().map(|name| PropName::new(NS_DAV, name)).collect();
    if microsoft {
        names.extend(WIN32.iter().map(|name| PropName::new(NS_MICROSOFT, name)));
    }
    names
}

/// The names that `propname` lists, besides the dead ones.
pub(super) fn propname() -> Vec<PropName> {
    let mut names = allprop(true);
    names.extend(NAMED_ONLY.iter().take(2).map(|name| PropName::new(NS_DAV, name)));
    names.push(PropName::new(NS_APACHE, "executable"));
    names
}

/// Whether any of the names needs the space of the volume.
pub(super) fn needs_space(names: &[PropName]) -> bool {
    names.iter().any(|prop| NAMED_ONLY.iter().any(|name| prop.is_dav(name)))
}

/// Whether a client may not set the property, because its value is not the client's to decide
/// (RFC 4918 §16: `cannot-modify-protected-property`).
pub(super) fn is_protected(prop: &PropName) -> bool {
    let mut protected = ALLPROP.iter().chain(&NAMED_ONLY);
    !prop.is_dav("getlastmodified") && protected.any(|name| prop.is_dav(name))
}

/// Appends the property as XML if the resource has it.
pub(super) fn write(prop: &PropName, resource: &Resource<'_>, out: &mut String) -> bool {
    let dead = || {
        let key = prop.key();
        let found = resource.dead.iter().find(|(known, _)| *known == key);
        found.and_then(|(_, value)| std::str::from_utf8(value).ok())
    };
    match prop.namespace.as_str() {
        NS_DAV => {
            if let Some(content) = live_dav(&prop.name, resource) {
                prop.write(out, &content);
                return true;
            }
        }
        NS_APACHE if prop.name == "executable" && resource.attr.kind == FileKind::File => {
            prop.write(out, if resource.attr.mode & 0o111 == 0 { "F" } else { "T" });
            return true;
        }
        NS_MICROSOFT => {
            // A value that Windows set comes back as it was, except the times that the volume
            // keeps itself and other clients may have changed since.
            if let Some(content) = live_microsoft(&prop.name, resource, dead().is_some()) {
                prop.write(out, &content);
                return true;
            }
        }
        _ => {}
    }
    dead().inspect(|value| out.push_str(value)).is_some()
}

/// The content of a live property of the namespace `DAV:`, if the resource has it.
fn live_dav(name: &str, resource: &Resource<'_>) -> Option<String> {
    let attr = resource.attr;
    let collection = attr.kind == FileKind::Directory;
    let content = match name {
        "creationdate" => iso_date(attr.ctime.min(attr.mtime)),
        "getlastmodified" => http_date(attr.mtime),
        "getetag" => escaped(&etag(attr)),
        "getcontentlength" if !collection => attr.size.to_string(),
        "getcontenttype" if collection => "httpd/unix-directory".to_owned(),
        "getcontenttype" => escaped(content_type(resource.name)),
        "resourcetype" if collection => "<D:collection/>".to_owned(),
        "resourcetype" => String::new(),
        "supportedlock" => SUPPORTED_LOCKS.to_owned(),
        "lockdiscovery" => {
            let mut out = String::new();
            for (lock, seconds) in resource.locks {
                write_active_lock(lock, *seconds, &mut out);
            }
            out
        }
        "quota-available-bytes" | "quota" => resource.space?.free_bytes.to_string(),
        "quota-used-bytes" | "quotaused" => {
            let space = resource.space?;
            space.total_bytes.saturating_sub(space.free_bytes).to_string()
        }
        _ => return None,
    };
    Some(content)
}

/// The content of a live property of Windows. `kept`: a client set a value, which counts.
fn live_microsoft(name: &str, resource: &Resource<'_>, kept: bool) -> Option<String> {
    let attr = resource.attr;
    match name {
        "Win32LastModifiedTime" => Some(http_date(attr.mtime)),
        "Win32LastAccessTime" => Some(http_date(attr.atime)),
        "Win32CreationTime" if !kept => Some(http_date(attr.ctime.min(attr.mtime))),
        "Win32FileAttributes" if !kept => {
            let hidden = resource.name.is_some_and(|name| name.as_bytes().starts_with(b"."));
            let kind: u32 = if attr.kind == FileKind::Directory { 0x10 } else { 0x20 };
            Some(format!("{:08x}", kind | if hidden { 0x02 } else { 0 }))
        }
        _ => None,
    }
}

/// The media type that the ending of a name stands for.
pub(super) fn content_type(name: Option<&FileName>) -> &'static str {
    let name = name.and_then(|name| std::str::from_utf8(name.as_bytes()).ok());
    let ending = name.and_then(|name| name.rsplit_once('.')).map(|(_, ending)| ending);
    let guess = ending.and_then(|ending| mime_guess::from_ext(ending).first_raw());
    guess.unwrap_or("application/octet-stream")
}

/// Appends an `activelock` element (RFC 4918 §14.1).
pub(super) fn write_active_lock(lock: &Lock, seconds: u64, out: &mut String) {
    let scope = if lock.shared { "<D:shared/>" } else { "<D:exclusive/>" };
    let depth = if lock.deep { "infinity" } else { "0" };
    out.push_str(&format!(
        "<D:activelock><D:locktype><D:write/></D:locktype><D:lockscope>{scope}</D:lockscope>\
         <D:depth>{depth}</D:depth>"
    ));
    out.push_str(lock.owner_xml.as_deref().unwrap_or_default());
    out.push_str(&format!("<D:timeout>Second-{seconds}</D:timeout><D:locktoken>"));
    xml::dav_text(out, "href", &lock.token);
    out.push_str("</D:locktoken><D:lockroot>");
    xml::dav_text(out, "href", &lock.root.href(lock.collection));
    out.push_str("</D:lockroot></D:activelock>");
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    xml::escape(&mut out, text);
    out
}

/// Exclusive and shared write locks, on everything.
const SUPPORTED_LOCKS: &str = "<D:lockentry><D:lockscope><D:exclusive/></D:lockscope>\
    <D:locktype><D:write/></D:locktype></D:lockentry>\
    <D:lockentry><D:lockscope><D:shared/></D:lockscope>\
    <D:locktype><D:write/></D:locktype></D:lockentry>";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::InodeId;
    use crate::base::Timestamp;

    fn attr(kind: FileKind) -> Attr {
        let time = Timestamp::new(784_111_777, 0);
        Attr {
            inode: InodeId::new(18).unwrap(),
            kind,
            mode: 0o755,
            nlink: 1,
            uid: 0,
            gid: 0,
            size: 7,
            used_bytes: 0,
            rdev: (0, 0),
            atime: time,
            mtime: time,
            ctime: time,
            version: 3,
        }
    }

    fn written(kind: FileKind, namespace: &str, name: &str) -> Option<String> {
        let attr = attr(kind);
        let name_of_file = FileName::new(&b".photo.jpeg"[..]).unwrap();
        let kept = PropName::new(NS_MICROSOFT, "Win32FileAttributes").key();
        let dead = [(kept, Bytes::from_static(b"<k/>"))];
        let resource = Resource {
            attr: &attr,
            name: Some(&name_of_file),
            locks: &[],
            space: None,
            dead: if namespace == "kept" { &dead } else { &[] },
        };
        let namespace = if namespace == "kept" { NS_MICROSOFT } else { namespace };
        let mut out = String::new();
        write(&PropName::new(namespace, name), &resource, &mut out).then_some(out)
    }

    #[test]
    fn live_properties_of_a_file() {
        let dav = |name| written(FileKind::File, NS_DAV, name);
        assert_eq!(dav("getcontentlength").unwrap(), "<D:getcontentlength>7</D:getcontentlength>");
        assert_eq!(dav("getetag").unwrap(), "<D:getetag>&quot;12-3&quot;</D:getetag>");
        assert_eq!(dav("resourcetype").unwrap(), "<D:resourcetype/>");
        assert!(dav("getcontenttype").unwrap().contains("image/jpeg"));
        assert!(dav("creationdate").unwrap().contains("1994-11-06T08:49:37Z"));
        assert_eq!(dav("quota-used-bytes"), None, "unknown space is not shown as zero");
        assert_eq!(dav("nothing"), None);
    }

    #[test]
    fn a_collection_has_a_resource_type_and_no_length() {
        let dav = |name| written(FileKind::Directory, NS_DAV, name);
        assert_eq!(
            dav("resourcetype").unwrap(),
            "<D:resourcetype><D:collection/></D:resourcetype>"
        );
        assert_eq!(dav("getcontentlength"), None);
    }

    #[test]
    fn what_windows_set_comes_back_before_what_we_would_say() {
        let live = written(FileKind::File, NS_MICROSOFT, "Win32FileAttributes").unwrap();
        assert!(live.contains("00000022"), "{live}");
        assert_eq!(written(FileKind::File, "kept", "Win32FileAttributes").unwrap(), "<k/>");
    }

    #[test]
    fn a_property_key_reads_back() {
        for (namespace, name) in [("DAV:", "displayname"), ("", "x"), ("urn:{a}", "b")] {
            let prop = PropName::new(namespace, name);
            assert_eq!(PropName::from_key(&prop.key()), Some(prop));
        }
        assert_eq!(PropName::from_key(b"\xff"), None);
    }

    #[test]
    fn clients_may_set_times_but_not_lengths() {
        assert!(is_protected(&PropName::new(NS_DAV, "getetag")));
        assert!(is_protected(&PropName::new(NS_DAV, "quota")));
        assert!(!is_protected(&PropName::new(NS_DAV, "getlastmodified")));
        assert!(!is_protected(&PropName::new(NS_DAV, "displayname")));
        assert!(!is_protected(&PropName::new("urn:x", "getetag")));
    }
}
