//! One request from head to answer: checks, the method, and what every answer carries.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use dav_server::DavHandler;
use http::HeaderMap;
use http::HeaderValue;
use http::Request;
use http::Response;
use http::StatusCode;
use http::Uri;
use http::header;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::body::Inbound;
use super::body::Outbound;
use super::call;
use super::call::Call;
use super::call::Verb;
use super::file::IO_BYTES;
use super::fs::VolumeFs;
use super::method;
use super::metrics;
use super::reply::Answer;
use super::reply::Body;
use super::reply::Refusal;
use super::request_line::RequestLine;
use super::session::Session;
use super::session::Shared;
use super::upload;
use super::xml;
use crate::base::Timestamp;
use crate::base::limits::FILE_BYTES_MAX;
use crate::vfs::Attr;
use crate::vfs::Error;
use crate::vfs::FileKind;

/// What answers the requests of all connections.
pub(super) struct Service {
    shared: Arc<Shared>,
    handler: DavHandler<Session>,
    bound: SocketAddr,
}

/// What HTTP clients learn from OPTIONS: locks, and partial uploads in the manner of SabreDAV.
const DAV: &str = "1, 2, 3, sabredav-partialupdate";
/// Methods on a collection, as OPTIONS gives them: what can be done there and right below.
const ALLOW_COLLECTION: &str = "OPTIONS, GET, HEAD, PUT, PATCH, MKCOL, PROPFIND, PROPPATCH, \
    COPY, MOVE, DELETE, LOCK, UNLOCK";
/// Methods on a collection itself.
const ALLOW_COLLECTION_ITSELF: &str =
    "OPTIONS, GET, HEAD, PROPFIND, PROPPATCH, COPY, MOVE, DELETE, LOCK, UNLOCK";
/// Methods on a file.
const ALLOW_FILE: &str =
    "OPTIONS, GET, HEAD, PUT, PATCH, PROPFIND, PROPPATCH, COPY, MOVE, DELETE, LOCK, UNLOCK";
/// Methods where nothing is.
const ALLOW_ABSENT: &str = "OPTIONS, PUT, MKCOL, LOCK";
/// Methods on anything in a volume that is only read.
const ALLOW_READ_ONLY: &str = "OPTIONS, GET, HEAD, PROPFIND";

impl Service {
    /// A service that believes to be reached at `bound`.
    pub(super) fn new(shared: Arc<Shared>, bound: SocketAddr) -> Self {
        let handler = DavHandler::<Session>::builder()
            .filesystem(Box::new(VolumeFs))
            .autoindex(false)
            .read_buf_size(IO_BYTES)
            .build_handler();
        Self { shared, handler, bound }
    }

