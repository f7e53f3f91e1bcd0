//! Fragments in request targets.
//!
//! A `#` is not allowed in a request target (RFC 9112 §3.2), but the HTTP library cuts it off in
//! silence, and then `DELETE /a/#b` deletes all of `/a/`. So the bytes of every request line are
//! looked at on their way in.

use std::io;
use std::io::IoSlice;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;

use parking_lot::Mutex;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;

/// Longest request line that is looked at; the head as a whole has a lower limit.
const LINE_BYTES_MAX: usize = 128 << 10;

/// What was seen of the request line that is expected or under way on one connection.
#[derive(Debug, Default)]
pub(super) struct RequestLine(Mutex<State>);

#[derive(Debug)]
enum State {
    /// Waiting for the end of the line.
    Collecting(Vec<u8>),
    /// The line is complete; whether its target holds a fragment.
    Seen(bool),
}

impl Default for State {
    fn default() -> Self {
        Self::Collecting(Vec::new())
    }
}

impl RequestLine {
    /// Looks at bytes that arrived.
    fn feed(&self, bytes: &[u8]) {
        let mut state = self.0.lock();
        let State::Collecting(line) = &mut *state else { return };
        for &byte in bytes {
            match byte {
                // An empty line may come before a request (RFC 9112 §2.2).
                b'\r' | b'\n' if line.is_empty() => {}
                b'\n' => {
                    *state = State::Seen(has_fragment(line));
                    return;
                }
                _ if line.len() == LINE_BYTES_MAX => {
                    *state = State::Seen(false);
                    return;
                }
                _ => line.push(byte),
            }
        }
    }

    /// Whether the request that is being served came with a fragment.
    pub(super) fn has_fragment(&self) -> bool {
        matches!(*self.0.lock(), State::Seen(true))
    }

    /// The answer is complete: what comes next is a request line.
    pub(super) fn expect_next(&self) {
        *self.0.lock() = State::default();
    }
}

/// Whether `line` is a request line whose target holds a `#`. Anything that is no request line
/// (bytes of a body, if requests were sent without waiting) is left alone.
fn has_fragment(line: &[u8]) -> bool {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mut words = line.split(|&byte| byte == b' ');
    let (method, target, version) = (words.next(), words.next(), words.next());
    let is_method =
        method.is_some_and(|word| !word.is_empty() && word.iter().all(u8::is_ascii_uppercase));
    let is_version = version.is_some_and(|word| word.starts_with(b"HTTP/1."));
    is_method && is_version && target.is_some_and(|target| target.contains(&b'#'))
}

/// A connection whose incoming bytes are shown to a [`RequestLine`].
#[derive(Debug)]
pub(super) struct Watched {
    stream: TcpStream,
    line: Arc<RequestLine>,
}

impl Watched {
    pub(super) fn new(stream: TcpStream, line: Arc<RequestLine>) -> Self {
        Self { stream, line }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buf);
        if let Poll::Ready(Ok(())) = result {
            self.line.feed(buf.filled().get(before..).unwrap_or_default());
        }
        result
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fragment(pieces: &[&str]) -> bool {
        let line = RequestLine::default();
        for piece in pieces {
            line.feed(piece.as_bytes());
        }
        line.has_fragment()
    }

    #[test]
    fn a_fragment_is_seen_however_the_line_arrives() {
        assert!(fragment(&["DELETE /a/#b HTTP/1.1\r\n"]));
        assert!(fragment(&["\r\nDEL", "ETE /a/", "#b HTTP/1", ".1\r", "\nHost: x"]));
        assert!(!fragment(&["DELETE /a/%23b HTTP/1.1\r\nX: #\r\n"]));
        assert!(!fragment(&["DELETE /a/#b HTTP/1.1"]), "the line is not complete");
    }

    #[test]
    fn bytes_that_are_no_request_line_are_left_alone() {
        assert!(!fragment(&["some #body\n"]));
        assert!(!fragment(&["# x HTTP/1.1\n"]));
        assert!(!fragment(&["\0\u{1} # HTTP/1.1\n"]));
    }

    #[test]
    fn the_next_request_starts_afresh() {
        let line = RequestLine::default();
        line.feed(b"GET /#x HTTP/1.1\r\nHost: y\r\n\r\n");
        assert!(line.has_fragment());
        line.expect_next();
        line.feed(b"GET /x HTTP/1.1\r\n");
        assert!(!line.has_fragment());
    }
}
