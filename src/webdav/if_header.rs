//! The `If` header (RFC 4918 §10.4): parsed into lists; whether they hold is decided elsewhere.

/// Conditions in one header; clients send one or two.
const CONDITIONS_MAX: usize = 64;

/// All lists of one header. The header holds if any of them does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct IfHeader {
    /// The lists in the order sent; never empty.
    pub(super) lists: Vec<IfList>,
}

/// Conditions that must all hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct IfList {
    /// The URI of the resource meant; `None` means that of the request.
    pub(super) resource: Option<String>,
    /// Never empty.
    pub(super) conditions: Vec<IfCondition>,
}

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct IfCondition {
    /// Whether `Not` stands before it.
    pub(super) negated: bool,
    /// What is asked for.
    pub(super) state: IfState,
}

/// What a condition asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum IfState {
    /// A state token, without its angle brackets: in practice a lock token.
    Token(String),
    /// An entity tag with its quotes, and `W/` if weak.
    ETag(String),
}

/// The header is not as RFC 4918 §10.4.2 says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the If header is broken")]
pub(super) struct BrokenIf;

impl IfHeader {
    /// Reads the value of a header.
    ///
    /// # Errors
    /// [`BrokenIf`]: a header that is not understood must not be taken for one that holds.
    pub(super) fn parse(text: &str) -> Result<Self, BrokenIf> {
        let mut rest = text.trim_start();
        let mut lists = Vec::new();
        let mut resource: Option<String> = None;
        let mut conditions_count = 0_usize;
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('<') {
                // A tag must come first and be followed by a list; untagged and tagged lists do
                // not mix.
                if resource.is_none() && !lists.is_empty() {
                    return Err(BrokenIf);
                }
                let (uri, after) = after.split_once('>').ok_or(BrokenIf)?;
                rest = after.trim_start();
                if uri.is_empty() || !rest.starts_with('(') {
                    return Err(BrokenIf);
                }
                resource = Some(uri.to_owned());
            }
            let (conditions, after) = parse_list(rest)?;
            conditions_count += conditions.len();
            if conditions_count > CONDITIONS_MAX {
                return Err(BrokenIf);
            }
            lists.push(IfList { resource: resource.clone(), conditions });
            rest = after.trim_start();
        }
        if lists.is_empty() { Err(BrokenIf) } else { Ok(Self { lists }) }
    }

    /// Every state token in it: naming one counts as submitting it (RFC 4918 §10.4.1), whatever
    /// its list says.
    pub(super) fn tokens(&self) -> Vec<String> {
        let conditions = self.lists.iter().flat_map(|list| &list.conditions);
        conditions
            .filter_map(|condition| match &condition.state {
                IfState::Token(token) => Some(token.clone()),
                IfState::ETag(_) => None,
            })
            .collect()
    }
}

/// Reads `(conditions)` and gives what follows.
fn parse_list(text: &str) -> Result<(Vec<IfCondition>, &str), BrokenIf> {
    let mut rest = text.strip_prefix('(').ok_or(BrokenIf)?.trim_start();
    let mut conditions = Vec::new();
    loop {
        if let Some(after) = rest.strip_prefix(')') {
            return if conditions.is_empty() { Err(BrokenIf) } else { Ok((conditions, after)) };
        }
        let negated = rest.get(..3).is_some_and(|word| word.eq_ignore_ascii_case("not"));
        if negated {
            rest = rest.get(3..).unwrap_or_default().trim_start();
        }
        let (state, after) = if let Some(after) = rest.strip_prefix('<') {
            let (token, after) = after.split_once('>').ok_or(BrokenIf)?;
            if token.is_empty() || token.contains(['<', '(', ')', ' ']) {
                return Err(BrokenIf);
            }
            (IfState::Token(token.to_owned()), after)
        } else if let Some(after) = rest.strip_prefix('[') {
            let (tag, after) = after.split_once(']').ok_or(BrokenIf)?;
            if !is_etag(tag) {
                return Err(BrokenIf);
            }
            (IfState::ETag(tag.to_owned()), after)
        } else {
            return Err(BrokenIf);
        };
        if conditions.len() == CONDITIONS_MAX {
            return Err(BrokenIf);
        }
        conditions.push(IfCondition { negated, state });
        rest = after.trim_start();
    }
}

/// Whether `tag` is an entity tag as RFC 9110 §8.8.3 writes it.
fn is_etag(tag: &str) -> bool {
    let opaque = tag.strip_prefix("W/").unwrap_or(tag);
    let inner = opaque.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.is_some_and(|inner| !inner.contains('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(text: &str) -> IfState {
        IfState::Token(text.to_owned())
    }

    #[test]
    fn untagged_lists_mean_the_request() {
        let header =
            IfHeader::parse("(<urn:uuid:a> [\"e\"]) ( Not <DAV:no-lock> [W/\"f\"] )").unwrap();
        assert_eq!(header.lists.len(), 2);
        assert!(header.lists.iter().all(|list| list.resource.is_none()));
        let second = &header.lists[1].conditions;
        assert_eq!(second[0], IfCondition { negated: true, state: token("DAV:no-lock") });
        assert_eq!(second[1].state, IfState::ETag("W/\"f\"".into()));
        assert_eq!(header.tokens(), ["urn:uuid:a", "DAV:no-lock"]);
    }

    #[test]
    fn a_tag_holds_until_the_next_one() {
        let header = IfHeader::parse("<http://h/a> (<t:1>)(<t:2>) </b> (<t:3>)").unwrap();
        let resources: Vec<_> =
            header.lists.iter().map(|list| list.resource.as_deref().unwrap()).collect();
        assert_eq!(resources, ["http://h/a", "http://h/a", "/b"]);
    }

    #[test]
    fn broken_headers_are_refused() {
        for text in [
            "",
            "()",
            "(",
            "(<a>",
            "(<a)",
            "<a>",
            "<a> <b> (<c>)",
            "(<a>) <b> (<c>)",
            "(a)",
            "[\"e\"]",
            "([e])",
            "(Not)",
            "(<>)",
            "(<a>) x",
            "(<a>))",
            "\"nonsense\"",
        ] {
            assert_eq!(IfHeader::parse(text), Err(BrokenIf), "{text}");
        }
    }

    #[test]
    fn conditions_are_bounded() {
        let list = |count: usize| format!("({})", "<t>".repeat(count));
        assert!(IfHeader::parse(&list(CONDITIONS_MAX)).is_ok());
        assert!(IfHeader::parse(&list(CONDITIONS_MAX + 1)).is_err());
        assert!(IfHeader::parse(&"(<t>)".repeat(CONDITIONS_MAX)).is_ok());
        assert!(IfHeader::parse(&"(<t>)".repeat(CONDITIONS_MAX + 1)).is_err());
    }
}
