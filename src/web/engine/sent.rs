//! Responses on their way: what of them is in memory has its share of what answers may take.

use std::borrow::Cow;
use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use http_body_util::Full;
use hyper::body::{Body as HyperBody, Bytes, Frame, SizeHint};
use hyper::header::HeaderValue;
use tokio::task::JoinHandle;

use super::census::{Freight, Share};
use super::pace::Pace;
use crate::web::lock;
use crate::web::message::{Body, Pieces, Refusal, Response};

/// From how many KiB on an answer is a large one. What is kept for others is held once for all of them, and up to its
/// size taken by the kernel.
const LARGE: usize = 32;
const LARGE_SHARED: usize = 128;
/// What an answer in pieces takes, in KiB: the piece that is read, and those that hyper holds.
const PIECES: usize = 32;

/// Returns the room that a response needs on its way; refuses where there is none.
pub fn room(response: &Response, client: IpAddr, freight: &Freight) -> Result<Option<Share>, Refusal> {
    let kib = response.body.bytes().len() / 1024;
    let takes = match &response.body {
        Body::Owned(_) if kib >= LARGE => kib,
        Body::Shared(_) if kib >= LARGE_SHARED => kib,
        Body::Pieces(_) => PIECES,
        Body::Static(_) | Body::Owned(_) | Body::Shared(_) => return Ok(None),
    };
    let full = || Refusal::new(429, "too many large answers are on their way").with("retry-after", "5");
    freight.room(client, response.is_for_known, takes).ok_or_else(full).map(Some)
}

/// Makes hyper's response.
pub fn convert(response: Response, share: Option<Share>, pace: &Arc<Mutex<Pace>>) -> hyper::Response<Sent> {
    let content = match response.body {
        Body::Static(bytes) => Content::Whole(Bytes::from_static(bytes).into()),
        Body::Owned(mut bytes) => {
            // Its share is of what it says, not of the room in which it was made.
            bytes.shrink_to_fit();
            Content::Whole(Bytes::from_owner(Held { bytes, _share: share }).into())
        }
        Body::Shared(bytes) => {
            Content::Whole(Bytes::from_owner(Held { bytes: SharedBytes(bytes), _share: share }).into())
        }
        Body::Pieces(pieces) => Content::Pieces { pieces, next: None, _share: share },
    };
    let mut made = hyper::Response::new(Sent { content, _making: Making(pace.clone()) });
    *made.status_mut() =
        hyper::StatusCode::from_u16(response.status).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in response.headers {
        let value = match value {
            Cow::Borrowed(value) => Ok(HeaderValue::from_static(value)),
            Cow::Owned(value) => HeaderValue::try_from(value),
        };
        if let Ok(value) = value {
            made.headers_mut().append(name, value);
        }
    }
    made
}

/// The body of a response on its way.
pub struct Sent {
    content: Content,
    _making: Making,
}

enum Content {
    Whole(Full<Bytes>),
    Pieces { pieces: Pieces, next: Option<JoinHandle<Option<io::Result<String>>>>, _share: Option<Share> },
}

/// Says at its end that the answer is made.
struct Making(Arc<Mutex<Pace>>);

impl Drop for Making {
    fn drop(&mut self) {
        lock(&self.0).made();
    }
}

impl HyperBody for Sent {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match &mut self.content {
            Content::Whole(whole) => Pin::new(whole).poll_frame(cx).map_err(|e: Infallible| match e {}),
            Content::Pieces { pieces, next, .. } => {
                let pieces = pieces.clone();
                let reading = next.get_or_insert_with(|| tokio::task::spawn_blocking(move || pieces.next()));
                let read = ready!(Pin::new(reading).poll(cx)).map_err(io::Error::other);
                *next = None;
                Poll::Ready(read.transpose().map(|piece| Ok(Frame::data(piece??.into()))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Whole(whole) => whole.is_end_stream(),
            Content::Pieces { .. } => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(whole) => whole.size_hint(),
            Content::Pieces { .. } => SizeHint::default(),
        }
    }
}

/// Bytes with their share of the room for answers, until they are sent or given up.
struct Held<T> {
    bytes: T,
    _share: Option<Share>,
}

impl<T: AsRef<[u8]>> AsRef<[u8]> for Held<T> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}

/// Lets a response share its bytes with a cache.
struct SharedBytes(Arc<Vec<u8>>);

impl AsRef<[u8]> for SharedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}
