//! Moving a container's standard streams.

use std::{
    fs::File,
    future,
    io::{Read, Write},
    pin::{Pin, pin},
};

use bollard::container::{AttachContainerResults, LogOutput};
use futures_util::StreamExt;
use sluis_executor::{ExecutorError, OutputFile, StreamFiles};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::daemon::{failed, unavailable};

/// How much is read of standard input at a time, in bytes.
const CHUNK: usize = 64 << 10;

/// Writes what the container prints to its files until it ends, and feeds it its input meanwhile.
///
/// The files stand in memory, so they are written right here; while that takes, nothing more is read from the daemon,
/// and the command waits.
pub(crate) async fn pump(mut files: StreamFiles, attached: AttachContainerResults) -> Result<(), ExecutorError> {
    let AttachContainerResults { mut output, input } = attached;
    let stdin = files.stdin.take();
    let mut feed = pin!(async move {
        let held = feed(stdin, input).await;
        // What is fed may end long before the output does; the connection is held until then.
        future::pending::<()>().await;
        drop(held);
    });
    loop {
        let chunk = tokio::select! {
            chunk = output.next() => chunk,
            () = &mut feed => None,
        };
        match chunk {
            None => return Ok(()),
            Some(Ok(LogOutput::StdOut { message })) => write(&mut files.stdout, &message)?,
            Some(Ok(LogOutput::StdErr { message })) => write(&mut files.stderr, &message)?,
            // Half of a frame: the connection broke.
            Some(Ok(LogOutput::Console { .. })) => return Err(unavailable("the output broke off")),
            Some(Ok(LogOutput::StdIn { .. })) => {}
            Some(Err(error)) => return Err(failed("pass on a container's output".to_owned(), error)),
        }
    }
}

fn write(to: &mut OutputFile, bytes: &[u8]) -> Result<(), ExecutorError> {
    to.file.write_all(bytes).map_err(ExecutorError::file(&to.path, "written"))
}

/// Feeds the input and closes it. A command that does not read it all has its reasons.
async fn feed(from: Option<File>, mut to: Pin<Box<dyn AsyncWrite + Send>>) -> Pin<Box<dyn AsyncWrite + Send>> {
    let Some(mut from) = from else { return to };
    let mut buffer = vec![0; CHUNK];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..count]).await.is_err() {
            return to;
        }
    }
    // An error here means that the command has ended.
    let _ = to.shutdown().await;
    to
}
