//! Bodies on their way in and out: counted, bounded, and not allowed to stall.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;

use bytes::Bytes;
use http_body::Body as HttpBody;
use http_body::Frame;
use http_body::SizeHint;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::metrics;
use super::reply::Body;
use super::request_line::RequestLine;
use super::session::Fault;
use super::session::Session;
use crate::base::to_u64;

/// A request body. Fails if the client stalls, or sends more than it announced.
pub(super) struct Inbound {
    body: Incoming,
    session: Session,
    stall: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// Bytes that may still come.
    left: u64,
}

impl Inbound {
    pub(super) fn new(body: Incoming, session: Session, bytes_max: u64) -> Self {
        let stall = Self::stall(&session);
        Self { body, session, stall, left: bytes_max }
    }

    fn stall(session: &Session) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let options = &session.shared.options;
        options.clock.sleep(options.body_timeout)
    }

    /// All of it, if that is at most `bytes_max` bytes; `None` if it is more.
    ///
    /// # Errors
    /// The connection broke, or the client stalled.
    pub(super) async fn collect(mut self, bytes_max: usize) -> io::Result<Option<Vec<u8>>> {
        let mut all = Vec::new();
        while let Some(frame) = self.frame().await {
            if let Ok(data) = frame?.into_data() {
                if data.len() > bytes_max - all.len() {
                    return Ok(None);
                }
                all.extend_from_slice(&data);
            }
        }
        Ok(Some(all))
    }
}

impl HttpBody for Inbound {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
            if self.stall.as_mut().poll(cx).is_ready() {
                self.session.note(Fault::Stalled);
                return Poll::Ready(Some(Err(io::ErrorKind::TimedOut.into())));
            }
            return Poll::Pending;
        };
        let frame = match frame {
            None => return Poll::Ready(None),
            Some(Err(error)) => return Poll::Ready(Some(Err(io::Error::other(error)))),
            Some(Ok(frame)) => frame,
        };
        let length = frame.data_ref().map_or(0, |data| to_u64(data.len()));
        ::metrics::counter!(metrics::BYTES_IN).increment(length);
        if length > self.left {
            self.session.note(Fault::Length);
            return Poll::Ready(Some(Err(io::ErrorKind::InvalidData.into())));
        }
        self.left -= length;
        self.stall = Self::stall(&self.session);
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An answer's body. When it is done, the connection expects the next request.
pub(super) struct Outbound {
    body: Body,
    line: Arc<RequestLine>,
}

impl Outbound {
    pub(super) fn new(body: Body, line: Arc<RequestLine>) -> Self {
        Self { body, line }
    }
}

impl HttpBody for Outbound {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let result = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &result
            && let Some(data) = frame.data_ref()
        {
            ::metrics::counter!(metrics::BYTES_OUT).increment(to_u64(data.len()));
        }
        result
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Outbound {
    fn drop(&mut self) {
        self.line.expect_next();
    }
}
