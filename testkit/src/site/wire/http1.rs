//! HTTP/1.1 requests read along: the heads with their names as written, the bodies skipped.

use super::{Head, Heads};

const MOST_HEADERS: usize = 256;
const LONGEST_HEAD: usize = 256 * 1024;

#[derive(Debug)]
pub(super) struct Http1Tap {
    heads: Heads,
    state: State,
    /// Bytes of a head or of a chunk's size line that is not complete yet.
    pending: Vec<u8>,
}

#[derive(Debug)]
enum State {
    Head,
    /// So many bytes of a body, then `then`.
    Body {
        left: u64,
        then: Box<State>,
    },
    ChunkSize,
    /// The empty line after a chunk.
    ChunkEnd,
    Trailers,
    /// Nothing more can be told apart.
    Lost,
}

impl Http1Tap {
    pub(super) fn new(heads: Heads) -> Self {
        Self {
            heads,
            state: State::Head,
            pending: Vec::new(),
        }
    }

    pub(super) fn read(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            bytes = match &mut self.state {
                State::Lost => return,
                State::Body { left, then } => {
                    let skipped = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    *left -= skipped as u64;
                    if *left == 0 {
                        self.state = std::mem::replace(then, State::Head);
                    }
                    &bytes[skipped..]
                }
                State::Head => self.until(bytes, b"\r\n\r\n", Self::head),
                State::ChunkSize => self.until(bytes, b"\r\n", Self::chunk_size),
                State::ChunkEnd => self.until(bytes, b"\r\n", |_, _| State::ChunkSize),
                State::Trailers => self.until(bytes, b"\r\n", |_, line| {
                    if line == b"\r\n" { State::Head } else { State::Trailers }
                }),
            };
        }
    }

    /// Collects up to and with `mark`, then lets `complete` choose the next state. Gives what is left.
    fn until<'a>(
        &mut self,
        bytes: &'a [u8],
        mark: &[u8],
        complete: impl FnOnce(&mut Self, &[u8]) -> State,
    ) -> &'a [u8] {
        let before = self.pending.len();
        // An empty line before a request is allowed, and is not part of it.
        let bytes = if before == 0 && mark.len() == 4 {
            skip_empty_lines(bytes)
        } else {
            bytes
        };
        self.pending.extend_from_slice(bytes);
        let from = before.saturating_sub(mark.len());
        match self.pending[from..]
            .windows(mark.len())
            .position(|window| window == mark)
        {
            Some(at) => {
                let end = from + at + mark.len();
                let mut whole = std::mem::take(&mut self.pending);
                whole.truncate(end);
                self.state = complete(self, &whole);
                &bytes[end - before..]
            }
            None if self.pending.len() > LONGEST_HEAD => {
                self.state = self.lose("the request's head is too long");
                &[]
            }
            None => &[],
        }
    }

    fn head(&mut self, whole: &[u8]) -> State {
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        if let Err(error) = request.parse(whole) {
            return self.lose(&format!("the request's head cannot be read: {error}"));
        }
        let headers: Vec<_> = request
            .headers
            .iter()
            .map(|header| {
                (
                    header.name.to_owned(),
                    String::from_utf8_lossy(header.value).into_owned(),
                )
            })
            .collect();
        let find = |name: &str| {
            headers
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value)
        };
        let chunked = find("transfer-encoding").is_some_and(|value| value.to_ascii_lowercase().ends_with("chunked"));
        let next = if chunked {
            State::ChunkSize
        } else {
            match find("content-length").and_then(|value| value.trim().parse().ok()) {
                None | Some(0) => State::Head,
                Some(left) => State::Body {
                    left,
                    then: Box::new(State::Head),
                },
            }
        };
        let (method, path) = (
            request.method.unwrap_or_default().to_owned(),
            request.path.unwrap_or_default().to_owned(),
        );
        self.heads.push(Head {
            method,
            path,
            headers,
            http2: None,
        });
        next
    }

    fn chunk_size(&mut self, line: &[u8]) -> State {
        match httparse::parse_chunk_size(line) {
            Ok(httparse::Status::Complete((_, 0))) => State::Trailers,
            Ok(httparse::Status::Complete((_, left))) => State::Body {
                left,
                then: Box::new(State::ChunkEnd),
            },
            _ => self.lose("a chunk's size cannot be read"),
        }
    }

    fn lose(&mut self, why: &str) -> State {
        self.heads.fail(why.to_owned());
        self.pending = Vec::new();
        State::Lost
    }
}

fn skip_empty_lines(mut bytes: &[u8]) -> &[u8] {
    while let Some(rest) = bytes.strip_prefix(b"\r\n") {
        bytes = rest;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const THREE: &[u8] = b"POST /a?x=1 HTTP/1.1\r\nHost: h\r\nX-Odd-CASE: 1\r\ncontent-length: 5\r\n\r\nhelloPUT /b HTTP/1.1\r\n\
        transfer-encoding: chunked\r\nHost: h\r\n\r\n4;ext=1\r\nabcd\r\n2\r\n\r\n\r\n0\r\nTrailer: 1\r\n\r\n\r\nGET /c HTTP/1.1\r\n\r\n";

    #[test]
    fn heads_are_told_from_bodies_wherever_the_bytes_are_cut() {
        for size in 1..THREE.len() {
            let heads = Heads::default();
            let mut tap = Http1Tap::new(heads.clone());
            THREE.chunks(size).for_each(|part| tap.read(part));
            let first = heads.take("POST", "/a?x=1").expect("seen");
            let names: Vec<_> = first.headers.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, ["Host", "X-Odd-CASE", "content-length"], "parts of {size}");
            assert!(
                heads.take("PUT", "/b").is_ok() && heads.take("GET", "/c").is_ok(),
                "parts of {size}"
            );
            assert!(heads.take("GET", "/c").is_err());
        }
    }

    #[test]
    fn garbage_is_reported() {
        let heads = Heads::default();
        Http1Tap::new(heads.clone()).read(b"\x16\x03\x01\r\n\r\n");
        let why = heads.take("GET", "/").expect_err("nothing was read");
        assert!(why.contains("cannot be read"), "{why}");
    }
}
