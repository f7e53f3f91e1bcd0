//! XML as WebDAV bodies need it: a small tree with namespaces, read under bounds, and a writer.
//!
//! Dead properties must come back with their namespaces, attributes and `xml:lang` (RFC 4918
//! §4.3), so the tree keeps all of them. Document type declarations are refused: nothing in WebDAV
//! needs one, and they are how entity bombs and external entities arrive.

use xml::attribute::OwnedAttribute;
use xml::name::OwnedName;
use xml::reader::ParserConfig;
use xml::reader::XmlEvent;

/// Namespace of WebDAV itself.
pub(super) const NS_DAV: &str = "DAV:";
/// What the prefix `xml` is bound to, everywhere and for ever.
const NS_XML: &str = "http://www.w3.org/XML/1998/namespace";
/// Nesting of elements in a body; real clients stay below ten.
const DEPTH_MAX: usize = 64;
/// Elements and texts in a body: a body of 64 KiB cannot hold many more.
const NODES_MAX: usize = 16_384;
/// Names, attribute values and texts are bounded by the body; this is the body's bound.
pub(super) const BODY_BYTES_MAX: usize = 64 << 10;

/// One element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Element {
    /// The prefix it was written with, empty for none.
    prefix: String,
    /// Its namespace, empty for none.
    pub(super) namespace: String,
    /// Its local name.
    pub(super) name: String,
    attributes: Vec<Attribute>,
    /// What it holds, in order.
    pub(super) children: Vec<Node>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Attribute {
    prefix: String,
    namespace: String,
    name: String,
    value: String,
}

/// What an element holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// A child element.
    Element(Element),
    /// Character data.
    Text(String),
}

/// A body that is no XML we take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum XmlError {
    /// Not well-formed.
    #[error("the body is not well-formed XML")]
    Malformed,
    /// A document type declaration.
    #[error("document type declarations are not accepted")]
    Doctype,
    /// Too deep or too many nodes.
    #[error("the XML body is too large or nested too deeply")]
    TooLarge,
}

impl Element {
    /// Reads a document.
    ///
    /// # Errors
    /// [`XmlError`]; nothing is expanded or fetched, and memory is bounded by the body's size.
    pub(super) fn parse(body: &[u8]) -> Result<Self, XmlError> {
        if body.len() > BODY_BYTES_MAX {
            return Err(XmlError::TooLarge);
        }
        let mut config = ParserConfig::new();
        config.whitespace_to_characters = true;
        config.cdata_to_characters = true;
        config.ignore_comments = true;
        config.coalesce_characters = true;
        let mut open: Vec<Self> = Vec::new();
        let mut nodes = 0_usize;
        for event in config.create_reader(body) {
            nodes += 1;
            if nodes > NODES_MAX {
                return Err(XmlError::TooLarge);
            }
            match event.map_err(|_| XmlError::Malformed)? {
                XmlEvent::Doctype { .. } => return Err(XmlError::Doctype),
                XmlEvent::StartElement { name, attributes, .. } => {
                    if open.len() == DEPTH_MAX {
                        return Err(XmlError::TooLarge);
                    }
                    open.push(Self::open(name, attributes, open.last())?);
                }
                XmlEvent::EndElement { .. } => {
                    let Some(done) = open.pop() else { return Err(XmlError::Malformed) };
                    match open.last_mut() {
                        Some(parent) => parent.children.push(Node::Element(done)),
                        None => return Ok(done),
                    }
                }
                XmlEvent::Characters(text) | XmlEvent::CData(text) | XmlEvent::Whitespace(text) => {
                    if let Some(parent) = open.last_mut() {
                        parent.children.push(Node::Text(text));
                    }
                }
                XmlEvent::StartDocument { .. }
                | XmlEvent::ProcessingInstruction { .. }
                | XmlEvent::Comment(_) => {}
                XmlEvent::EndDocument => break,
            }
        }
        Err(XmlError::Malformed)
    }

