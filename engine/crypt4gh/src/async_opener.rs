//! Opening a body with random access where reading must not block.

use std::{
    fmt,
    io::{self, SeekFrom},
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncSeek, AsyncSeekExt, ReadBuf};

use crate::{
    Binding, DataKey, SEALED_SEGMENT,
    opener::{plain_length, wanted},
    window::Window,
};

/// As [`BodyOpener`](crate::BodyOpener), over an asynchronous reader with random access: what is jumped over is not read.
pub struct AsyncBodyOpener<R> {
    inner: R,
    start: u64,
    length: u64,
    window: Window,
    /// Bytes of the next sealed segment that were read already.
    filled: usize,
    /// Whether the inner reader is on its way to another place.
    seeking: bool,
}

impl<R: AsyncRead + AsyncSeek + Unpin> AsyncBodyOpener<R> {
    /// Reads from `inner`, whose first segment is at its current position.
    ///
    /// # Errors
    /// If the inner reader cannot tell where it is, or the cryptographic library refuses the key.
    pub async fn new(mut inner: R, keys: &[DataKey], binding: Binding) -> io::Result<Self> {
        let start = inner.stream_position().await?;
        let length = match binding {
            Binding::Position { length, .. } => length,
            Binding::Unbound => {
                let end = inner.seek(SeekFrom::End(0)).await?;
                inner.seek(SeekFrom::Start(start)).await?;
                plain_length(end.saturating_sub(start))
            }
        };
        let window = Window::new(keys, binding).map_err(io::Error::other)?;
        Ok(Self { inner, start, length, window, filled: 0, seeking: false })
    }

    /// Bytes of plaintext.
    pub const fn length(&self) -> u64 {
        self.length
    }
}

impl<R: AsyncRead + AsyncSeek + Unpin> AsyncRead for AsyncBodyOpener<R> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if out.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        while this.window.is_empty() {
            let Some(room) = this.window.room()? else { return Poll::Ready(Ok(())) };
            let size = room.len();
            let mut rest = ReadBuf::new(&mut room[this.filled..]);
            ready!(Pin::new(&mut this.inner).poll_read(cx, &mut rest))?;
            let count = rest.filled().len();
            this.filled += count;
            if count == 0 || this.filled == size {
                this.window.take_in(std::mem::take(&mut this.filled))?;
            }
        }
        let count = this.window.give(out.initialize_unfilled());
        out.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl<R: AsyncRead + AsyncSeek + Unpin> AsyncSeek for AsyncBodyOpener<R> {
    /// Goes to a place in the plaintext; places past its end are its end.
    fn start_seek(self: Pin<&mut Self>, to: SeekFrom) -> io::Result<()> {
        let this = self.get_mut();
        let segment = this.window.go_to(wanted(to, this.window.position(), this.length)?);
        (this.filled, this.seeking) = (0, true);
        let place = this.start + segment * SEALED_SEGMENT as u64;
        Pin::new(&mut this.inner).start_seek(SeekFrom::Start(place))
    }

    fn poll_complete(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        let this = self.get_mut();
        if this.seeking {
            ready!(Pin::new(&mut this.inner).poll_complete(cx))?;
            this.seeking = false;
        }
        Poll::Ready(Ok(this.window.position()))
    }
}

impl<R> fmt::Debug for AsyncBodyOpener<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (binding, next) = (self.window.binding(), self.window.next());
        f.debug_struct("AsyncBodyOpener").field("binding", &binding).field("next", &next).finish_non_exhaustive()
    }
}
