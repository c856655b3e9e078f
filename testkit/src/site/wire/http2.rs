//! HTTP/2 frames read along: settings, window, priorities and header order of the client.

use std::sync::Arc;

use serde::Serialize;

use super::reader::Reader;
use super::{Head, Heads, ja};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const LONGEST_BLOCK: usize = 1024 * 1024;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const SETTINGS: u8 = 4;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

const ACK: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const HAS_PRIORITY: u8 = 0x20;

/// How a client opened its HTTP/2 connection, up to and with its first request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Http2 {
    /// The first SETTINGS frame: (identifier, value), in order.
    pub settings: Vec<(u16, u32)>,
    /// The first WINDOW_UPDATE of the connection: by how many bytes; 0 when none was sent.
    pub window_update: u32,
    /// PRIORITY frames before the first request.
    pub priority_frames: Vec<PriorityFrame>,
    /// The priority that the first HEADERS frame carried.
    pub headers_priority: Option<HeadersPriority>,
    /// Pseudo-headers in order, by first letter: `m,a,s,p` for Chrome.
    pub pseudo_order: String,
    /// Number of the first stream.
    pub first_stream: u32,
    /// `settings|window update|priority frames|pseudo-headers`, the notation that Akamai introduced.
    pub akamai: String,
    /// MD5 of [`akamai`](Self::akamai).
    pub akamai_hash: String,
}

/// One PRIORITY frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PriorityFrame {
    /// The stream it is about.
    pub stream: u32,
    /// The stream it depends on, the weight and whether it is the only child.
    #[serde(flatten)]
    pub priority: HeadersPriority,
}

/// A priority as HTTP/2 first had them (RFC 7540, section 5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct HeadersPriority {
    /// The stream it depends on.
    pub depends_on: u32,
    /// Weight, 1 to 256.
    pub weight: u16,
    /// Whether it is to be the only child of that stream.
    pub exclusive: bool,
}

pub(super) struct Http2Tap {
    heads: Heads,
    decoder: loona_hpack::Decoder<'static>,
    state: State,
    /// Bytes of the preface, a frame's head or a wanted payload that is not complete yet.
    pending: Vec<u8>,
    opening: Http2,
    opened: Option<Arc<Http2>>,
    /// The header block that CONTINUATION frames go on with.
    block: Vec<u8>,
    block_stream: u32,
    last_stream: u32,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Preface,
    FrameHead,
    Payload(Frame),
    Skip(usize),
    Lost,
}

#[derive(Debug, Clone, Copy)]
struct Frame {
    length: usize,
    kind: u8,
    flags: u8,
    stream: u32,
}

impl Http2Tap {
    pub(super) fn new(heads: Heads) -> Self {
        Self {
            heads,
            decoder: loona_hpack::Decoder::new(),
            state: State::Preface,
            pending: Vec::new(),
            opening: Http2::default(),
            opened: None,
            block: Vec::new(),
            block_stream: 0,
            last_stream: 0,
        }
    }