    /// Starts an element below `parent`, whose language it inherits unless it names its own.
    fn open(
        name: OwnedName,
        attributes: Vec<OwnedAttribute>,
        parent: Option<&Self>,
    ) -> Result<Self, XmlError> {
        let attributes: Vec<Attribute> = attributes.into_iter().map(Attribute::from).collect();
        // A prefix bound to nothing is an error of namespaces (Namespaces in XML 1.0 §5).
        if name.prefix.is_some() && name.namespace.as_deref().unwrap_or_default().is_empty() {
            return Err(XmlError::Malformed);
        }
        let mut element = Self {
            prefix: name.prefix.unwrap_or_default(),
            namespace: name.namespace.unwrap_or_default(),
            name: name.local_name,
            attributes,
            children: Vec::new(),
        };
        if element.lang().is_none()
            && let Some(lang) = parent.and_then(Self::lang)
        {
            element.attributes.push(Attribute {
                prefix: "xml".into(),
                namespace: NS_XML.into(),
                name: "lang".into(),
                value: lang.to_owned(),
            });
        }
        Ok(element)
    }

    /// The value of its own `xml:lang`.
    fn lang(&self) -> Option<&str> {
        let found = self.attributes.iter().find(|a| a.namespace == NS_XML && a.name == "lang");
        found.map(|attribute| attribute.value.as_str())
    }

    /// Whether it is the element `name` of the namespace `DAV:`.
    pub(super) fn is_dav(&self, name: &str) -> bool {
        self.namespace == NS_DAV && self.name == name
    }

    /// Its child elements.
    pub(super) fn elements(&self) -> impl Iterator<Item = &Self> {
        self.children.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// The child element `name` of the namespace `DAV:`.
    pub(super) fn dav_child(&self, name: &str) -> Option<&Self> {
        self.elements().find(|element| element.is_dav(name))
    }

    /// Its text, without that of child elements.
    pub(super) fn text(&self) -> String {
        self.children
            .iter()
            .map(|node| match node {
                Node::Text(text) => text.as_str(),
                Node::Element(_) => "",
            })
            .collect()
    }

    /// Writes the element so that it stands for itself wherever it is put: every namespace it uses
    /// is declared inside it, nothing is assumed to be declared outside.
    pub(super) fn write(&self, out: &mut String) {
        self.write_in(out, &mut vec![(String::new(), String::new())]);
    }

    /// `scope`: the declarations in force, innermost last.
    fn write_in(&self, out: &mut String, scope: &mut Vec<(String, String)>) {
        let outer = scope.len();
        out.push('<');
        push_qualified(out, &self.prefix, &self.name);
        declare(out, scope, &self.prefix, &self.namespace);
        for attribute in &self.attributes {
            if !attribute.prefix.is_empty() {
                declare(out, scope, &attribute.prefix, &attribute.namespace);
            }
            out.push(' ');
            push_qualified(out, &attribute.prefix, &attribute.name);
            out.push_str("=\"");
            escape(out, &attribute.value);
            out.push('"');
        }
        if self.children.is_empty() {
            out.push_str("/>");
        } else {
            out.push('>');
            for child in &self.children {
                match child {
                    Node::Element(element) => element.write_in(out, scope),
                    Node::Text(text) => escape(out, text),
                }
            }
            out.push_str("</");
            push_qualified(out, &self.prefix, &self.name);
            out.push('>');
        }
        scope.truncate(outer);
    }
}

impl From<OwnedAttribute> for Attribute {
    fn from(attribute: OwnedAttribute) -> Self {
        Self {
            prefix: attribute.name.prefix.unwrap_or_default(),
            namespace: attribute.name.namespace.unwrap_or_default(),
            name: attribute.name.local_name,
            value: attribute.value,
        }
    }
}

fn push_qualified(out: &mut String, prefix: &str, name: &str) {
    if !prefix.is_empty() {
        out.push_str(prefix);
        out.push(':');
    }
    out.push_str(name);
}

/// Declares `prefix` as `namespace` unless that is already in force.
fn declare(out: &mut String, scope: &mut Vec<(String, String)>, prefix: &str, namespace: &str) {
    let current = scope.iter().rev().find(|(known, _)| known == prefix).map(|(_, ns)| ns.as_str());
    if namespace == NS_XML || current == Some(namespace) {
        return;
    }
    out.push_str(" xmlns");
    if !prefix.is_empty() {
        out.push(':');
        out.push_str(prefix);
    }
    out.push_str("=\"");
    escape(out, namespace);
    out.push('"');
    scope.push((prefix.to_owned(), namespace.to_owned()));
}

/// Appends `text` so that it reads back as itself in an element and in a quoted attribute.
pub(super) fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Parsers turn a bare carriage return into a line feed.
            '\r' => out.push_str("&#13;"),
            // XML 1.0 has no way to write the other control characters.
            '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}' => {
                out.push('\u{fffd}');
            }
            _ => out.push(c),
        }
    }
}

