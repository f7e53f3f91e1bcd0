//! Answers: bodies, and refusals with the preconditions that RFC 4918 §16 names.

use std::io;

use bytes::Bytes;
use http::HeaderValue;
use http::Response;
use http::StatusCode;
use http::header;
use http_body_util::BodyExt;
use http_body_util::Full;
use http_body_util::combinators::UnsyncBoxBody;

use super::status::status;
use super::xml;
use crate::vfs::Error;

/// The body of every answer.
pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// What a method answers.
pub(super) type Answer = Result<Response<Body>, Refusal>;

/// A request that is not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The status.
    pub(super) status: StatusCode,
    /// The content of a `DAV:error` element, if the RFC names one for the case.
    condition: Option<String>,
}

impl Refusal {
    /// A refusal that the status alone explains.
    pub(super) fn new(status: StatusCode) -> Self {
        Self { status, condition: None }
    }

    /// A refusal with a precondition element such as `propfind-finite-depth`.
    pub(super) fn with_condition(status: StatusCode, name: &str) -> Self {
        Self { status, condition: Some(format!("<D:{name}/>")) }
    }

    /// A refusal whose precondition names the resource that stands in the way.
    pub(super) fn with_href(status: StatusCode, name: &str, href: &str) -> Self {
        let mut condition = format!("<D:{name}>");
        xml::dav_text(&mut condition, "href", href);
        condition.push_str(&format!("</D:{name}>"));
        Self { status, condition: Some(condition) }
    }

    /// The answer that says so. Bodies are fixed words: nothing of the request or of the host.
    pub(super) fn answer(&self) -> Response<Body> {
        let mut response = match &self.condition {
            Some(condition) => {
                let body = format!(
                    "{}<D:error xmlns:D=\"DAV:\">{condition}</D:error>\n",
                    xml::DECLARATION
                );
                with_body(self.status, "application/xml; charset=utf-8", body)
            }
            None => {
                let reason = self.status.canonical_reason().unwrap_or("Refused");
                let body = format!("{} {reason}\n", self.status.as_u16());
                with_body(self.status, "text/plain; charset=utf-8", body)
            }
        };
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            let seconds = HeaderValue::from_static("10");
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::new(status(&error))
    }
}

impl From<StatusCode> for Refusal {
    fn from(status: StatusCode) -> Self {
        Self::new(status)
    }
}

/// An answer without a body.
pub(super) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(full(Bytes::new()));
    *response.status_mut() = status;
    response
}

/// An answer with a body in memory.
pub(super) fn with_body(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<Body> {
    let mut response = Response::new(full(body.into()));
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

/// A body in memory.
pub(super) fn full(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_body_never_carries_what_the_store_said() {
        let refusal = Refusal::from(Error::Unavailable("/srv/bucket/secret".into()));
        let response = refusal.answer();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::RETRY_AFTER], "10");
        assert!(!format!("{refusal:?}").contains("secret"));
    }

    #[test]
    fn a_condition_escapes_the_href() {
        let refusal = Refusal::with_href(StatusCode::LOCKED, "lock-token-submitted", "/a&b");
        let expected = "<D:lock-token-submitted><D:href>/a&amp;b</D:href></D:lock-token-submitted>";
        assert_eq!(refusal.condition.as_deref(), Some(expected));
    }
}
