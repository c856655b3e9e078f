//! Reading a body up to a limit.

use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};

/// Why a body was not read to its end.
#[derive(Debug)]
pub(crate) enum BodyError<E> {
    /// It is longer than the limit.
    TooLong,
    /// It broke off.
    Broken(E),
}

impl<E> BodyError<E> {
    pub(crate) fn map<F>(self, map: impl FnOnce(E) -> F) -> BodyError<F> {
        match self {
            Self::TooLong => BodyError::TooLong,
            Self::Broken(error) => BodyError::Broken(map(error)),
        }
    }
}

/// How much is made room for on the word of a header alone.
const TRUSTED: u64 = 1024 * 1024;

/// Reads a body of decompressed chunks. It holds the limit and one chunk at most: what decompresses to much more is
/// given up on the way.
pub(crate) async fn collect<E>(
    mut chunks: Pin<&mut impl Stream<Item = Result<Bytes, E>>>,
    limit: u64,
    expected: Option<u64>,
) -> Result<Bytes, BodyError<E>> {
    if expected.is_some_and(|expected| expected > limit) {
        return Err(BodyError::TooLong);
    }
    let Some(first) = chunks.next().await else {
        return Ok(Bytes::new());
    };
    let first = first.map_err(BodyError::Broken)?;
    let mut length = first.len() as u64;
    if length > limit {
        return Err(BodyError::TooLong);
    }
    // Most small bodies are one chunk, which needs no copy.
    let Some(second) = chunks.next().await else {
        return Ok(first);
    };
    let room = expected.unwrap_or(0).min(TRUSTED);
    let mut body = BytesMut::with_capacity(usize::try_from(room).unwrap_or(0).max(first.len() * 2));
    body.extend_from_slice(&first);
    let mut next = Some(second);
    while let Some(chunk) = next {
        let chunk = chunk.map_err(BodyError::Broken)?;
        length += chunk.len() as u64;
        if length > limit {
            return Err(BodyError::TooLong);
        }
        body.extend_from_slice(&chunk);
        next = chunks.next().await;
    }
    Ok(body.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use std::pin::pin;

    async fn collected(chunks: &[&'static str], limit: u64, expected: Option<u64>) -> Result<Bytes, BodyError<()>> {
        let chunks = chunks.iter().map(|chunk| Ok(Bytes::from_static(chunk.as_bytes())));
        collect(pin!(stream::iter(chunks.collect::<Vec<_>>())), limit, expected).await
    }

    #[tokio::test]
    async fn a_body_of_any_number_of_chunks_is_whole() {
        assert_eq!(collected(&[], 9, None).await.unwrap(), "");
        assert_eq!(collected(&["ab"], 2, Some(2)).await.unwrap(), "ab");
        assert_eq!(collected(&["ab", "", "cde", "f"], 6, None).await.unwrap(), "abcdef");
    }

    #[tokio::test]
    async fn one_byte_too_many_is_too_many() {
        for chunks in [&["abc"][..], &["ab", "c"], &["a", "b", "c"]] {
            assert!(matches!(collected(chunks, 2, None).await, Err(BodyError::TooLong)));
        }
        assert!(matches!(collected(&[], 2, Some(3)).await, Err(BodyError::TooLong)));
    }

    #[tokio::test]
    async fn an_endless_stream_is_given_up() {
        let endless = stream::repeat_with(|| Ok::<_, ()>(Bytes::from_static(&[0; 4096])));
        assert!(matches!(
            collect(pin!(endless), 1 << 20, None).await,
            Err(BodyError::TooLong)
        ));
    }

    #[tokio::test]
    async fn an_error_in_the_middle_is_an_error() {
        let broken = stream::iter([Ok(Bytes::from_static(b"a")), Ok(Bytes::from_static(b"b")), Err("cut")]);
        assert!(matches!(
            collect(pin!(broken), 99, None).await,
            Err(BodyError::Broken("cut"))
        ));
    }
}