/// Appends `<D:name>text</D:name>`.
pub(super) fn dav_text(out: &mut String, name: &str, text: &str) {
    out.push_str("<D:");
    out.push_str(name);
    out.push('>');
    escape(out, text);
    out.push_str("</D:");
    out.push_str(name);
    out.push('>');
}

/// The first line of every XML body sent.
pub(super) const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n";

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(text: &str) -> String {
        let mut out = String::new();
        Element::parse(text.as_bytes()).unwrap().write(&mut out);
        out
    }

    #[test]
    fn a_fragment_carries_its_own_namespaces_and_language() {
        let body = "<a:set xmlns:a='DAV:' xml:lang='de'><x:p xmlns:x='urn:x' x:k='1' j='2'>\
                    <q xmlns='urn:q'>T\u{e4}st</q><a:r/></x:p></a:set>";
        let root = Element::parse(body.as_bytes()).unwrap();
        assert!(root.is_dav("set"));
        let mut out = String::new();
        root.elements().next().unwrap().write(&mut out);
        let again = Element::parse(out.as_bytes()).unwrap();
        assert_eq!(&again, root.elements().next().unwrap(), "{out}");
        assert!(out.contains("xml:lang=\"de\"") && out.contains("xmlns:x=\"urn:x\""), "{out}");
    }

    #[test]
    fn writing_what_was_read_is_stable() {
        for text in ["<a>1 &lt; 2 &amp; 3</a>", "<a b=\"&quot;&#13;\"/>", "<p:a xmlns:p=\"u\"/>"] {
            assert_eq!(round_trip(text), *text);
        }
        assert_eq!(round_trip("<a><![CDATA[<b>]]></a>"), "<a>&lt;b&gt;</a>");
    }

    #[test]
    fn broken_documents_are_refused() {
        for text in [
            "",
            "<a>",
            "<a></b>",
            "text",
            "<p:a/>",
            "<bar:foo xmlns:bar=''/>",
            "<a><b></a>",
            "<a x=1/>",
        ] {
            assert_eq!(Element::parse(text.as_bytes()), Err(XmlError::Malformed), "{text}");
        }
    }

    #[test]
    fn entity_declarations_are_refused_and_nothing_is_expanded() {
        let bomb = "<!DOCTYPE a [<!ENTITY x 'xx'><!ENTITY y '&x;&x;'>]><a>&y;</a>";
        assert_eq!(Element::parse(bomb.as_bytes()), Err(XmlError::Doctype));
        let outside = "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>";
        assert_eq!(Element::parse(outside.as_bytes()), Err(XmlError::Doctype));
        let unknown = "<a>&undeclared;</a>";
        assert_eq!(Element::parse(unknown.as_bytes()), Err(XmlError::Malformed));
    }

    #[test]
    fn depth_and_size_are_bounded() {
        let nested = |depth: usize| "<a>".repeat(depth) + &"</a>".repeat(depth);
        assert!(Element::parse(nested(DEPTH_MAX).as_bytes()).is_ok());
        assert_eq!(Element::parse(nested(DEPTH_MAX + 1).as_bytes()), Err(XmlError::TooLarge));
        let large = format!("<a>{}</a>", "x".repeat(BODY_BYTES_MAX));
        assert_eq!(Element::parse(large.as_bytes()), Err(XmlError::TooLarge));
        let many = format!("<a>{}</a>", "<b/>".repeat(NODES_MAX / 2));
        assert_eq!(Element::parse(many.as_bytes()), Err(XmlError::TooLarge));
    }
}