    /// Answers one request. Never fails: what goes wrong is an answer too.
    pub(super) async fn serve(
        &self,
        request: Request<Incoming>,
        line: Arc<RequestLine>,
    ) -> Response<Outbound> {
        let clock = &self.shared.options.clock;
        let start = clock.monotonic();
        let verb = Verb::of(request.method());
        let response = match verb {
            None => Refusal::new(StatusCode::NOT_IMPLEMENTED).answer(),
            Some(_) if line.has_fragment() => Refusal::new(StatusCode::BAD_REQUEST).answer(),
            Some(verb) => self.checked(verb, request).await,
        };
        let label = verb.map_or("OTHER", Verb::label);
        let elapsed = clock.monotonic().saturating_sub(start);
        record(label, response.status(), elapsed);
        #[expect(
            clippy::cast_precision_loss,
            clippy::as_conversions,
            reason = "a gauge is a float"
        )]
        ::metrics::gauge!(metrics::LOCKS).set(self.shared.locks.count() as f64);
        response.map(|body| Outbound::new(body, line))
    }

    async fn checked(&self, verb: Verb, request: Request<Incoming>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let session = Session::new(Arc::clone(&self.shared), upload_mtime(&parts.headers));
        let limit = body_limit(verb, &parts.headers);
        let checked = call::check(session, verb, &parts.uri, parts.headers, self.bound);
        let answer = match checked {
            Err(refusal) => Err(refusal),
            Ok(call) => {
                let body = Inbound::new(body, call.session.clone(), limit);
                self.dispatch(call, body).await
            }
        };
        let mut response = answer.unwrap_or_else(|refusal| refusal.answer());
        finish(verb, &mut response);
        response
    }

    async fn dispatch(&self, call: Call, body: Inbound) -> Answer {
        match call.verb {
            Verb::Put | Verb::Patch => {
                upload::check(&call).await?;
                self.crate_handles(&call, Some(body)).await
            }
            Verb::PropFind => method::propfind::propfind(call, &xml_body(body).await?).await,
            Verb::PropPatch => method::proppatch::proppatch(&call, &xml_body(body).await?).await,
            Verb::Lock => method::lock::lock(&call, &xml_body(body).await?).await,
            Verb::Options
            | Verb::Get
            | Verb::Head
            | Verb::MkCol
            | Verb::Copy
            | Verb::Move
            | Verb::Delete
            | Verb::Unlock => {
                // RFC 4918 §8.4: a body that is not understood is refused, not ignored.
                let nothing = body.collect(0).await.map_err(|_| StatusCode::BAD_REQUEST)?;
                nothing.ok_or(StatusCode::UNSUPPORTED_MEDIA_TYPE)?;
                self.without_body(call).await
            }
        }
    }

    async fn without_body(&self, call: Call) -> Answer {
        match call.verb {
            Verb::Options => self.options(&call).await,
            Verb::MkCol => {
                upload::check_new_collection(&call).await?;
                self.crate_handles(&call, None).await
            }
            Verb::Copy => method::copy::copy(call).await,
            Verb::Move => method::relocate::relocate(&call).await,
            Verb::Delete => method::remove::remove(&call).await,
            Verb::Unlock => method::lock::unlock(&call).await,
            Verb::Get
            | Verb::Head
            | Verb::Put
            | Verb::Patch
            | Verb::PropFind
            | Verb::PropPatch
            | Verb::Lock => self.read(&call).await,
        }
    }

    /// GET and HEAD.
    async fn read(&self, call: &Call) -> Answer {
        let found = super::resolve::resolve(&call.session, &call.path, true).await?;
        super::conditional::check(call, Some(&found.attr)).await?;
        if found.attr.kind == FileKind::Directory {
            return method::listing::listing(call, &found.attr).await;
        }
        let mut response = self.crate_handles(call, None).await?;
        // A page that somebody stored must not act with the rights of its viewer.
        let sandbox = HeaderValue::from_static("sandbox");
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, sandbox);
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        Ok(response)
    }

    async fn options(&self, call: &Call) -> Answer {
        let found = super::resolve::resolve(&call.session, &call.path, true).await;
        let attr = match found {
            Ok(found) => Some(found.attr),
            Err(Error::NotFound | Error::NotDirectory) => None,
            Err(error) => return Err(error.into()),
        };
        let mut response = self.crate_handles(call, None).await?;
        let allow = match attr {
            _ if self.shared.vfs.is_read_only() => ALLOW_READ_ONLY,
            None => ALLOW_ABSENT,
            Some(Attr { kind: FileKind::Directory, .. }) => ALLOW_COLLECTION,
            Some(_) => ALLOW_FILE,
        };
        let headers = response.headers_mut();
        headers.insert("dav", HeaderValue::from_static(DAV));
        headers.insert("ms-author-via", HeaderValue::from_static("DAV"));
        headers.insert(header::ALLOW, HeaderValue::from_static(allow));
        headers.insert("public", HeaderValue::from_static(allow));
        Ok(response)
    }

    /// Hands a checked request to `dav-server`, with those headers only that it shall act on.
    async fn crate_handles(&self, call: &Call, body: Option<Inbound>) -> Answer {
        let mut request = Request::new(());
        *request.method_mut() =
            call.verb.label().parse().map_err(|_| StatusCode::NOT_IMPLEMENTED)?;
        let target = call.path.href(call.path.has_slash());
        *request.uri_mut() = target.parse::<Uri>().map_err(|_| StatusCode::URI_TOO_LONG)?;
        *request.headers_mut() = upload::passed_on(call);
        let session = call.session.clone();
        let principal = call.session.principal.clone();
        let response = match body {
            Some(body) => {
                let request = request.map(|()| body);
                self.handler.handle_guarded(request, principal, session).await
            }
            None => {
                let request = request.map(|()| http_body_util::Empty::<Bytes>::new());
                self.handler.handle_guarded(request, principal, session).await
            }
        };
        upload::judge(call, response.map(BodyExt::boxed_unsync))
    }
}

/// The body of a method that takes XML.
async fn xml_body(body: Inbound) -> Result<Vec<u8>, Refusal> {
    let body = body.collect(xml::BODY_BYTES_MAX).await.map_err(|_| StatusCode::BAD_REQUEST)?;
    body.ok_or_else(|| StatusCode::PAYLOAD_TOO_LARGE.into())
}

/// Headers that belong on every answer of their kind.
fn finish(verb: Verb, response: &mut Response<Body>) {
    let status = response.status();
    let headers = response.headers_mut();
    match status {
        StatusCode::METHOD_NOT_ALLOWED if !headers.contains_key(header::ALLOW) => {
            let on_collection = matches!(verb, Verb::Put | Verb::Patch | Verb::MkCol);
            let allow = if on_collection { ALLOW_COLLECTION_ITSELF } else { ALLOW_FILE };
            headers.insert(header::ALLOW, HeaderValue::from_static(allow));
        }
        // Windows would remember for a minute that the file is not there, in any spelling.
        StatusCode::NOT_FOUND => {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            headers.insert(header::VARY, HeaderValue::from_static("*"));
        }
        StatusCode::MULTI_STATUS => {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        }
        _ => {}
    }
}

/// Bytes of body a request may bring.
fn body_limit(verb: Verb, headers: &HeaderMap) -> u64 {
    let announced = headers.get("x-expected-entity-length").and_then(|v| v.to_str().ok());
    match announced.and_then(|text| text.trim().parse::<u64>().ok()) {
        Some(announced) if verb == Verb::Put => announced.min(FILE_BYTES_MAX),
        _ => FILE_BYTES_MAX,
    }
}

/// `X-OC-Mtime`: seconds since 1970, perhaps with a fraction.
fn upload_mtime(headers: &HeaderMap) -> Option<Timestamp> {
    let text = headers.get("x-oc-mtime")?.to_str().ok()?.trim();
    let seconds = text.split('.').next()?.parse().ok()?;
    Some(Timestamp::new(seconds, 0))
}

fn record(method: &'static str, status: StatusCode, elapsed: std::time::Duration) {
    let class = match status.as_u16() {
        100..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    };
    ::metrics::counter!(metrics::REQUESTS, "method" => method, "status" => class).increment(1);
    let seconds = elapsed.as_secs_f64();
    ::metrics::histogram!(metrics::REQUEST_SECONDS, "method" => method).record(seconds);
    tracing::debug!(method, status = status.as_u16(), seconds, "webdav request");
}