    pub(super) fn read(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let wanted = match self.state {
                State::Lost => return,
                State::Skip(left) => {
                    let skipped = left.min(bytes.len());
                    self.state = if skipped == left {
                        State::FrameHead
                    } else {
                        State::Skip(left - skipped)
                    };
                    bytes = &bytes[skipped..];
                    continue;
                }
                State::Preface => PREFACE.len(),
                State::FrameHead => 9,
                State::Payload(frame) => frame.length,
            };
            let (now, rest) = bytes.split_at(bytes.len().min(wanted - self.pending.len()));
            self.pending.extend_from_slice(now);
            bytes = rest;
            if self.pending.len() == wanted {
                let whole = std::mem::take(&mut self.pending);
                self.state = self.step(&whole).unwrap_or_else(|why| {
                    self.heads.fail(why);
                    State::Lost
                });
            }
        }
    }

    fn step(&mut self, whole: &[u8]) -> Result<State, String> {
        match self.state {
            State::Preface if whole == PREFACE => {}
            State::Preface => return Err("the HTTP/2 preface is not one".to_owned()),
            State::FrameHead => {
                let frame = Frame::read(whole).ok_or("a frame's head is cut short")?;
                let wanted = matches!(frame.kind, HEADERS | CONTINUATION)
                    || self.opened.is_none() && matches!(frame.kind, PRIORITY | SETTINGS | WINDOW_UPDATE);
                return match (wanted, frame.length) {
                    (_, LONGEST_BLOCK..) if frame.kind != DATA => Err("a frame is too long".to_owned()),
                    (true, 0) => self.frame(frame, &[]).map(|()| State::FrameHead),
                    (true, _) => Ok(State::Payload(frame)),
                    (false, 0) => Ok(State::FrameHead),
                    (false, length) => Ok(State::Skip(length)),
                };
            }
            State::Payload(frame) => self.frame(frame, whole)?,
            State::Skip(_) | State::Lost => {}
        }
        Ok(State::FrameHead)
    }

    fn frame(&mut self, frame: Frame, payload: &[u8]) -> Result<(), String> {
        let mut reader = Reader::new(payload);
        match frame.kind {
            SETTINGS if frame.flags & ACK == 0 && self.opening.settings.is_empty() => {
                while let (Some(id), Some(value)) = (reader.u16(), reader.u32()) {
                    self.opening.settings.push((id, value));
                }
            }
            WINDOW_UPDATE if frame.stream == 0 && self.opening.window_update == 0 => {
                self.opening.window_update = reader.u32().ok_or("WINDOW_UPDATE is cut short")? & 0x7fff_ffff;
            }
            PRIORITY => {
                let priority = HeadersPriority::read(&mut reader).ok_or("PRIORITY is cut short")?;
                self.opening.priority_frames.push(PriorityFrame {
                    stream: frame.stream,
                    priority,
                });
            }
            HEADERS => {
                self.block_stream = frame.stream;
                self.block = self.headers(frame, payload).ok_or("HEADERS is cut short")?.to_vec();
            }
            CONTINUATION => self.block.extend_from_slice(payload),
            _ => return Ok(()),
        }
        if self.block.len() > LONGEST_BLOCK {
            return Err("a header block is too long".to_owned());
        }
        if matches!(frame.kind, HEADERS | CONTINUATION) && frame.flags & END_HEADERS != 0 {
            self.block_is_complete()?;
        }
        Ok(())
    }

    /// The header block fragment of a HEADERS frame, without padding and priority.
    fn headers<'a>(&mut self, frame: Frame, payload: &'a [u8]) -> Option<&'a [u8]> {
        let mut reader = Reader::new(payload);
        let padding = if frame.flags & PADDED != 0 {
            usize::from(reader.u8()?)
        } else {
            0
        };
        let mut head = usize::from(frame.flags & PADDED != 0);
        if frame.flags & HAS_PRIORITY != 0 {
            let priority = HeadersPriority::read(&mut reader)?;
            head += 5;
            if self.opened.is_none() {
                self.opening.headers_priority = Some(priority);
            }
        }
        reader.take(payload.len().checked_sub(head + padding)?)
    }

    fn block_is_complete(&mut self) -> Result<(), String> {
        let mut pseudo = Vec::new();
        let mut headers = Vec::new();
        // Trailers are decoded as well: they move the dynamic table.
        self.decoder
            .decode_with_cb(&std::mem::take(&mut self.block), |name, value| {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                let list = if name.starts_with(b":") {
                    &mut pseudo
                } else {
                    &mut headers
                };
                list.push((text(&name), text(&value)));
            })
            .map_err(|error| format!("a header block cannot be read: {error:?}"))?;
        if self.block_stream <= self.last_stream {
            return Ok(());
        }
        self.last_stream = self.block_stream;
        let opening = &mut self.opening;
        let opened = self.opened.get_or_insert_with(|| {
            opening.first_stream = self.block_stream;
            opening.close(&pseudo);
            Arc::new(std::mem::take(opening))
        });
        let find = |name: &str| {
            pseudo
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.clone())
        };
        self.heads.push(Head {
            method: find(":method").unwrap_or_default(),
            path: find(":path").unwrap_or_default(),
            headers,
            http2: Some(Arc::clone(opened)),
        });
        Ok(())
    }
}

impl Http2 {
    fn close(&mut self, pseudo: &[(String, String)]) {
        let letters: Vec<_> = pseudo.iter().filter_map(|(name, _)| name.get(1..2)).collect();
        self.pseudo_order = letters.join(",");
        let settings: Vec<_> = self
            .settings
            .iter()
            .map(|(id, value)| format!("{id}:{value}"))
            .collect();
        let window = if self.window_update == 0 {
            "00".to_owned()
        } else {
            self.window_update.to_string()
        };
        let priorities: Vec<_> = self.priority_frames.iter().map(PriorityFrame::notation).collect();
        let priorities = if priorities.is_empty() {
            "0".to_owned()
        } else {
            priorities.join(",")
        };
        self.akamai = format!("{}|{window}|{priorities}|{}", settings.join(";"), self.pseudo_order);
        self.akamai_hash = ja::md5_hex(&self.akamai);
    }
}

impl PriorityFrame {
    fn notation(&self) -> String {
        let HeadersPriority {
            depends_on,
            weight,
            exclusive,
        } = self.priority;
        format!("{}:{}:{depends_on}:{weight}", self.stream, u8::from(exclusive))
    }
}

impl HeadersPriority {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let (dependency, weight) = (reader.u32()?, reader.u8()?);
        Some(Self {
            depends_on: dependency & 0x7fff_ffff,
            weight: u16::from(weight) + 1,
            exclusive: dependency >> 31 == 1,
        })
    }
}

impl Frame {
    fn read(head: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(head);
        Some(Self {
            length: reader.u24()?,
            kind: reader.u8()?,
            flags: reader.u8()?,
            stream: reader.u32()? & 0x7fff_ffff,
        })
    }
}

#[cfg(test)]
#[path = "http2_tests.rs"]
mod tests;
